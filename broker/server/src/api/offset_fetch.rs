//! OffsetFetch: the committed offsets of one group (until version 7) or several. Topics are named until version 9 and have
//! ids since version 10; no topics (null) means all there are. A partition without an offset is an answer, not an error,
//! whether it exists or not. What is asked for twice is answered once, so that a small request has no answer of any size.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use uuid::Uuid;
use weir_core::controller::Image;
use weir_core::group::{FetchOffsets, FetchedOffset, FetchedTopic, GroupError, GroupId, WantedTopic};
use weir_model::{PartitionIndex, TopicId, TopicName};
use weir_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use weir_wire::{ErrorCode, Str};

use super::asked_partitions::{By, topic};
use super::errors;
use super::group_words::{AT_A_TIME, look};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    let (version, require_stable) = (caller.version, request.require_stable);
    let image = broker.image();
    let groups = stream::iter(first_mentions(groups_of(version, request)))
        .map(|group| {
            let image = Arc::clone(&image);
            async move {
                match group {
                    Ok(group) => fetch(broker, &image, version, require_stable, group).await,
                    Err(repeated) => refused(repeated, ErrorCode::InvalidRequest, Vec::new()),
                }
            }
        })
        .buffered(AT_A_TIME);
    respond(version, groups.collect().await)
}

/// Every version's request in the shape of the newest.
fn groups_of(version: i16, request: OffsetFetchRequest) -> Vec<OffsetFetchRequestGroup> {
    if version >= 8 {
        return request.groups;
    }
    let topics = request.topics.map(|topics| {
        let newer = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            topic_id: Uuid::nil(),
            partition_indexes: topic.partition_indexes,
        });
        newer.collect()
    });
    vec![OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() }]
}

/// A group that is named again is refused: by its name only.
fn first_mentions(groups: Vec<OffsetFetchRequestGroup>) -> Vec<Result<OffsetFetchRequestGroup, Str>> {
    let mut seen = HashSet::new();
    let once = groups.into_iter().map(|group| match seen.insert(group.group_id.clone()) {
        true => Ok(group),
        false => Err(group.group_id),
    });
    once.collect()
}

async fn fetch(
    broker: &Broker,
    image: &Image,
    version: i16,
    require_stable: bool,
    request: OffsetFetchRequestGroup,
) -> OffsetFetchResponseGroup {
    let by = if version >= 10 { By::Id } else { By::Name };
    let OffsetFetchRequestGroup { group_id, topics, .. } = request;
    let asked = topics.map(|topics| asked(image, by, topics));
    let wanted = asked.as_deref().map(|asked| asked.iter().filter_map(Asked::wanted).collect());
    let fetch = FetchOffsets { group: GroupId::from(group_id.as_str()), topics: wanted, require_stable };
    match (look(broker, &group_id, move |groups| groups.fetch_offsets(&fetch)).await, asked) {
        (Ok(fetched), Some(asked)) => found(group_id, asked_topics(asked, fetched)),
        (Ok(fetched), None) => found(group_id, all_topics(image, by, fetched)),
        (Err(error), asked) => {
            let topics =
                if version <= 1 { asked_but_failed(asked.unwrap_or_default(), error) } else { Vec::new() };
            refused(group_id, error, topics)
        }
    }
}

/// One topic that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    name: Str,
    id: Uuid,
    indexes: Vec<i32>,
    meant: Meant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Meant {
    /// May have offsets, even if it was deleted since.
    Topic(TopicName, TopicId),
    /// Can not have offsets: the code for each partition.
    Nothing(ErrorCode),
}

fn asked(image: &Image, by: By, topics: Vec<OffsetFetchRequestTopics>) -> Vec<Asked> {
    let mut seen: HashMap<(Str, Uuid), HashSet<i32>> = HashMap::new();
    let topics =
        topics.into_iter().map(|OffsetFetchRequestTopics { name, topic_id, mut partition_indexes }| {
            let seen = seen.entry((name.clone(), topic_id)).or_default();
            partition_indexes.retain(|index| seen.insert(*index));
            let meant = meant(image, by, &name, topic_id);
            Asked { name, id: topic_id, indexes: partition_indexes, meant }
        });
    topics.collect()
}

fn meant(image: &Image, by: By, name: &str, id: Uuid) -> Meant {
    match by {
        By::Id => match topic(image, by, name, id) {
            Ok(topic) => Meant::Topic(topic.name.clone(), topic.id),
            Err(error) => Meant::Nothing(error),
        },
        By::Name => match TopicName::new(name) {
            Ok(name) => Meant::Topic(name, TopicId::ZERO),
            Err(_) => Meant::Nothing(ErrorCode::None),
        },
    }
}

