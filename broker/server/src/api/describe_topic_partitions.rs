//! DescribeTopicPartitions: topics by name, page by page. Decides which topics and partitions stand on a page and where
//! the next one begins.

use std::collections::BTreeSet;

use weir_core::controller::{Image, Partition, Topic};
use weir_model::{BrokerId, PartitionIndex, TopicId, TopicName};
use weir_wire::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition as PartitionRow,
    DescribeTopicPartitionsResponseTopic as TopicRow,
};
use weir_wire::{ErrorCode, Str};

use super::allowed_operations;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let most = usize::try_from(broker.config().request_partition_limit).unwrap_or(usize::MAX);
    let asked = usize::try_from(request.response_partition_limit).unwrap_or_default();
    let limit = asked.min(most).max(1);
    if !is_valid(&request) {
        return refused(request);
    }
    page(&broker.image(), &request, limit)
}

/// A cursor stands at a partition of a topic that is asked for.
fn is_valid(request: &DescribeTopicPartitionsRequest) -> bool {
    let Some(cursor) = &request.cursor else { return true };
    let listed = request.topics.is_empty() || request.topics.iter().any(|t| t.name == cursor.topic_name);
    listed && cursor.partition_index >= 0
}

/// There is no field for an error of the whole request: each topic of it gets one.
fn refused(request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let row = |name| TopicRow {
        error_code: ErrorCode::InvalidRequest.into(),
        name: Some(name),
        topic_authorized_operations: allowed_operations::NOT_ASKED,
        ..TopicRow::default()
    };
    let topics = request.topics.into_iter().map(|topic| row(topic.name)).collect();
    DescribeTopicPartitionsResponse { topics, ..DescribeTopicPartitionsResponse::default() }
}

/// The names from the cursor on, sorted: those asked for, or every one there is.
fn names<'a>(
    image: &'a Image,
    request: &'a DescribeTopicPartitionsRequest,
    from: &'a str,
) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    if !request.topics.is_empty() {
        let asked: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name.as_str()).collect();
        return Box::new(asked.into_iter().filter(move |name| *name >= from));
    }
    Box::new(image.topics_from(from).map(|topic| topic.name.as_str()))
}

fn page(
    image: &Image,
    request: &DescribeTopicPartitionsRequest,
    limit: usize,
) -> DescribeTopicPartitionsResponse {
    let (from, first) = request
        .cursor
        .as_ref()
        .map_or(("", 0), |cursor| (cursor.topic_name.as_str(), cursor.partition_index));
    let mut room = limit;
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names(image, request, from) {
        if room == 0 {
            response.next_cursor = Some(cursor(name, 0));
            break;
        }
        let Some(topic) = image.topic(name) else {
            response.topics.push(missing(name));
            continue;
        };
        let skip = if name == from { usize::try_from(first).unwrap_or_default() } else { 0 };
        let row = found(image, topic, skip, room);
        let (shown, end) = (row.partitions.len(), skip.saturating_add(row.partitions.len()));
        response.topics.push(row);
        if end < topic.partitions.len() {
            response.next_cursor = Some(cursor(name, end));
            break;
        }
        room -= shown;
    }
    response
}

fn cursor(name: &str, partition: usize) -> Cursor {
    let partition_index = i32::try_from(partition).unwrap_or(i32::MAX);
    Cursor { topic_name: Str::from(name), partition_index }
}

fn missing(name: &str) -> TopicRow {
    let code = match TopicName::new(name) {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    TopicRow {
        error_code: code.into(),
        name: Some(Str::from(name)),
        topic_id: TopicId::ZERO.0,
        is_internal: weir_core::controller::is_internal(name),
        topic_authorized_operations: allowed_operations::TOPIC,
        ..TopicRow::default()
    }
}

fn found(image: &Image, topic: &Topic, skip: usize, most: usize) -> TopicRow {
    let partitions = topic.numbered().skip(skip).take(most);
    TopicRow {
        error_code: ErrorCode::None.into(),
        name: Some(Str::from(topic.name.as_str())),
        topic_id: topic.id.0,
        is_internal: topic.is_internal(),
        partitions: partitions.map(|(index, partition)| partition_row(image, index, partition)).collect(),
        topic_authorized_operations: allowed_operations::TOPIC,
    }
}

/// Unlike in Metadata, a partition without a leader is no error here.
fn partition_row(image: &Image, index: PartitionIndex, partition: &Partition) -> PartitionRow {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.0).collect();
    let offline = partition.replicas.iter().filter(|id| !image.is_active(**id));
    PartitionRow {
        error_code: ErrorCode::None.into(),
        partition_index: index.0,
        leader_id: partition.leader.map_or(-1, |leader| leader.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: ids(&partition.replicas),
        isr_nodes: ids(&partition.isr),
        eligible_leader_replicas: Some(ids(&partition.elr)),
        last_known_elr: Some(Vec::new()),
        offline_replicas: offline.map(|id| id.0).collect(),
    }
}

#[cfg(test)]
mod tests;
