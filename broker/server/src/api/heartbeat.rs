//! Heartbeat: a member says that it lives, and hears whether it must rejoin.

use weir_core::group::{Command, Generation, GroupId, Heartbeat, MemberId, Reply};
use weir_wire::ErrorCode;
use weir_wire::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::group_words::{ask, code, instance, named};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(broker: &Broker, _: &Caller<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let error = match beat(broker, &request).await {
        Ok(()) => ErrorCode::None,
        Err(error) => heard(error),
    };
    HeartbeatResponse { error_code: error.into(), ..Default::default() }
}

async fn beat(broker: &Broker, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
    named(&request.group_id)?;
    match ask(broker, &request.group_id, Command::Heartbeat(command(request))).await? {
        Reply::Heartbeat(outcome) => match code(outcome) {
            ErrorCode::None => Ok(()),
            error => Err(error),
        },
        _ => Err(ErrorCode::UnknownServerError),
    }
}

fn command(request: &HeartbeatRequest) -> Heartbeat {
    Heartbeat {
        group: GroupId::from(request.group_id.as_str()),
        member: MemberId::from(request.member_id.as_str()),
        instance: instance(request.group_instance_id.as_ref()),
        generation: Generation(request.generation_id),
    }
}

/// While the log is read nobody's session runs, so a member has nothing to fear and nothing to do: as in Kafka it is
/// told that all is well, and does not leave its group for the coordinator's sake.
fn heard(error: ErrorCode) -> ErrorCode {
    if error == ErrorCode::CoordinatorLoadInProgress { ErrorCode::None } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinator_that_loads_upsets_no_member() {
        assert_eq!(heard(ErrorCode::CoordinatorLoadInProgress), ErrorCode::None);
        for error in [ErrorCode::NotCoordinator, ErrorCode::RebalanceInProgress, ErrorCode::InvalidGroupId] {
            assert_eq!(heard(error), error);
        }
    }

    #[test]
    fn a_static_member_keeps_its_name_in_the_command() {
        let request = HeartbeatRequest {
            group_id: "g".into(),
            generation_id: 7,
            member_id: "m".into(),
            group_instance_id: Some("i".into()),
        };
        let said = command(&request);
        assert_eq!((said.generation, said.instance.unwrap().as_str()), (Generation(7), "i"));
        assert_eq!((said.group.as_str(), said.member.as_str()), ("g", "m"));
    }
}
