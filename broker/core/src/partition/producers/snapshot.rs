//! The producers' state as bytes, for the log's snapshot files. Decoding trusts nothing: a damaged snapshot is an
//! error, upon which the log is replayed from an older one.

use thiserror::Error;
use weir_model::{Millis, Offset, ProducerEpoch, ProducerId, Sequence};

use super::{Producer, Producers, REMEMBERED_BATCHES, Written};

const VERSION: u8 = 1;
const BATCH_BYTES: usize = 28;
const PRODUCER_BYTES: usize = 19;

/// Why a snapshot can not be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SnapshotError {
    /// A newer broker wrote it.
    #[error("producer snapshot has version {0}, this broker reads up to 1")]
    Version(u8),
    /// It ends too early, goes on too long, or contradicts itself.
    #[error("producer snapshot is damaged")]
    Damaged,
}

impl Producers {
    /// All of it as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(5 + self.by_id.len() * (PRODUCER_BYTES + BATCH_BYTES));
        out.push(VERSION);
        out.extend((self.by_id.len() as u32).to_be_bytes());
        for (id, producer) in &self.by_id {
            out.extend(id.0.to_be_bytes());
            out.extend(producer.epoch.0.to_be_bytes());
            out.extend(producer.last_timestamp.0.to_be_bytes());
            out.push(producer.batches.iter().flatten().count() as u8);
            for batch in producer.batches.iter().flatten() {
                out.extend(batch.last_sequence.0.to_be_bytes());
                out.extend(batch.base_offset.0.to_be_bytes());
                out.extend(batch.last_offset.0.to_be_bytes());
                out.extend(batch.timestamp.0.to_be_bytes());
            }
        }
        out
    }

    /// Reads [`Producers::encode`]'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut rest = bytes;
        match u8::from_be_bytes(take(&mut rest)?) {
            VERSION => {}
            other => return Err(SnapshotError::Version(other)),
        }
        let count = u32::from_be_bytes(take(&mut rest)?);
        let mut producers = Self::default();
        for _ in 0..count {
            let (id, producer) = producer(&mut rest)?;
            if producers.by_id.insert(id, producer).is_some() {
                return Err(SnapshotError::Damaged);
            }
        }
        if rest.is_empty() { Ok(producers) } else { Err(SnapshotError::Damaged) }
    }
}

fn producer(rest: &mut &[u8]) -> Result<(ProducerId, Producer), SnapshotError> {
    let id = ProducerId(i64::from_be_bytes(take(rest)?));
    let epoch = ProducerEpoch(i16::from_be_bytes(take(rest)?));
    let last_timestamp = Millis(i64::from_be_bytes(take(rest)?));
    let count = usize::from(u8::from_be_bytes(take(rest)?));
    if id.0 < 0 || epoch.0 < 0 || count > REMEMBERED_BATCHES {
        return Err(SnapshotError::Damaged);
    }
    let mut batches = [None; REMEMBERED_BATCHES];
    for slot in batches.iter_mut().take(count) {
        *slot = Some(written(rest)?);
    }
    Ok((id, Producer { epoch, last_timestamp, batches }))
}

fn written(rest: &mut &[u8]) -> Result<Written, SnapshotError> {
    let written = Written {
        last_sequence: Sequence(i32::from_be_bytes(take(rest)?)),
        base_offset: Offset(i64::from_be_bytes(take(rest)?)),
        last_offset: Offset(i64::from_be_bytes(take(rest)?)),
        timestamp: Millis(i64::from_be_bytes(take(rest)?)),
    };
    let legal = written.base_offset.0 >= 0
        && written.last_offset >= written.base_offset
        && written.last_offset.0 < i64::MAX
        && written.last_sequence.0 >= 0;
    if legal { Ok(written) } else { Err(SnapshotError::Damaged) }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], SnapshotError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(SnapshotError::Damaged)?;
    *rest = tail;
    Ok(*head)
}
