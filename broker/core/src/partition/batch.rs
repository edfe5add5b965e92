//! What the machine needs to know of a record batch. The bytes stay with the caller.

use weir_model::records::BatchHeader;
use weir_model::{Millis, Offset, ProducerEpoch, ProducerId, Sequence};

use super::ProduceError;

/// The facts of one record batch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFacts {
    /// The idempotent producer, or [`ProducerId::NONE`].
    pub producer_id: ProducerId,
    /// Its epoch, or [`ProducerEpoch::NONE`].
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence, or [`Sequence::NONE`].
    pub base_sequence: Sequence,
    /// The last record's offset less the first one's.
    pub last_offset_delta: i32,
    /// The latest timestamp in the batch, the append time where the broker stamps records.
    pub max_timestamp: Millis,
    /// The batch's size in bytes, as it will be stored.
    pub size_bytes: u32,
    /// Part of a transaction.
    pub transactional: bool,
    /// A control batch (transaction markers and the like).
    pub control: bool,
}

impl From<&BatchHeader> for BatchFacts {
    fn from(header: &BatchHeader) -> Self {
        Self {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            last_offset_delta: header.last_offset_delta,
            max_timestamp: header.max_timestamp,
            size_bytes: u32::try_from(header.size).unwrap_or(u32::MAX),
            transactional: header.attributes.is_transactional(),
            control: header.attributes.is_control(),
        }
    }
}

impl BatchFacts {
    /// A batch of `count` records without a producer id, as coordinators write them.
    #[must_use]
    pub const fn plain(last_offset_delta: i32, max_timestamp: Millis, size_bytes: u32) -> Self {
        Self {
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
            last_offset_delta,
            max_timestamp,
            size_bytes,
            transactional: false,
            control: false,
        }
    }

    /// Whether an idempotent producer wrote it.
    #[must_use]
    pub const fn is_idempotent(&self) -> bool {
        self.producer_id.0 >= 0
    }

    /// The last record's sequence.
    #[must_use]
    pub const fn last_sequence(&self) -> Sequence {
        self.base_sequence.plus(self.last_offset_delta)
    }

    /// The offset after the batch's last record, when it is placed at `base`.
    #[must_use]
    pub const fn end_at(&self, base: Offset) -> Offset {
        base.plus(self.last_offset_delta as i64 + 1)
    }

    /// Refuses facts that no honest client sends.
    pub(super) const fn check(&self) -> Result<(), ProduceError> {
        if self.last_offset_delta < 0 {
            return Err(ProduceError::InvalidBatch("a batch must hold at least one record"));
        }
        if self.control {
            return Err(ProduceError::InvalidBatch("clients must not write control batches"));
        }
        if self.is_idempotent() && (self.producer_epoch.0 < 0 || self.base_sequence.0 < 0) {
            return Err(ProduceError::InvalidBatch("a producer id needs an epoch and a sequence"));
        }
        if self.transactional {
            return Err(ProduceError::NoTransaction);
        }
        Ok(())
    }
}
