//! DeleteGroups: an empty group goes with all its offsets.

use super::committed::Committed;
use super::error::GroupError;
use super::ids::GroupId;
use super::live::{Live, Phase};
use super::records::Record;

/// The records that delete the group, or why it stays.
pub(super) fn delete(committed: &Committed, live: &Live, id: &GroupId) -> Result<Vec<Record>, GroupError> {
    let alive = live.get(id);
    if alive.is_some_and(|group| group.phase != Phase::Empty) {
        return Err(GroupError::NonEmptyGroup);
    }
    let Some(group) = committed.get(id) else {
        return if alive.is_some() { Ok(Vec::new()) } else { Err(GroupError::GroupIdNotFound) };
    };
    let mut records = Vec::new();
    for (topic, partitions) in &group.offsets {
        records.extend(partitions.keys().map(|p| Record::offset_tombstone(id, topic, *p)));
    }
    if group.meta.is_some() {
        records.push(Record::Group { group: id.clone(), meta: None });
    }
    Ok(records)
}
