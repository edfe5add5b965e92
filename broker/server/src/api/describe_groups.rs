//! DescribeGroups: state and members of groups. A group that does not exist is in the state "Dead"; since version 6 that is
//! an error, too. A group that is named twice is described once, so that a small request has no answer of any size.

use futures_util::{StreamExt, stream};
use weir_core::group::{DescribedMember, Description, GroupId};
use weir_wire::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use weir_wire::{ErrorCode, Str};

use super::allowed_operations::{GROUP, NOT_ASKED};
use super::group_words::{AT_A_TIME, look};
use super::repeated::first_of_each;
use crate::broker::Broker;
use crate::dispatch::Caller;

/// The state of a group that does not exist.
const DEAD: Str = Str::from_static("Dead");

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let version = caller.version;
    let operations = if version >= 3 && request.include_authorized_operations { GROUP } else { NOT_ASKED };
    let groups = stream::iter(first_of_each(request.groups, Clone::clone))
        .map(|group| async move {
            let id = GroupId::from(group.as_str());
            let seen = look(broker, &group, move |groups| groups.describe(&id)).await;
            describe(version, operations, group, seen)
        })
        .buffered(AT_A_TIME);
    DescribeGroupsResponse { groups: groups.collect().await, ..Default::default() }
}

fn describe(
    version: i16,
    operations: i32,
    group_id: Str,
    seen: Result<Description, ErrorCode>,
) -> DescribedGroup {
    match seen {
        Ok(found) => DescribedGroup {
            group_id,
            group_state: Str::from_static(found.state.as_str()),
            protocol_type: found.protocol_type.as_str().into(),
            protocol_data: found.protocol.as_str().into(),
            members: found.members.into_iter().map(|member| describe_member(version, member)).collect(),
            authorized_operations: operations,
            ..Default::default()
        },
        Err(ErrorCode::GroupIdNotFound) if version >= 6 => DescribedGroup {
            error_code: ErrorCode::GroupIdNotFound.into(),
            error_message: Some(Str::from(format!("group {} not found", &*group_id))),
            group_id,
            group_state: DEAD,
            ..Default::default()
        },
        Err(ErrorCode::GroupIdNotFound) => DescribedGroup {
            group_id,
            group_state: DEAD,
            authorized_operations: operations,
            ..Default::default()
        },
        Err(error) => DescribedGroup { error_code: error.into(), group_id, ..Default::default() },
    }
}

fn describe_member(version: i16, member: DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: member.member.as_str().into(),
        group_instance_id: member.instance.filter(|_| version >= 4).map(|id| id.as_str().into()),
        client_id: (&*member.client_id).into(),
        client_host: (&*member.client_host).into(),
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_core::group::{GroupState, MemberId, ProtocolName, ProtocolType};

    use super::*;

    fn description() -> Description {
        let member = DescribedMember {
            member: MemberId::from("app-1"),
            instance: Some("rack-7".into()),
            client_id: "app".into(),
            client_host: "/10.0.0.1".into(),
            metadata: Bytes::from_static(b"m"),
            assignment: Bytes::from_static(b"a"),
        };
        Description {
            group: GroupId::from("g"),
            state: GroupState::Stable,
            protocol_type: ProtocolType::from("consumer"),
            protocol: ProtocolName::from("range"),
            members: vec![member],
        }
    }

    fn described(version: i16, seen: Result<Description, ErrorCode>) -> DescribedGroup {
        let operations = if version >= 3 { GROUP } else { NOT_ASKED };
        let group = describe(version, operations, "g".into(), seen);
        let response = DescribeGroupsResponse { groups: vec![group.clone()], ..Default::default() };
        weir_wire::frame::encode_response(version, 1, &response).unwrap();
        group
    }

    #[test]
    fn a_missing_group_is_dead_and_since_version_six_an_error() {
        for (version, error, told) in [(0, 0, false), (5, 0, false), (6, 69, true)] {
            let group = described(version, Err(ErrorCode::GroupIdNotFound));
            assert_eq!((group.error_code, group.error_message.is_some()), (error, told), "v{version}");
            assert_eq!(group.group_state.as_str(), "Dead");
        }
    }

    #[test]
    fn another_error_says_nothing_of_the_group() {
        for version in 0..=6 {
            let group = described(version, Err(ErrorCode::NotCoordinator));
            assert_eq!((group.error_code, group.group_state.as_str()), (16, ""));
            assert_eq!(group.authorized_operations, NOT_ASKED);
        }
    }

    #[test]
    fn every_version_can_carry_a_static_member() {
        for version in 0..=6 {
            let group = described(version, Ok(description()));
            assert_eq!((group.group_state.as_str(), group.protocol_data.as_str()), ("Stable", "range"));
            let member = &group.members[0];
            assert_eq!(
                (member.client_host.as_str(), &member.member_assignment[..]),
                ("/10.0.0.1", &b"a"[..])
            );
            assert_eq!(member.group_instance_id.is_some(), version >= 4);
        }
    }
}
