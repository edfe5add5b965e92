//! Building batches: for the coordinators' and the metadata log's own records, the clients, and compaction.

use bytes::BytesMut;

use super::codec::{Codec, compress};
use super::error::BatchError;
use super::header::{Attributes, BATCH_OVERHEAD, LENGTH_END, MAGIC, TimestampType, set_crc};
use super::record::{Header, Record};
use super::varint::{len_i32, len_i64, write_i32, write_i64};
use crate::{LeaderEpoch, Millis, Offset, ProducerEpoch, ProducerId, Sequence};

/// A record to be put into a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRecord<'a> {
    /// Its time.
    pub timestamp: Millis,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [Header<'a>],
}

/// Collects records and yields one batch.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    attributes: Attributes,
    codec: Codec,
    level: Option<i32>,
    producer: (ProducerId, ProducerEpoch, Sequence),
    base_timestamp: Option<Millis>,
    max_timestamp: Millis,
    last_offset_delta: i32,
    count: i32,
    payload: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new(Offset::ZERO)
    }
}

impl BatchBuilder {
    /// A batch whose first record would have this offset.
    #[must_use]
    pub fn new(base_offset: Offset) -> Self {
        Self {
            base_offset,
            leader_epoch: LeaderEpoch::NONE,
            attributes: Attributes::default(),
            codec: Codec::None,
            level: None,
            producer: (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE),
            base_timestamp: None,
            max_timestamp: Millis::NONE,
            last_offset_delta: -1,
            count: 0,
            payload: Vec::new(),
        }
    }

    /// Compress with this codec at this level (none: its default).
    #[must_use]
    pub fn codec(mut self, codec: Codec, level: Option<i32>) -> Self {
        (self.codec, self.level) = (codec, level);
        self
    }

    /// The epoch of the leader that appends it.
    #[must_use]
    pub fn leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.leader_epoch = epoch;
        self
    }

    /// Written by an idempotent producer.
    #[must_use]
    pub fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: Sequence) -> Self {
        self.producer = (id, epoch, base_sequence);
        self
    }

    /// Part of a transaction.
    #[must_use]
    pub fn transactional(mut self, on: bool) -> Self {
        self.attributes = self.attributes.with_transactional(on);
        self
    }

    /// A control batch.
    #[must_use]
    pub fn control(mut self, on: bool) -> Self {
        self.attributes = self.attributes.with_control(on);
        self
    }

    /// Whose clock the timestamps come from.
    #[must_use]
    pub fn timestamp_type(mut self, kind: TimestampType) -> Self {
        self.attributes = self.attributes.with_timestamp_type(kind);
        self
    }

    /// Compaction may drop the batch's tombstones from this time on. Must precede the first record.
    #[must_use]
    pub fn delete_horizon(mut self, horizon: Millis) -> Self {
        self.attributes = self.attributes.with_delete_horizon(true);
        self.base_timestamp = Some(horizon);
        self
    }

    /// Puts a record at the next offset.
    pub fn push(&mut self, record: NewRecord<'_>) -> Result<(), BatchError> {
        let delta = self.last_offset_delta.checked_add(1).ok_or(BatchError::Build("too many records"))?;
        self.put(delta, record.timestamp, record.key, record.value, record.headers.iter().copied())
    }

    /// Puts a record that keeps the offset it has. Offsets must ascend.
    pub fn push_kept(&mut self, record: &Record<'_>) -> Result<(), BatchError> {
        let delta = i32::try_from(record.offset - self.base_offset)
            .ok()
            .filter(|d| *d > self.last_offset_delta)
            .ok_or(BatchError::Build("offsets do not ascend"))?;
        self.put(delta, record.timestamp, record.key, record.value, record.headers)
    }

    /// Records so far.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// The size of the batch before compression.
    #[must_use]
    pub fn size(&self) -> usize {
        BATCH_OVERHEAD + self.payload.len()
    }

    /// The batch's last offset delta, where compaction removed the records at its end.
    pub fn extend_to(&mut self, last_offset_delta: i32) {
        self.last_offset_delta = self.last_offset_delta.max(last_offset_delta);
    }

    /// The batch's max timestamp, where compaction must keep it though the record is gone.
    pub fn extend_max_timestamp(&mut self, at_least: Millis) {
        self.max_timestamp = self.max_timestamp.max(at_least);
    }

    /// The finished batch.
    pub fn build(self) -> Result<BytesMut, BatchError> {
        // A batch that compaction emptied has nothing to compress.
        let codec = if self.count == 0 { Codec::None } else { self.codec };
        let attributes = self.attributes.with_codec(codec);
        let packed = match codec {
            Codec::None => self.payload,
            codec => compress(codec, &self.payload, self.level)?,
        };
        let length = BATCH_OVERHEAD - LENGTH_END + packed.len();
        let length = i32::try_from(length).map_err(|_| BatchError::Build("larger than 2 GiB"))?;
        let mut out = BytesMut::with_capacity(BATCH_OVERHEAD + packed.len());
        out.extend_from_slice(&self.base_offset.0.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.0.to_be_bytes());
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&attributes.0.to_be_bytes());
        out.extend_from_slice(&self.last_offset_delta.max(0).to_be_bytes());
        out.extend_from_slice(&self.base_timestamp.unwrap_or(Millis::NONE).0.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.producer.0.0.to_be_bytes());
        out.extend_from_slice(&self.producer.1.0.to_be_bytes());
        out.extend_from_slice(&self.producer.2.0.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&packed);
        set_crc(&mut out);
        Ok(out)
    }

    fn put<'h>(
        &mut self,
        delta: i32,
        timestamp: Millis,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = Header<'h>> + Clone,
    ) -> Result<(), BatchError> {
        let base = *self.base_timestamp.get_or_insert(timestamp);
        let timestamp_delta = timestamp.0.wrapping_sub(base.0);
        let mut header_bytes = 0;
        let mut header_count = 0i32;
        for header in headers.clone() {
            header_bytes += nullable_len(Some(header.key)) + nullable_len(header.value);
            header_count += 1;
        }
        let body = 1
            + len_i64(timestamp_delta)
            + len_i32(delta)
            + nullable_len(key)
            + nullable_len(value)
            + len_i32(header_count)
            + header_bytes;
        let body = i32::try_from(body).map_err(|_| BatchError::Build("record is larger than 2 GiB"))?;
        write_i32(&mut self.payload, body);
        self.payload.push(0);
        write_i64(&mut self.payload, timestamp_delta);
        write_i32(&mut self.payload, delta);
        write_nullable(&mut self.payload, key);
        write_nullable(&mut self.payload, value);
        write_i32(&mut self.payload, header_count);
        for header in headers {
            write_nullable(&mut self.payload, Some(header.key));
            write_nullable(&mut self.payload, header.value);
        }
        self.last_offset_delta = delta;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.count += 1;
        Ok(())
    }
}

/// A field past 2 GiB gets a saturated length, and then the record is refused as a whole.
fn nullable_len(field: Option<&[u8]>) -> usize {
    field.map_or(1, |f| len_i32(i32::try_from(f.len()).unwrap_or(i32::MAX)) + f.len())
}

fn write_nullable(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => write_i32(out, -1),
        Some(f) => {
            write_i32(out, i32::try_from(f.len()).unwrap_or(i32::MAX));
            out.extend_from_slice(f);
        }
    }
}

#[cfg(test)]
mod tests;
