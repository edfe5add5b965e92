//! Getting one batch to its leader: a Produce request with acks=all, tried again while that can help. The same bytes are
//! sent each time, so that the broker can tell a repetition.

use std::sync::Arc;

use bytes::Bytes;
use weir_model::{Offset, PartitionIndex, ProducerEpoch, ProducerId};
use weir_wire::messages::init_producer_id::InitProducerIdRequest;
use weir_wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use weir_wire::{ApiKey, ErrorCode};

use crate::client::Client;
use crate::error::ClientError;
use crate::route::Route;

/// From version 13 on topics are named by id.
const LAST_BY_NAME: i16 = 12;
/// Version 6 belongs to two-phase commit, which is not stable in Kafka 4.2.
const LAST_STABLE_INIT: i16 = 5;
const ACKS_ALL: i16 = -1;

/// By what a broker recognises an idempotent producer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) id: ProducerId,
    pub(super) epoch: ProducerEpoch,
}

/// A batch that has arrived or failed.
#[derive(Debug)]
pub(super) struct Shipment {
    pub(super) place: (Arc<str>, PartitionIndex),
    pub(super) records: i32,
    pub(super) bytes: usize,
    pub(super) outcome: Result<Option<Offset>, ClientError>,
}

impl Identity {
    /// Asks for one; none from a broker that does not know idempotent producers.
    pub(super) async fn request(client: &Client) -> Result<Option<Self>, ClientError> {
        let request = &InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        let asked = client.retrying(&Route::Any, client.deadline(), move |connection, deadline| async move {
            let response = connection.call_at_most(request, LAST_STABLE_INIT, deadline).await?;
            ClientError::check(|| "producer id".into(), response.error_code, None)?;
            Ok(Self { id: ProducerId(response.producer_id), epoch: ProducerEpoch(response.producer_epoch) })
        });
        match asked.await {
            Ok(identity) => Ok(Some(identity)),
            Err(ClientError::Unsupported { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Sends one batch; the offset of its first record, unless the broker had it already and no longer knows where.
pub(super) async fn ship(
    client: &Client,
    topic: &str,
    partition: PartitionIndex,
    batch: &Bytes,
) -> Result<Option<Offset>, ClientError> {
    let route = Route::Leader { topic: topic.to_owned(), partition };
    let data = PartitionProduceData { index: partition.0, records: Some(batch.clone().into()) };
    let topic_data =
        TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request = &ProduceRequest { acks: ACKS_ALL, topic_data: vec![topic_data], ..Default::default() };
    client
        .retrying(&route, client.deadline(), move |connection, deadline| async move {
            let request = ProduceRequest { timeout_ms: deadline.left_ms(), ..request.clone() };
            let response = connection.call_at_most(&request, LAST_BY_NAME, deadline).await?;
            let result = response.responses.first().and_then(|topic| topic.partition_responses.first());
            let result = result.ok_or_else(|| ClientError::Nonsense {
                address: connection.address().clone(),
                api: ApiKey::Produce,
                what: format!("{topic}-{partition} is not in the answer"),
            })?;
            if ErrorCode::from(result.error_code) == ErrorCode::DuplicateSequenceNumber {
                return Ok(None);
            }
            let detail = result.record_errors.first().and_then(|e| e.batch_index_error_message.as_deref());
            let message = result.error_message.as_deref().or(detail);
            ClientError::check(|| format!("partition {topic}-{partition}"), result.error_code, message)?;
            Ok((result.base_offset >= 0).then_some(Offset(result.base_offset)))
        })
        .await
}
