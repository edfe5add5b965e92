//! ListGroups: every group of the shard that passes the filters. Filters are words of the client's, so unknown ones match
//! nothing and letter case does not count.

use super::committed::Committed;
use super::ids::{GroupId, ProtocolType};
use super::live::Live;
use super::reply::{GroupState, Listed};

/// The only type of group there is here.
pub const GROUP_TYPE: &str = "classic";

pub(super) fn list(committed: &Committed, live: &Live, states: &[&str], types: &[&str]) -> Vec<Listed> {
    if !types.is_empty() && !types.iter().any(|t| t.eq_ignore_ascii_case(GROUP_TYPE)) {
        return Vec::new();
    }
    let wanted = |group: &Listed| {
        states.is_empty() || states.iter().any(|s| s.trim().eq_ignore_ascii_case(group.state.as_str()))
    };
    let mut groups: Vec<Listed> = quiet(committed, live).chain(alive(live)).filter(wanted).collect();
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    groups
}

fn alive(live: &Live) -> impl Iterator<Item = Listed> {
    live.iter().map(|group| listed(&group.id, group.protocol_type.as_ref(), group.state()))
}

fn quiet(committed: &Committed, live: &Live) -> impl Iterator<Item = Listed> {
    committed.iter().filter(|(id, _)| live.get(id).is_none()).map(|(id, group)| {
        let protocol_type = group.meta.as_ref().and_then(|m| m.protocol_type.as_ref());
        listed(id, protocol_type, GroupState::Empty)
    })
}

fn listed(group: &GroupId, protocol_type: Option<&ProtocolType>, state: GroupState) -> Listed {
    Listed { group: group.clone(), protocol_type: protocol_type.cloned().unwrap_or_default(), state }
}
