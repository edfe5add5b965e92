//! OffsetDelete, and forgetting the offsets of topics that no longer exist.

use std::collections::BTreeSet;

use weir_model::{PartitionIndex, TopicId, TopicName};

use super::subscribed;
use crate::group::command::DeleteOffsets;
use crate::group::committed::{Committed, CommittedGroup};
use crate::group::error::GroupError;
use crate::group::live::{LiveGroup, Phase};
use crate::group::records::Record;
use crate::group::reply::TopicOutcome;
use crate::group::subscription::Subscribed;
use crate::group::turn::Turn;

/// Only consumers say what they are subscribed to, so another kind of group must be empty.
pub(in crate::group) fn delete(
    group: &LiveGroup,
    request: DeleteOffsets,
    turn: &mut Turn<'_>,
) -> Result<Vec<TopicOutcome>, GroupError> {
    let committed = turn.committed.get(&group.id);
    let subscribed = subscribed(Some(group), committed);
    if group.phase != Phase::Empty && subscribed == Subscribed::NotConsumers {
        return Err(GroupError::NonEmptyGroup);
    }
    let mut outcomes = Vec::with_capacity(request.topics.len());
    for (topic, partitions) in request.topics {
        let outcome =
            if subscribed.uses(topic.as_str()) { Err(GroupError::GroupSubscribedToTopic) } else { Ok(()) };
        if outcome.is_ok() {
            turn.out.records.extend(tombstones(group, committed, &topic, &partitions));
        }
        let partitions = partitions.into_iter().map(|p| (p, outcome)).collect();
        outcomes.push(TopicOutcome { topic, topic_id: TopicId::ZERO, partitions });
    }
    Ok(outcomes)
}

fn tombstones(
    group: &LiveGroup,
    committed: Option<&CommittedGroup>,
    topic: &TopicName,
    partitions: &[PartitionIndex],
) -> Vec<Record> {
    let there: BTreeSet<_> =
        partitions.iter().filter(|p| committed.is_some_and(|c| c.offset(topic, **p).is_some())).collect();
    there.into_iter().map(|p| Record::offset_tombstone(&group.id, topic, *p)).collect()
}

/// The tombstones of every group's offsets for these topics.
pub(in crate::group) fn of_topics(committed: &Committed, topics: &BTreeSet<TopicName>) -> Vec<Record> {
    let mut records = Vec::new();
    for (id, group) in committed.iter() {
        for (topic, partitions) in group.offsets.iter().filter(|(topic, _)| topics.contains(topic)) {
            records.extend(partitions.keys().map(|p| Record::offset_tombstone(id, topic, *p)));
        }
    }
    records
}
