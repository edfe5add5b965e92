//! The answer to a produce, once every batch of it was written as asked or refused.

use tracing::warn;
use weir_core::partition::Produced;
use weir_model::Millis;
use weir_wire::messages::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use weir_wire::{ErrorCode, Str, frame};

use super::{Part, Refused, TopicParts};
use crate::api::errors;
use crate::net::connection::memory;
use crate::net::outgoing::Piece;
use crate::partition::PartitionError;

/// Waits for every batch. `None` closes the connection: a client that wanted no answer learns of an error so.
pub(super) async fn when_done(
    topics: Vec<TopicParts>,
    silent: bool,
    version: i16,
    correlation_id: i32,
) -> Option<Vec<Piece>> {
    let mut responses = Vec::with_capacity(topics.len());
    for topic in topics {
        let mut partition_responses = Vec::with_capacity(topic.parts.len());
        for part in topic.parts {
            partition_responses.push(answer(part).await);
        }
        responses.push(TopicProduceResponse { name: topic.name, topic_id: topic.id.0, partition_responses });
    }
    if silent {
        let failed = responses.iter().flat_map(|t| &t.partition_responses).any(|p| p.error_code != 0);
        return (!failed).then(Vec::new);
    }
    let response = ProduceResponse { responses, ..ProduceResponse::default() };
    match frame::encode_response(version, correlation_id, &response) {
        Ok(frame) => Some(memory(frame.bytes)),
        Err(error) => {
            warn!(%error, "the answer to a produce can not be encoded");
            None
        }
    }
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
