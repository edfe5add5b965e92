//! DescribeGroups: a group as it is now. Metadata is shown only of a stable group, for only then is a protocol in use.

use bytes::Bytes;

use super::committed::Committed;
use super::error::GroupError;
use super::ids::{GroupId, MemberId};
use super::live::{Live, LiveGroup, Phase};
use super::records::{GroupMeta, Profile};
use super::reply::{DescribedMember, Description, GroupState};

pub(super) fn describe(committed: &Committed, live: &Live, id: &GroupId) -> Result<Description, GroupError> {
    let meta = committed.meta(id);
    match (live.get(id), committed.get(id)) {
        (Some(group), _) => Ok(describe_live(group, meta)),
        (None, Some(_)) => Ok(Description {
            group: id.clone(),
            state: GroupState::Empty,
            protocol_type: meta.and_then(|m| m.protocol_type.clone()).unwrap_or_default(),
            protocol: Default::default(),
            members: Vec::new(),
        }),
        (None, None) => Err(GroupError::GroupIdNotFound),
    }
}

fn describe_live(group: &LiveGroup, meta: Option<&GroupMeta>) -> Description {
    let stable = group.phase == Phase::Stable;
    let members = group.members().iter().map(|(id, member)| {
        let metadata = if stable { member.metadata(group.protocol.as_ref()) } else { Bytes::new() };
        let written = meta.and_then(|m| m.members.get(id));
        describe_member(
            id,
            &member.profile,
            metadata,
            written.map_or_else(Bytes::new, |m| m.assignment.clone()),
        )
    });
    Description {
        group: group.id.clone(),
        state: group.state(),
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        protocol: group.protocol.clone().filter(|_| stable).unwrap_or_default(),
        members: members.collect(),
    }
}

fn describe_member(id: &MemberId, profile: &Profile, metadata: Bytes, assignment: Bytes) -> DescribedMember {
    DescribedMember {
        member: id.clone(),
        instance: profile.instance.clone(),
        client_id: profile.client_id.clone(),
        client_host: profile.client_host.clone(),
        metadata,
        assignment,
    }
}
