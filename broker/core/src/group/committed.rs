//! The replicated state of a shard and its only mutator, `apply`. A leader, a follower, a restart and a test all come
//! here by the same records. Must never know a clock, a phase of a rebalance or a waiting request.

use std::collections::BTreeMap;

use weir_model::{PartitionIndex, TopicName};

use super::ids::GroupId;
use super::records::{CommittedOffset, GroupMeta, Record};

/// Everything that the log says. Equality is what "replay equals live state" means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    groups: BTreeMap<GroupId, CommittedGroup>,
}

/// One group as the log says. It exists as long as one of its records does, so compaction can not change the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CommittedGroup {
    /// The last completed rebalance; `None` for a group that only stores offsets.
    pub(super) meta: Option<GroupMeta>,
    /// The offsets.
    pub(super) offsets: BTreeMap<TopicName, BTreeMap<PartitionIndex, CommittedOffset>>,
}

impl Committed {
    pub(super) fn get(&self, group: &GroupId) -> Option<&CommittedGroup> {
        self.groups.get(group)
    }

    pub(super) fn meta(&self, group: &GroupId) -> Option<&GroupMeta> {
        self.groups.get(group)?.meta.as_ref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&GroupId, &CommittedGroup)> {
        self.groups.iter()
    }

    /// The groups after `cursor`, or from the first one.
    pub(super) fn after(
        &self,
        cursor: Option<&GroupId>,
    ) -> impl Iterator<Item = (&GroupId, &CommittedGroup)> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.groups.range::<GroupId, _>((cursor.map_or(Unbounded, Excluded), Unbounded))
    }

    /// Every committed offset of every group.
    pub(super) fn positions(
        &self,
    ) -> impl Iterator<Item = (&GroupId, &TopicName, PartitionIndex, &CommittedOffset)> {
        self.groups.iter().flat_map(|(id, group)| {
            group.offsets.iter().flat_map(move |(topic, partitions)| {
                partitions.iter().map(move |(index, committed)| (id, topic, *index, committed))
            })
        })
    }

    /// The only way in.
    pub(super) fn apply(&mut self, record: &Record) {
        let group = self.groups.entry(record.group().clone()).or_default();
        match record {
            Record::Group { meta, .. } => group.meta.clone_from(meta),
            Record::Offset { key, value: Some(offset) } => {
                group.offsets.entry(key.topic.clone()).or_default().insert(key.partition, offset.clone());
            }
            Record::Offset { key, value: None } => group.forget_offset(&key.topic, key.partition),
        }
        if group.meta.is_none() && group.offsets.is_empty() {
            self.groups.remove(record.group());
        }
    }
}

impl CommittedGroup {
    pub(super) fn offset(&self, topic: &TopicName, partition: PartitionIndex) -> Option<&CommittedOffset> {
        self.offsets.get(topic)?.get(&partition)
    }

    fn forget_offset(&mut self, topic: &TopicName, partition: PartitionIndex) {
        if let Some(partitions) = self.offsets.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.offsets.remove(topic);
            }
        }
    }
}
