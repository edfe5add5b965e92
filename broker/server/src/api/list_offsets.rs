//! ListOffsets: the ends of a log, or where a time lies in it.

use std::collections::BTreeSet;

use weir_core::controller::Image;
use weir_core::partition::{Isolation, ListOffsets, Reader};
use weir_model::{LeaderEpoch, PartitionIndex};
use weir_wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse,
};
use weir_wire::{ErrorCode, Str};

use super::errors;
use crate::broker::Broker;
use crate::dispatch::Caller;
use crate::partition::command::{ListedOffset, OffsetQuery};

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let image = broker.image();
    let isolation =
        if request.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let twice = asked_twice(&request);
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let found = if twice.contains(&(topic.name.clone(), asked.partition_index)) {
                Err(ErrorCode::InvalidRequest)
            } else {
                find(broker, caller.version, &image, &topic.name, asked, isolation).await
            };
            partitions.push(answer(caller.version, asked.partition_index, found));
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }
}

/// The partitions that a request names more than once: two answers could not be told apart.
fn asked_twice(request: &ListOffsetsRequest) -> BTreeSet<(Str, i32)> {
    let named = |topic: &ListOffsetsTopic| {
        let name = topic.name.clone();
        topic.partitions.iter().map(move |p| (name.clone(), p.partition_index)).collect::<Vec<_>>()
    };
    let mut seen = BTreeSet::new();
    request.topics.iter().flat_map(named).filter(|place| !seen.insert(place.clone())).collect()
}

async fn find(
    broker: &Broker,
    version: i16,
    image: &Image,
    topic: &str,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<ListedOffset, ErrorCode> {
    let what = question(version, asked.timestamp)?;
    let index = PartitionIndex(asked.partition_index);
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let current_leader_epoch = Some(LeaderEpoch(asked.current_leader_epoch)).filter(|epoch| epoch.0 >= 0);
    let query = OffsetQuery { what, reader: Reader::Consumer(isolation), current_leader_epoch };
    let owner = broker.partition(topic, index).map_err(|error| errors::of_partition(&error))?;
    owner.list_offsets(query).await.map_err(|error| errors::of_partition(&error))
}

/// The special times came one by one with the versions.
fn question(version: i16, timestamp: i64) -> Result<ListOffsets, ErrorCode> {
    let since = match timestamp {
        -3 => 7,
        -4 => 8,
        -5 => 9,
        -6 => 11,
        _ => 0,
    };
    if version < since {
        return Err(ErrorCode::UnsupportedVersion);
    }
    ListOffsets::from_timestamp(timestamp).ok_or(ErrorCode::UnsupportedVersion)
}

fn answer(
    version: i16,
    partition_index: i32,
    found: Result<ListedOffset, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    match found {
        Ok(ListedOffset { offset, timestamp, leader_epoch }) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: 0,
            timestamp: timestamp.0,
            offset: offset.0,
            // Older versions have no room for it.
            leader_epoch: if version >= 4 { leader_epoch.0 } else { LeaderEpoch::NONE.0 },
        },
        Err(code) => ListOffsetsPartitionResponse {
            partition_index,
            error_code: code.into(),
            ..ListOffsetsPartitionResponse::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_asked_for_twice_is_noticed_also_under_a_repeated_topic() {
        let topic = |name: &'static str, indexes: &[i32]| ListOffsetsTopic {
            name: Str::from_static(name),
            partitions: indexes
                .iter()
                .map(|&partition_index| ListOffsetsPartition { partition_index, ..Default::default() })
                .collect(),
        };
        let topics = vec![topic("a", &[0, 1, 0]), topic("b", &[0, 1]), topic("b", &[1])];
        let twice = asked_twice(&ListOffsetsRequest { topics, ..Default::default() });
        assert_eq!(twice, BTreeSet::from([(Str::from_static("a"), 0), (Str::from_static("b"), 1)]));
    }

    #[test]
    fn special_times_are_known_from_their_version_on() {
        for (version, timestamp, known) in [
            (1, -1, true),
            (1, -2, true),
            (6, -3, false),
            (7, -3, true),
            (8, -4, true),
            (10, -6, false),
            (11, -9, false),
        ] {
            assert_eq!(question(version, timestamp).is_ok(), known, "v{version} {timestamp}");
        }
    }
}
