//! The answer to a fetch: the protocol's frame in memory, cut where records belong, with ranges of log files between.

use std::sync::PoisonError;

use bytes::Bytes;
use weir_wire::frame::{self, Frame, RequestHeader};
use weir_wire::messages::fetch::{EpochEndOffset, FetchResponse, FetchableTopicResponse, PartitionData};
use weir_wire::{ErrorCode, Records, Str};

use super::collect::{Collected, Outcome};
use super::sessions::{PartitionKey, Plan, Told, TopicKey};
use crate::broker::Broker;
use crate::metrics::BadInput;
use crate::net::connection::Verdict;
use crate::net::outgoing::{FileSpan, Piece};
use crate::partition::ReadReply;

pub(super) fn respond(broker: &Broker, header: &RequestHeader, plan: &Plan, collected: Collected) -> Verdict {
    let mut spans = Vec::new();
    let mut response = FetchResponse { session_id: plan.session_id, ..FetchResponse::default() };
    for ((key, _), outcome) in plan.partitions.iter().zip(collected.outcomes) {
        if is_news(broker, plan, key, &outcome) {
            let data = partition_data(key.1.0, outcome, &mut spans);
            place(&mut response.responses, &key.0, data);
        }
    }
    let sent: usize = spans.iter().map(|span: &FileSpan| span.len).sum();
    broker.metrics.fetched_bytes.inc_by(sent as u64);
    match frame::encode_response(header.version, header.correlation_id, &response) {
        Ok(frame) => Verdict::Answer(pieces(frame, spans)),
        Err(error) => {
            Verdict::Close(BadInput::Body, format!("the answer to a fetch can not be encoded: {error}"))
        }
    }
}

/// An incremental answer holds only what the session has not been told.
fn is_news(broker: &Broker, plan: &Plan, key: &PartitionKey, outcome: &Outcome) -> bool {
    if plan.session_id == 0 {
        return true;
    }
    let mut sessions = broker.fetch_sessions.lock().unwrap_or_else(PoisonError::into_inner);
    let news = match outcome {
        Ok(reply) => {
            let told = Told { high_watermark: reply.bound.high_watermark, log_start: reply.bound.log_start };
            sessions.tell(plan.session_id, key, told, reply.len() > 0) || reply.diverging.is_some()
        }
        Err(_) => {
            sessions.forget_told(plan.session_id, key);
            true
        }
    };
    news || !plan.incremental
}

fn partition_data(index: i32, outcome: Outcome, spans: &mut Vec<FileSpan>) -> PartitionData {
    let base = PartitionData {
        partition_index: index,
        records: Some(Records::default()),
        ..PartitionData::default()
    };
    match outcome {
        Err(code) => PartitionData { error_code: code.into(), high_watermark: -1, ..base },
        Ok(reply) => {
            let ReadReply { bound, span, diverging } = reply;
            let records = span.map_or_else(Records::default, |span| {
                let token = spans.len() as u64;
                // A log's batch is at most 2 GiB, and so is what one read gives.
                let len = u32::try_from(span.len).unwrap_or(u32::MAX);
                spans.push(span);
                Records::External { len, token }
            });
            let diverging = diverging.map(|at| EpochEndOffset { epoch: at.epoch.0, end_offset: at.end.0 });
            PartitionData {
                error_code: ErrorCode::None.into(),
                high_watermark: bound.high_watermark.0,
                last_stable_offset: bound.last_stable_offset.0,
                log_start_offset: bound.log_start.0,
                diverging_epoch: diverging.unwrap_or_default(),
                records: Some(records),
                ..base
            }
        }
    }
}

/// Adds a partition to its topic, which is the last one unless the session's order mixes topics.
fn place(topics: &mut Vec<FetchableTopicResponse>, key: &TopicKey, data: PartitionData) {
    if topics.last().is_none_or(|last| !is_topic(last, key)) {
        let mut topic = FetchableTopicResponse::default();
        match key {
            TopicKey::Name(name) => topic.topic = Str::from(&**name),
            TopicKey::Id(id) => topic.topic_id = id.0,
        }
        topics.push(topic);
    }
    if let Some(topic) = topics.last_mut() {
        topic.partitions.push(data);
    }
}

fn is_topic(topic: &FetchableTopicResponse, key: &TopicKey) -> bool {
    match key {
        TopicKey::Name(name) => *topic.topic == **name,
        TopicKey::Id(id) => topic.topic_id == id.0,
    }
}

/// Cuts the frame at its splices and puts the file ranges in.
fn pieces(frame: Frame, spans: Vec<FileSpan>) -> Vec<Piece> {
    let Frame { bytes, splices } = frame;
    let mut pieces = Vec::with_capacity(2 * splices.len() + 1);
    let mut spans: Vec<Option<FileSpan>> = spans.into_iter().map(Some).collect();
    let mut from = 0;
    for splice in splices {
        let before: Bytes = bytes.slice(from..splice.at);
        pieces.push(Piece::Memory(before));
        let span = usize::try_from(splice.token).ok().and_then(|at| spans.get_mut(at)?.take());
        pieces.extend(span.map(Piece::File));
        from = splice.at;
    }
    pieces.push(Piece::Memory(bytes.slice(from..)));
    pieces
}