impl Asked {
    fn wanted(&self) -> Option<WantedTopic> {
        let Meant::Topic(topic, topic_id) = &self.meant else { return None };
        let partitions = self.indexes.iter().map(|index| PartitionIndex(*index)).collect();
        Some(WantedTopic { topic: topic.clone(), topic_id: *topic_id, partitions })
    }
}

/// The coordinator answers topics in the order it was asked for them.
fn asked_topics(asked: Vec<Asked>, fetched: Vec<FetchedTopic>) -> Vec<OffsetFetchResponseTopics> {
    let mut fetched = fetched.into_iter();
    let topics = asked.into_iter().map(|asked| {
        let partitions = match asked.meant {
            Meant::Topic(..) => fetched.next().map_or_else(Vec::new, fetched_partitions),
            Meant::Nothing(error) => {
                asked.indexes.iter().map(|index| without_offset(*index, error)).collect()
            }
        };
        OffsetFetchResponseTopics { name: asked.name, topic_id: asked.id, partitions }
    });
    topics.collect()
}

/// Who asks by ids can not be told of a topic that has none.
fn all_topics(image: &Image, by: By, fetched: Vec<FetchedTopic>) -> Vec<OffsetFetchResponseTopics> {
    let topics = fetched.into_iter().filter_map(|topic| {
        let known = Some(topic.topic_id).filter(|id| *id != TopicId::ZERO);
        let id = known.or_else(|| image.topic(topic.topic.as_str()).map(|topic| topic.id));
        if by == By::Id && id.is_none() {
            return None;
        }
        let name = Str::from(topic.topic.as_str());
        let topic_id = id.map_or(Uuid::nil(), |id| id.0);
        Some(OffsetFetchResponseTopics { name, topic_id, partitions: fetched_partitions(topic) })
    });
    topics.collect()
}

/// Version 1 has no error but those of partitions.
fn asked_but_failed(asked: Vec<Asked>, error: ErrorCode) -> Vec<OffsetFetchResponseTopics> {
    let topics = asked.into_iter().map(|asked| OffsetFetchResponseTopics {
        partitions: asked.indexes.iter().map(|index| without_offset(*index, error)).collect(),
        name: asked.name,
        topic_id: asked.id,
    });
    topics.collect()
}

fn fetched_partitions(topic: FetchedTopic) -> Vec<OffsetFetchResponsePartitions> {
    topic.partitions.into_iter().map(|(index, outcome)| fetched_partition(index.0, outcome)).collect()
}

fn fetched_partition(
    partition_index: i32,
    outcome: Result<Option<FetchedOffset>, GroupError>,
) -> OffsetFetchResponsePartitions {
    match outcome {
        Ok(Some(found)) => OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: found.offset.0,
            committed_leader_epoch: found.leader_epoch.0,
            metadata: Some((&*found.metadata).into()),
            error_code: 0,
        },
        Ok(None) => without_offset(partition_index, ErrorCode::None),
        Err(error) => without_offset(partition_index, errors::of_group(error)),
    }
}

fn without_offset(partition_index: i32, error: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(Str::new()),
        error_code: error.into(),
    }
}

fn found(group_id: Str, topics: Vec<OffsetFetchResponseTopics>) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup { group_id, topics, error_code: 0 }
}

fn refused(
    group_id: Str,
    error: ErrorCode,
    topics: Vec<OffsetFetchResponseTopics>,
) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup { group_id, topics, error_code: error.into() }
}

fn respond(version: i16, groups: Vec<OffsetFetchResponseGroup>) -> OffsetFetchResponse {
    if version >= 8 {
        return OffsetFetchResponse { groups, ..Default::default() };
    }
    let Some(group) = groups.into_iter().next() else { return OffsetFetchResponse::default() };
    OffsetFetchResponse {
        error_code: group.error_code,
        topics: group.topics.into_iter().map(older_topic).collect(),
        ..Default::default()
    }
}

fn older_topic(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|p| OffsetFetchResponsePartition {
        partition_index: p.partition_index,
        committed_offset: p.committed_offset,
        committed_leader_epoch: p.committed_leader_epoch,
        metadata: p.metadata,
        error_code: p.error_code,
    });
    OffsetFetchResponseTopic { partitions: partitions.collect(), name: topic.name }
}

#[cfg(test)]
mod tests;
