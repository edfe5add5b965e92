//! The answer to a fetch: the protocol's frame in memory, cut where records belong, with ranges of log files between.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use tracing::warn;
use weir_wire::frame::{self, Frame, RequestHeader};
use weir_wire::messages::fetch::{
    EpochEndOffset, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use weir_wire::{ErrorCode, Records, Str};

use super::collect::{Collected, Outcome, Refused};
use super::sessions::{PartitionKey, Plan, Told, TopicKey};
use crate::api::current_leader::{self, LeaderEndpoint};
use crate::broker::Broker;
use crate::dispatch::Caller;
use crate::metrics::BadInput;
use crate::net::connection::Verdict;
use crate::net::outgoing::{FileSpan, Piece};
use crate::partition::ReadReply;

/// The first version that names the current leader beside an error (KIP-951).
const LEADERS_SINCE: i16 = 16;

/// What an answer says before it says anything, and whom it is for.
#[derive(Clone, Debug)]
pub(super) struct Head {
    version: i16,
    correlation_id: i32,
    session_id: i32,
    listener: Arc<str>,
}

impl Head {
    pub(super) fn of(caller: &Caller<'_>, header: &RequestHeader, session_id: i32) -> Self {
        let listener = Arc::clone(&caller.session.listener);
        Self { version: header.version, correlation_id: header.correlation_id, session_id, listener }
    }
}

pub(super) fn respond(broker: &Broker, head: &Head, plan: &Plan, collected: Collected) -> Verdict {
    let outcomes = plan.partitions.iter().map(|(key, _)| key.clone()).zip(collected.sent());
    let news: Vec<_> = outcomes.filter(|(key, outcome)| is_news(broker, plan, key, outcome)).collect();
    let sent: usize = news.iter().flat_map(|(_, outcome)| outcome).map(ReadReply::len).sum();
    broker.metrics.fetched_bytes.inc_by(sent as u64);
    match answer(broker, head, news.into_iter()) {
        Some(pieces) => Verdict::Answer(pieces),
        None => Verdict::Close(BadInput::Body, "the answer to a fetch can not be encoded".to_owned()),
    }
}

/// The answer that holds these outcomes. `None` is our own mistake, and closes the connection.
pub(super) fn answer(
    broker: &Broker,
    head: &Head,
    outcomes: impl Iterator<Item = (PartitionKey, Outcome)>,
) -> Option<Vec<Piece>> {
    let (mut spans, mut leaders) = (Vec::new(), Vec::new());
    let mut response = FetchResponse { session_id: head.session_id, ..FetchResponse::default() };
    for (key, outcome) in outcomes {
        let mut data = partition_data(key.1.0, outcome.as_ref(), &mut spans);
        if head.version >= LEADERS_SINCE
            && let Err(Refused { leader: Some(leader), .. }) = &outcome
        {
            data.current_leader = LeaderIdAndEpoch { leader_id: leader.id.0, leader_epoch: leader.epoch.0 };
            leaders.push(*leader);
        }
        place(&mut response.responses, &key.0, data);
    }
    let endpoints = current_leader::endpoints_of(&broker.image(), &head.listener, leaders.into_iter());
    response.node_endpoints = endpoints.into_iter().map(node_endpoint).collect();
    Some(pieces(encoded(head, &response)?, spans))
}

/// An answer without records.
pub(super) fn pieces_of(head: &Head, response: &FetchResponse) -> Option<Vec<Piece>> {
    Some(pieces(encoded(head, response)?, Vec::new()))
}

fn encoded(head: &Head, response: &FetchResponse) -> Option<Frame> {
    frame::encode_response(head.version, head.correlation_id, response)
        .inspect_err(|error| warn!(%error, "the answer to a fetch can not be encoded"))
        .ok()
}

fn node_endpoint(at: LeaderEndpoint) -> NodeEndpoint {
    NodeEndpoint { node_id: at.node_id, host: at.host, port: at.port, rack: at.rack }
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
            sessions.tell(plan.session_id, key, told, reply.len() > 0)
                || reply.diverging.is_some()
                || reply.preferred.is_some()
        }
        Err(_) => {
            sessions.forget_told(plan.session_id, key);
            true
        }
    };
    news || !plan.incremental
}

fn partition_data(
    index: i32,
    outcome: Result<&ReadReply, &Refused>,
    spans: &mut Vec<FileSpan>,
) -> PartitionData {
    let base = PartitionData {
        partition_index: index,
        records: Some(Records::default()),
        ..PartitionData::default()
    };
    match outcome {
        Err(Refused { code, range, .. }) => {
            let refused = PartitionData { error_code: (*code).into(), high_watermark: -1, ..base };
            range.map_or(refused.clone(), |(start, end)| PartitionData {
                log_start_offset: start.0,
                last_stable_offset: end.0,
                ..refused
            })
        }
        Ok(reply) => {
            let ReadReply { bound, span, diverging, preferred } = reply;
            let records = span.as_ref().map_or_else(Records::default, |span| {
                let token = spans.len() as u64;
                // A log's batch is at most 2 GiB, and so is what one read gives.
                let len = u32::try_from(span.len).unwrap_or(u32::MAX);
                spans.push(span.clone());
                Records::External { len, token }
            });
            let diverging = diverging.map(|at| EpochEndOffset { epoch: at.epoch.0, end_offset: at.end.0 });
            PartitionData {
                error_code: ErrorCode::None.into(),
                high_watermark: bound.high_watermark.0,
                last_stable_offset: bound.last_stable_offset.0,
                log_start_offset: bound.log_start.0,
                diverging_epoch: diverging.unwrap_or_default(),
                preferred_read_replica: preferred.map_or(-1, |broker| broker.0),
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
