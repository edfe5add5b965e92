//! JoinGroup: a member enters the next generation. The answer comes when the rebalance has collected everybody, which may
//! take minutes: nothing of the request's frame is kept meanwhile.

use bytes::Bytes;
use weir_core::group::{
    Command, GroupId, Join, JoinRefused, Joined, MemberId, Protocol, ProtocolName, ProtocolType, Reply,
};
use weir_model::DurationMs;
use weir_wire::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use weir_wire::{ErrorCode, Str};

use super::errors;
use super::group_words::{ask_until_stopped, client_host, instance, named};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let join = command(caller, &request);
    drop(request);
    if let Err(error) = named(join.group.as_str()) {
        return refused(caller.version, error, &join.member);
    }
    let (group, member) = (join.group.clone(), join.member.clone());
    match ask_until_stopped(broker, group.as_str(), Command::Join(join)).await {
        Ok(Reply::Join(Ok(joined))) => answer(caller.version, joined),
        Ok(Reply::Join(Err(JoinRefused { error, member }))) => {
            refused(caller.version, errors::of_group(error), &member)
        }
        Ok(_) => refused(caller.version, ErrorCode::UnknownServerError, &member),
        Err(error) => refused(caller.version, error, &member),
    }
}

fn command(caller: &Caller<'_>, request: &JoinGroupRequest) -> Join {
    let version = caller.version;
    let rebalance_timeout =
        if version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms };
    Join {
        group: GroupId::from(request.group_id.as_str()),
        member: MemberId::from(request.member_id.as_str()),
        instance: instance(request.group_instance_id.as_ref()),
        client_id: caller.client_id.into(),
        client_host: client_host(caller.session.peer),
        session_timeout: DurationMs(request.session_timeout_ms.into()),
        rebalance_timeout: DurationMs(rebalance_timeout.into()),
        protocol_type: ProtocolType::from(request.protocol_type.as_str()),
        protocols: request.protocols.iter().map(|p| protocol(&p.name, &p.metadata)).collect(),
        requires_known_member_id: version >= 4,
        supports_skipping_assignment: version >= 9,
    }
}

fn protocol(name: &str, metadata: &Bytes) -> Protocol {
    Protocol { name: ProtocolName::from(name), metadata: Bytes::copy_from_slice(metadata) }
}

fn answer(version: i16, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| JoinGroupResponseMember {
        member_id: member.member.as_str().into(),
        group_instance_id: member.instance.map(|id| id.as_str().into()),
        metadata: member.metadata,
    });
    JoinGroupResponse {
        generation_id: joined.generation.0,
        protocol_type: joined.protocol_type.map(|kind| kind.as_str().into()),
        protocol_name: protocol_name(version, joined.protocol.as_ref()),
        leader: joined.leader.as_str().into(),
        skip_assignment: version >= 9 && joined.skip_assignment,
        member_id: joined.member.as_str().into(),
        members: members.collect(),
        ..Default::default()
    }
}

fn refused(version: i16, error: ErrorCode, member: &MemberId) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: error.into(),
        protocol_name: protocol_name(version, None),
        member_id: member.as_str().into(),
        ..Default::default()
    }
}

/// "None" is null since version 7, and empty before.
fn protocol_name(version: i16, name: Option<&ProtocolName>) -> Option<Str> {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => Some(name.as_str().into()),
        None if version >= 7 => None,
        None => Some(Str::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_core::group::{Generation, JoinedMember};
    use weir_wire::messages::join_group::JoinGroupRequestProtocol;

    use super::*;
    use crate::net::connection::Session;

    fn understood(version: i16, request: &JoinGroupRequest) -> Join {
        let session = Session::new("10.0.0.1:5000".parse().unwrap(), Arc::from("PLAINTEXT"));
        command(&Caller { session: &session, version, client_id: "app" }, request)
    }

    #[test]
    fn versions_differ_in_timeouts_member_ids_and_skipping() {
        let request = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".into(),
            ..Default::default()
        };
        let cases = [
            (0, 10_000, false, false),
            (1, 60_000, false, false),
            (4, 60_000, true, false),
            (9, 60_000, true, true),
        ];
        for (version, rebalance, id_first, skips) in cases {
            let join = understood(version, &request);
            assert_eq!(join.rebalance_timeout, DurationMs(rebalance), "v{version}");
            assert_eq!(join.requires_known_member_id, id_first, "v{version}");
            assert_eq!(join.supports_skipping_assignment, skips, "v{version}");
            assert_eq!((&*join.client_id, &*join.client_host), ("app", "/10.0.0.1"));
        }
    }

    #[test]
    fn metadata_is_copied_out_of_the_frame() {
        let frame = Bytes::from_static(b"subscription");
        let protocols = vec![JoinGroupRequestProtocol { name: "range".into(), metadata: frame.clone() }];
        let join = understood(9, &JoinGroupRequest { protocols, ..Default::default() });
        assert_eq!(join.protocols[0].metadata, frame);
        assert_ne!(join.protocols[0].metadata.as_ptr(), frame.as_ptr());
    }

    #[test]
    fn a_refusal_has_no_generation_and_no_protocol_and_can_be_encoded() {
        for (version, protocol) in [(0, Some(Str::new())), (6, Some(Str::new())), (7, None), (9, None)] {
            let response = refused(version, ErrorCode::MemberIdRequired, &MemberId::from("app-1"));
            assert_eq!((response.error_code, response.generation_id), (79, -1));
            assert_eq!((response.protocol_name.clone(), response.member_id.as_str()), (protocol, "app-1"));
            weir_wire::frame::encode_response(version, 1, &response).unwrap();
        }
    }

    #[test]
    fn the_leader_is_told_everybody_in_every_version() {
        let member = |id: &str| JoinedMember {
            member: MemberId::from(id),
            instance: Some(id.into()),
            metadata: Bytes::from_static(b"x"),
        };
        let joined = Joined {
            generation: Generation(3),
            protocol_type: Some(ProtocolType::from("consumer")),
            protocol: Some(ProtocolName::from("range")),
            leader: MemberId::from("a"),
            member: MemberId::from("a"),
            skip_assignment: true,
            members: vec![member("a"), member("b")],
        };
        for version in 0..=9 {
            let response = answer(version, joined.clone());
            assert_eq!((response.members.len(), response.skip_assignment), (2, version == 9));
            weir_wire::frame::encode_response(version, 1, &response).unwrap();
        }
    }
}
