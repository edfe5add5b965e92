//! Which records of a batch outlive compaction. Pure.

use std::collections::BTreeMap;

use bytes::BytesMut;
use weir_model::records::{Batch, BatchBuilder, BatchHeader, Record};
use weir_model::{DurationMs, Millis, Offset, ProducerId};

use super::MOST_DECODED;
use super::key_map::KeyMap;
use crate::error::LogError;

/// What the pass knows.
pub(super) struct Rules<'m> {
    pub(super) latest: &'m KeyMap,
    /// The base offset of each producer's last batch.
    pub(super) last_of_producer: BTreeMap<ProducerId, Offset>,
    pub(super) now: Millis,
    pub(super) delete_retention: DurationMs,
    pub(super) producer_expiration: DurationMs,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays, byte for byte.
    Keep,
    /// Nothing of it stays.
    Drop,
    /// Some of it stays, or its tombstones now have a time to go.
    Rewrite(BytesMut),
}

pub(super) fn retain(header: &BatchHeader, bytes: &[u8], rules: &Rules<'_>) -> Result<Verdict, LogError> {
    if header.attributes.is_control() || header.attributes.is_transactional() {
        return Ok(Verdict::Keep);
    }
    let batch = Batch::parse(bytes)?;
    // What can not be decoded can not be judged: it stays.
    let Ok(payload) = batch.decoded_payload(MOST_DECODED) else { return Ok(Verdict::Keep) };
    let Ok(records) = batch.records(&payload).collect::<Result<Vec<_>, _>>() else {
        return Ok(Verdict::Keep);
    };
    let total = records.len();
    let kept: Vec<_> = records.into_iter().filter(|r| stays(r, header, rules)).collect();
    if kept.is_empty() {
        return if is_last_sign_of_life(header, rules) { emptied(header, total) } else { Ok(Verdict::Drop) };
    }
    let needs_horizon = header.delete_horizon().is_none() && kept.iter().any(|r| r.value.is_none());
    if kept.len() == total && !needs_horizon {
        return Ok(Verdict::Keep);
    }
    let mut builder = like(header)?;
    if needs_horizon {
        builder = builder.delete_horizon(rules.now + rules.delete_retention);
    } else if let Some(horizon) = header.delete_horizon() {
        builder = builder.delete_horizon(horizon);
    }
    for record in &kept {
        builder.push_kept(record)?;
    }
    builder.extend_to(header.last_offset_delta);
    Ok(Verdict::Rewrite(builder.build()?))
}

fn stays(record: &Record<'_>, header: &BatchHeader, rules: &Rules<'_>) -> bool {
    // A record without a key can never be asked for by key.
    let Some(key) = record.key else { return false };
    if rules.latest.supersedes(key, record.offset) {
        return false;
    }
    let expired = header.delete_horizon().is_some_and(|horizon| horizon <= rules.now);
    record.value.is_some() || !expired
}

fn is_last_sign_of_life(header: &BatchHeader, rules: &Rules<'_>) -> bool {
    let last = rules.last_of_producer.get(&header.producer_id) == Some(&header.base_offset);
    header.has_producer() && last && rules.now.since(header.max_timestamp) <= rules.producer_expiration
}

fn emptied(header: &BatchHeader, total: usize) -> Result<Verdict, LogError> {
    if total == 0 {
        return Ok(Verdict::Keep);
    }
    let mut builder = like(header)?;
    builder.extend_to(header.last_offset_delta);
    builder.extend_max_timestamp(header.max_timestamp);
    Ok(Verdict::Rewrite(builder.build()?))
}

fn like(header: &BatchHeader) -> Result<BatchBuilder, LogError> {
    Ok(BatchBuilder::new(header.base_offset)
        .codec(header.attributes.codec()?, None)
        .leader_epoch(header.leader_epoch)
        .timestamp_type(header.attributes.timestamp_type())
        .producer(header.producer_id, header.producer_epoch, header.base_sequence))
}
