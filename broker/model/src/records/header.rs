//! The fixed 61 bytes at the head of a batch: reading them, and patching the two fields outside the checksum.

use super::codec::Codec;
use super::error::BatchError;
use crate::{LeaderEpoch, Millis, Offset, ProducerEpoch, ProducerId, Sequence};

/// The size of a batch without records.
pub const BATCH_OVERHEAD: usize = 61;
/// The length field counts from here on.
pub const LENGTH_END: usize = 12;
/// The only record format served.
pub const MAGIC: i8 = 2;

const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
pub(super) const ATTRIBUTES_AT: usize = 21;
pub(super) const MAX_TIMESTAMP_AT: usize = 35;

/// Whose clock a batch's timestamps come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, at append; the batch's max timestamp holds for every record.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The compression codec; an error when its bits have no meaning.
    pub fn codec(self) -> Result<Codec, BatchError> {
        let bits = (self.0 & Self::CODEC) as u8;
        Codec::from_bits(bits).ok_or(BatchError::UnknownCodec(bits))
    }

    /// Whose clock the timestamps come from.
    #[must_use]
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Part of a transaction.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Written by the broker itself to mark the end of a transaction.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// The base timestamp is the time from which compaction may drop the batch's tombstones.
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// Bits nobody has given a meaning yet.
    #[must_use]
    pub fn has_unknown_bits(self) -> bool {
        self.0 & !0x7f != 0
    }

    pub(super) fn with_codec(self, codec: Codec) -> Self {
        Self((self.0 & !Self::CODEC) | i16::from(codec.bits()))
    }

    pub(super) fn with_timestamp_type(self, kind: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, kind == TimestampType::LogAppendTime)
    }

    pub(super) fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    pub(super) fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    pub(super) fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }

    fn with(self, bit: i16, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// A batch's header, read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record the batch was written with.
    pub base_offset: Offset,
    /// The whole batch in bytes, header included.
    pub size: usize,
    /// Under which leader it was appended.
    pub leader_epoch: LeaderEpoch,
    /// The stored CRC32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: Attributes,
    /// Last offset minus base offset; kept by compaction even when that record is gone.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas count from (or the delete horizon).
    pub base_timestamp: Millis,
    /// The largest timestamp of the batch.
    pub max_timestamp: Millis,
    /// The idempotent producer, or none.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of the first record.
    pub base_sequence: Sequence,
    /// Records in the payload.
    pub count: i32,
}

impl BatchHeader {
    /// Reads a header. The batch itself need not be complete in `bytes`; magic and length are checked, nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(head) = bytes.first_chunk::<BATCH_OVERHEAD>() else {
            return Err(BatchError::Incomplete { need: BATCH_OVERHEAD, have: bytes.len() });
        };
        let magic = head[MAGIC_AT] as i8;
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        let length = i32::from_be_bytes(array(head, 8));
        let size = usize::try_from(length).ok().and_then(|l| l.checked_add(LENGTH_END));
        let size = size.filter(|s| *s >= BATCH_OVERHEAD).ok_or(BatchError::Length(length))?;
        Ok(Self {
            base_offset: Offset(i64::from_be_bytes(array(head, 0))),
            size,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(array(head, LEADER_EPOCH_AT))),
            crc: u32::from_be_bytes(array(head, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(array(head, ATTRIBUTES_AT))),
            last_offset_delta: i32::from_be_bytes(array(head, 23)),
            base_timestamp: Millis(i64::from_be_bytes(array(head, 27))),
            max_timestamp: Millis(i64::from_be_bytes(array(head, MAX_TIMESTAMP_AT))),
            producer_id: ProducerId(i64::from_be_bytes(array(head, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(array(head, 51))),
            base_sequence: Sequence(i32::from_be_bytes(array(head, 53))),
            count: i32::from_be_bytes(array(head, 57)),
        })
    }

    /// The offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(i64::from(self.last_offset_delta)))
    }

    /// The offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// The sequence of the last record; none for a producer that is not idempotent.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence == Sequence::NONE {
            Sequence::NONE
        } else {
            self.base_sequence.plus(self.last_offset_delta)
        }
    }

    /// Written by an idempotent producer.
    #[must_use]
    pub fn has_producer(&self) -> bool {
        self.producer_id != ProducerId::NONE
    }

    /// From when compaction may drop this batch's tombstones, when that was decided.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<Millis> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }
}

/// Assigns the batch's base offset in place. The checksum stays right. Bytes shorter than a header are left alone.
pub fn set_base_offset(batch: &mut [u8], base: Offset) {
    put(batch, 0, base.0.to_be_bytes());
}

/// Assigns the batch's leader epoch in place. The checksum stays right. Bytes shorter than a header are left alone.
pub fn set_leader_epoch(batch: &mut [u8], epoch: LeaderEpoch) {
    put(batch, LEADER_EPOCH_AT, epoch.0.to_be_bytes());
}

/// The checksum that a batch of these bytes should carry.
#[must_use]
pub fn compute_crc(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(ATTRIBUTES_AT..).unwrap_or_default())
}

/// Recomputes and stores the checksum, after a patch inside the part it covers.
pub fn set_crc(batch: &mut [u8]) {
    let crc = compute_crc(batch);
    put(batch, CRC_AT, crc.to_be_bytes());
}

pub(super) fn put<const N: usize>(batch: &mut [u8], at: usize, field: [u8; N]) {
    if batch.len() >= BATCH_OVERHEAD
        && let Some(slot) = batch.get_mut(at..at + N)
    {
        slot.copy_from_slice(&field);
    }
}

fn array<const N: usize>(head: &[u8; BATCH_OVERHEAD], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&head[at..at + N]);
    field
}
