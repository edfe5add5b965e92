//! SyncGroup: the leader hands out assignments, and each member gets its own. The answer of a follower waits for the
//! leader: nothing of the request's frame is kept meanwhile.

use bytes::Bytes;
use weir_core::group::{
    Command, Generation, GroupId, MemberId, ProtocolName, ProtocolType, Reply, Sync, Synced,
};
use weir_wire::ErrorCode;
use weir_wire::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::errors;
use super::group_words::{ask_until_stopped, instance, named};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    let sync = match command(caller.version, &request) {
        Ok(sync) => sync,
        Err(error) => return refused(error),
    };
    drop(request);
    let group = sync.group.clone();
    match ask_until_stopped(broker, group.as_str(), Command::Sync(sync)).await {
        Ok(Reply::Sync(Ok(synced))) => answer(synced),
        Ok(Reply::Sync(Err(error))) => refused(errors::of_group(error)),
        Ok(_) => refused(ErrorCode::UnknownServerError),
        Err(error) => refused(error),
    }
}

/// Since version 5 a member must say which protocol it believes in.
fn command(version: i16, request: &SyncGroupRequest) -> Result<Sync, ErrorCode> {
    if version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    named(&request.group_id)?;
    let assignments = request
        .assignments
        .iter()
        .map(|given| (MemberId::from(given.member_id.as_str()), Bytes::copy_from_slice(&given.assignment)));
    Ok(Sync {
        group: GroupId::from(request.group_id.as_str()),
        member: MemberId::from(request.member_id.as_str()),
        instance: instance(request.group_instance_id.as_ref()),
        generation: Generation(request.generation_id),
        protocol_type: request.protocol_type.as_ref().map(|kind| ProtocolType::from(kind.as_str())),
        protocol: request.protocol_name.as_ref().map(|name| ProtocolName::from(name.as_str())),
        assignments: assignments.collect(),
    })
}

fn answer(synced: Synced) -> SyncGroupResponse {
    SyncGroupResponse {
        protocol_type: synced.protocol_type.map(|kind| kind.as_str().into()),
        protocol_name: synced.protocol.map(|name| name.as_str().into()),
        assignment: synced.assignment,
        ..Default::default()
    }
}

fn refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: error.into(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use weir_wire::messages::sync_group::SyncGroupRequestAssignment;

    use super::*;

    fn request(group: &str, kind: Option<&str>, name: Option<&str>) -> SyncGroupRequest {
        SyncGroupRequest {
            group_id: group.into(),
            protocol_type: kind.map(Into::into),
            protocol_name: name.map(Into::into),
            ..Default::default()
        }
    }

    #[test]
    fn the_protocol_must_be_named_since_version_five() {
        let inconsistent = Err(ErrorCode::InconsistentGroupProtocol);
        let cases = [
            (4, request("g", None, None), Ok(())),
            (5, request("g", Some("consumer"), Some("range")), Ok(())),
            (5, request("g", Some("consumer"), None), inconsistent),
            (5, request("g", None, Some("range")), inconsistent),
            (5, request("", Some("consumer"), Some("range")), Err(ErrorCode::InvalidGroupId)),
        ];
        for (version, request, expected) in cases {
            assert_eq!(command(version, &request).map(|_| ()), expected, "v{version} {request:?}");
        }
    }

    #[test]
    fn assignments_are_copied_out_of_the_frame() {
        let frame = Bytes::from_static(b"partitions");
        let given = SyncGroupRequestAssignment { member_id: "m".into(), assignment: frame.clone() };
        let request = SyncGroupRequest { assignments: vec![given], ..request("g", None, None) };
        let sync = command(3, &request).unwrap();
        assert_eq!(sync.assignments, [(MemberId::from("m"), frame.clone())]);
        assert_ne!(sync.assignments[0].1.as_ptr(), frame.as_ptr());
    }

    #[test]
    fn every_version_can_carry_both_answers() {
        let synced = Synced {
            protocol_type: Some(ProtocolType::from("consumer")),
            protocol: Some(ProtocolName::from("range")),
            assignment: Bytes::from_static(b"x"),
        };
        for version in 0..=5 {
            for response in [answer(synced.clone()), refused(ErrorCode::RebalanceInProgress)] {
                weir_wire::frame::encode_response(version, 1, &response).unwrap();
            }
        }
    }
}
