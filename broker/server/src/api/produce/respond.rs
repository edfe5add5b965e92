//! The answer to a produce, once every batch of it was written as asked or refused.

use std::sync::Arc;

use tracing::warn;
use weir_core::partition::Produced;
use weir_model::{Millis, PartitionIndex, TopicId};
use weir_wire::messages::produce::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use weir_wire::{ErrorCode, Str, frame};

use super::{Part, Refused, TopicParts};
use crate::api::current_leader::{self, CurrentLeader};
use crate::api::errors;
use crate::broker::Broker;
use crate::net::connection::memory;
use crate::net::outgoing::Piece;
use crate::partition::PartitionError;

/// The first version that names the current leader beside an error (KIP-951).
const LEADERS_SINCE: i16 = 10;

/// Whom the answer is for.
pub(super) struct Head {
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    pub(super) listener: Arc<str>,
    /// The client wants no answer.
    pub(super) silent: bool,
}

/// Waits for every batch. `None` closes the connection: a client that wanted no answer learns of an error so.
pub(super) async fn when_done(
    broker: Arc<Broker>,
    head: Head,
    topics: Vec<TopicParts>,
) -> Option<Vec<Piece>> {
    let mut responses = Vec::with_capacity(topics.len());
    let mut leaders = Vec::new();
    for topic in topics {
        let mut partition_responses = Vec::with_capacity(topic.parts.len());
        for part in topic.parts {
            let mut response = answer(part).await;
            if let Some(leader) = moved(&broker, head.version, topic.found, &response) {
                leaders.push(leader);
                response.current_leader =
                    LeaderIdAndEpoch { leader_id: leader.id.0, leader_epoch: leader.epoch.0 };
            }
            partition_responses.push(response);
        }
        responses.push(TopicProduceResponse { name: topic.name, topic_id: topic.id.0, partition_responses });
    }
    if head.silent {
        let failed = responses.iter().flat_map(|t| &t.partition_responses).any(|p| p.error_code != 0);
        return (!failed).then(Vec::new);
    }
    let endpoints = current_leader::endpoints_of(&broker.image(), &head.listener, leaders.into_iter());
    let node_endpoints = endpoints.into_iter().map(|at| NodeEndpoint {
        node_id: at.node_id,
        host: at.host,
        port: at.port,
        rack: at.rack,
    });
    let response =
        ProduceResponse { responses, node_endpoints: node_endpoints.collect(), ..ProduceResponse::default() };
    match frame::encode_response(head.version, head.correlation_id, &response) {
        Ok(frame) => Some(memory(frame.bytes)),
        Err(error) => {
            warn!(%error, "the answer to a produce can not be encoded");
            None
        }
    }
}

/// Who leads a partition that does not lead here, as far as is known by now.
fn moved(
    broker: &Broker,
    version: i16,
    topic: Option<TopicId>,
    response: &PartitionProduceResponse,
) -> Option<CurrentLeader> {
    if version < LEADERS_SINCE || response.error_code == 0 {
        return None;
    }
    let (index, code) = (PartitionIndex(response.index), ErrorCode::from(response.error_code));
    current_leader::current_leader(&broker.image(), topic?, index, code)
}

async fn answer(part: Part) -> PartitionProduceResponse {
    let (outcome, append_time) = match part.outcome {
        Err(refused) => (Err(refused), Millis::NONE),
        Ok(accepted) => {
            let outcome = accepted.answer.await.unwrap_or(Err(PartitionError::Stopped));
            (outcome.map_err(|error| refusal(&error)), accepted.append_time)
        }
    };
    let index = part.index;
    match outcome {
        Ok(Produced { base_offset, log_start, .. }) => PartitionProduceResponse {
            index,
            base_offset: base_offset.0,
            log_append_time_ms: append_time.0,
            log_start_offset: log_start.0,
            ..PartitionProduceResponse::default()
        },
        Err(Refused { code, message }) => PartitionProduceResponse {
            index,
            error_code: code.into(),
            base_offset: -1,
            error_message: message.map(Str::from),
            ..PartitionProduceResponse::default()
        },
    }
}

pub(super) fn refusal(error: &PartitionError) -> Refused {
    match errors::of_partition(error) {
        code @ (ErrorCode::NotLeaderOrFollower | ErrorCode::RequestTimedOut) => Refused::code(code),
        code => Refused::because(code, error),
    }
}
