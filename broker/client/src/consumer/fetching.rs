//! One Fetch exchange with one leader, without a fetch session: by topic id where both sides can, else by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use weir_model::{BrokerId, Offset, PartitionIndex, ProducerId};
use weir_wire::ApiKey;
use weir_wire::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};

use super::{ConsumerOptions, Isolation};
use crate::client::Client;
use crate::deadline::Deadline;
use crate::error::ClientError;
use crate::metadata::Metadata;
use crate::route::Route;

/// From version 13 on topics are named by id.
const LAST_BY_NAME: i16 = 12;

/// A partition to be read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) topic: Arc<str>,
    pub(super) partition: PartitionIndex,
    pub(super) next: Offset,
}

/// What one leader answered.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) leader: BrokerId,
    pub(super) wanted: Vec<Wanted>,
    pub(super) outcome: Result<Vec<Fetched>, ClientError>,
}

/// What a leader answered for one partition.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) topic: Arc<str>,
    pub(super) partition: PartitionIndex,
    pub(super) error: i16,
    /// Where a consumer of this isolation would find the end.
    pub(super) end: Offset,
    /// Producers whose transaction from this offset on was aborted.
    pub(super) aborted: Vec<(ProducerId, Offset)>,
    pub(super) records: Bytes,
}

pub(super) async fn fetch(
    client: &Client,
    leader: BrokerId,
    wanted: &[Wanted],
    options: &ConsumerOptions,
) -> Result<Vec<Fetched>, ClientError> {
    let metadata = client.known_metadata();
    let connection = client.connection(&Route::Broker(leader), client.deadline()).await?;
    let cap = if ids_are_known(&metadata, wanted) { i16::MAX } else { LAST_BY_NAME };
    let by_id = connection.version_of(ApiKey::Fetch, cap)? > LAST_BY_NAME;
    let request = request(&metadata, wanted, options, by_id);
    let deadline = Deadline::after(client.options().call_timeout + options.max_wait);
    let answered = connection.call_at_most(&request, cap, deadline).await;
    client.drop_if_broken(&connection, answered.as_ref().err());
    let response = answered?;
    ClientError::check(|| "fetch".into(), response.error_code, None)?;
    Ok(fetched(&metadata, wanted, response, options.isolation))
}

fn ids_are_known(metadata: &Metadata, wanted: &[Wanted]) -> bool {
    wanted.iter().all(|one| metadata.topics.get(&*one.topic).is_some_and(|topic| !topic.id.is_reserved()))
}

fn request(metadata: &Metadata, wanted: &[Wanted], options: &ConsumerOptions, by_id: bool) -> FetchRequest {
    let mut topics: BTreeMap<&str, Vec<FetchPartition>> = BTreeMap::new();
    for one in wanted {
        topics.entry(&one.topic).or_default().push(FetchPartition {
            partition: one.partition.0,
            fetch_offset: one.next.0,
            partition_max_bytes: options.partition_max_bytes,
            ..Default::default()
        });
    }
    let named = |(name, partitions): (&str, Vec<FetchPartition>)| {
        let id = metadata.topics.get(name).filter(|_| by_id).map(|topic| topic.id.0).unwrap_or_default();
        FetchTopic { topic: if by_id { "".into() } else { name.into() }, topic_id: id, partitions }
    };
    FetchRequest {
        max_wait_ms: i32::try_from(options.max_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: 1,
        max_bytes: options.max_bytes,
        isolation_level: i8::from(options.isolation == Isolation::ReadCommitted),
        topics: topics.into_iter().map(named).collect(),
        ..Default::default()
    }
}

/// The partitions that were asked for; what else the answer holds is left out.
fn fetched(
    metadata: &Metadata,
    wanted: &[Wanted],
    response: FetchResponse,
    isolation: Isolation,
) -> Vec<Fetched> {
    let mut all = Vec::new();
    for topic in response.responses {
        for partition in topic.partitions {
            let is_meant = |one: &&Wanted| {
                let named = if topic.topic.is_empty() {
                    metadata.topics.get(&*one.topic).is_some_and(|known| known.id.0 == topic.topic_id)
                } else {
                    topic.topic == *one.topic
                };
                named && one.partition.0 == partition.partition_index
            };
            let Some(one) = wanted.iter().find(is_meant) else { continue };
            let end = match isolation {
                Isolation::ReadUncommitted => partition.high_watermark,
                Isolation::ReadCommitted => partition.last_stable_offset,
            };
            let aborted = partition.aborted_transactions.unwrap_or_default();
            all.push(Fetched {
                topic: one.topic.clone(),
                partition: one.partition,
                error: partition.error_code,
                end: Offset(end),
                aborted: aborted
                    .iter()
                    .map(|a| (ProducerId(a.producer_id), Offset(a.first_offset)))
                    .collect(),
                records: partition.records.and_then(|records| records.inline().cloned()).unwrap_or_default(),
            });
        }
    }
    all
}
