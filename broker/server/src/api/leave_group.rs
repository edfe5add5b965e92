//! LeaveGroup: one member leaves (up to version 2), or several are removed, each with its own outcome.

use weir_core::group::{Command, GroupId, Leave, Leaver, Left, MemberId, Reply};
use weir_wire::ErrorCode;
use weir_wire::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use super::errors;
use super::group_words::{ask, code, instance, named};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    answer(caller.version, leave(broker, caller.version, &request).await)
}

async fn leave(broker: &Broker, version: i16, request: &LeaveGroupRequest) -> Result<Vec<Left>, ErrorCode> {
    named(&request.group_id)?;
    match ask(broker, &request.group_id, Command::Leave(command(version, request))).await? {
        Reply::Leave(outcome) => outcome.map_err(errors::of_group),
        _ => Err(ErrorCode::UnknownServerError),
    }
}

fn command(version: i16, request: &LeaveGroupRequest) -> Leave {
    let members = if version <= 2 {
        vec![Leaver { member: MemberId::from(request.member_id.as_str()), instance: None }]
    } else {
        let leaver = request.members.iter().map(|member| Leaver {
            member: MemberId::from(member.member_id.as_str()),
            instance: instance(member.group_instance_id.as_ref()),
        });
        leaver.collect()
    };
    Leave { group: GroupId::from(request.group_id.as_str()), members }
}

/// Before version 3 there is one error, of the request or of its only member.
fn answer(version: i16, outcome: Result<Vec<Left>, ErrorCode>) -> LeaveGroupResponse {
    let (error, members) = match outcome {
        Err(error) => (error, Vec::new()),
        Ok(left) if version <= 2 => {
            (left.first().map_or(ErrorCode::None, |left| code(left.outcome)), Vec::new())
        }
        Ok(left) => (ErrorCode::None, left.into_iter().map(member).collect()),
    };
    LeaveGroupResponse { error_code: error.into(), members, ..Default::default() }
}

fn member(left: Left) -> MemberResponse {
    MemberResponse {
        member_id: left.member.as_str().into(),
        group_instance_id: left.instance.map(|id| id.as_str().into()),
        error_code: code(left.outcome).into(),
    }
}

#[cfg(test)]
mod tests {
    use weir_core::group::GroupError;
    use weir_wire::messages::leave_group::MemberIdentity;

    use super::*;

    #[test]
    fn one_member_leaves_before_version_three_and_any_number_after() {
        let identity = |id: &str| MemberIdentity { member_id: id.into(), ..Default::default() };
        let old = LeaveGroupRequest { member_id: "a".into(), ..Default::default() };
        let new = LeaveGroupRequest { members: vec![identity("b"), identity("c")], ..Default::default() };
        let cases = [
            (0, &old, vec!["a"]),
            (2, &old, vec!["a"]),
            (3, &new, vec!["b", "c"]),
            (5, &new, vec!["b", "c"]),
        ];
        for (version, request, members) in cases {
            let leave = command(version, request);
            assert_eq!(leave.members.iter().map(|l| l.member.as_str()).collect::<Vec<_>>(), members);
        }
    }

    #[test]
    fn a_members_error_is_the_whole_error_before_version_three() {
        let left = |outcome| Left { member: MemberId::from("a"), instance: None, outcome };
        let unknown = ErrorCode::UnknownMemberId.code();
        let cases = [
            (2, Ok(vec![left(Err(GroupError::UnknownMemberId))]), unknown, vec![]),
            (2, Ok(vec![left(Ok(()))]), 0, vec![]),
            (3, Ok(vec![left(Err(GroupError::UnknownMemberId)), left(Ok(()))]), 0, vec![unknown, 0]),
            (5, Err(ErrorCode::NotCoordinator), ErrorCode::NotCoordinator.code(), vec![]),
        ];
        for (version, outcome, error, members) in cases {
            let response = answer(version, outcome);
            assert_eq!(response.error_code, error);
            assert_eq!(response.members.iter().map(|m| m.error_code).collect::<Vec<_>>(), members);
            weir_wire::frame::encode_response(version, 1, &response).unwrap();
        }
    }
}
