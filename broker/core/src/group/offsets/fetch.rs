//! OffsetFetch: what the log says. A group or a partition without an offset is an answer, not an error. When
//! transactions come, an offset inside an unfinished one is refused here if `require_stable` asks for it.

use std::collections::BTreeMap;

use weir_model::{PartitionIndex, TopicId, TopicName};

use crate::group::command::{FetchOffsets, WantedTopic};
use crate::group::committed::CommittedGroup;
use crate::group::records::CommittedOffset;
use crate::group::reply::{FetchedOffset, FetchedTopic};

pub(in crate::group) fn fetch(group: Option<&CommittedGroup>, request: &FetchOffsets) -> Vec<FetchedTopic> {
    match &request.topics {
        Some(wanted) => wanted.iter().map(|topic| fetch_wanted(group, topic)).collect(),
        None => group.map_or_else(Vec::new, |g| g.offsets.iter().map(fetch_whole).collect()),
    }
}

fn fetch_wanted(group: Option<&CommittedGroup>, wanted: &WantedTopic) -> FetchedTopic {
    let one = |partition: &PartitionIndex| {
        let offset = group.and_then(|g| g.offset(&wanted.topic, *partition));
        (*partition, Ok(offset.filter(|o| is_same_topic(o.topic_id, wanted.topic_id)).map(fetched)))
    };
    let partitions = wanted.partitions.iter().map(one).collect();
    FetchedTopic { topic: wanted.topic.clone(), topic_id: wanted.topic_id, partitions }
}

fn fetch_whole(
    (topic, partitions): (&TopicName, &BTreeMap<PartitionIndex, CommittedOffset>),
) -> FetchedTopic {
    let topic_id = partitions.values().map(|o| o.topic_id).max().unwrap_or_default();
    let partitions = partitions.iter().map(|(partition, offset)| (*partition, Ok(Some(fetched(offset)))));
    FetchedTopic { topic: topic.clone(), topic_id, partitions: partitions.collect() }
}

/// An offset of a topic that was deleted and made again under its old name means nothing for the new one.
fn is_same_topic(committed: TopicId, wanted: TopicId) -> bool {
    committed == TopicId::ZERO || wanted == TopicId::ZERO || committed == wanted
}

fn fetched(offset: &CommittedOffset) -> FetchedOffset {
    FetchedOffset {
        offset: offset.offset,
        leader_epoch: offset.leader_epoch,
        metadata: offset.metadata.clone(),
    }
}
