//! What a partition remembers of idempotent producers: a function of the batches in its log. Decides whether a
//! batch is the next one, one that was written before, or one that must be refused.

mod rebuilding;
mod snapshot;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use weir_model::{DurationMs, Millis, Offset, ProducerEpoch, ProducerId, Sequence};

use super::batch::BatchFacts;
use super::error::ProduceError;
use super::produce::Assigned;

pub use rebuilding::Rebuilding;
pub use snapshot::SnapshotError;

/// A client keeps at most five requests in flight, so a retry is among the last five batches.
const REMEMBERED_BATCHES: usize = 5;

/// That nobody is remembered is worth a file where a restart would read more than this to find out.
const WORTH_NOT_READING: u64 = 1 << 20;

/// Every producer that a partition remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    by_id: BTreeMap<ProducerId, Producer>,
}

/// One producer's newest epoch and last batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Producer {
    epoch: ProducerEpoch,
    last_timestamp: Millis,
    /// The last batches of this epoch, the newest first; `None` beyond the first few.
    batches: [Option<Written>; REMEMBERED_BATCHES],
}

/// A batch that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) last_sequence: Sequence,
    pub(super) base_offset: Offset,
    pub(super) last_offset: Offset,
    pub(super) timestamp: Millis,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Append it.
    Fresh,
    /// It was appended before.
    Duplicate(Written),
}

/// What DescribeProducers shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// The producer.
    pub id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The last sequence it wrote, or [`Sequence::NONE`].
    pub last_sequence: Sequence,
    /// When it last wrote.
    pub last_timestamp: Millis,
}

impl Written {
    const fn new(base_offset: Offset, batch: &BatchFacts) -> Self {
        Self {
            last_sequence: batch.last_sequence(),
            base_offset,
            last_offset: base_offset.plus(batch.last_offset_delta as i64),
            timestamp: batch.max_timestamp,
        }
    }

    /// Whether this batch covered exactly those sequences.
    const fn is(&self, batch: &BatchFacts) -> bool {
        self.last_sequence.0 == batch.last_sequence().0
            && self.last_offset.0 - self.base_offset.0 == batch.last_offset_delta as i64
    }
}

impl Producers {
    /// Judges a batch by what was written, and by what was `assigned` an offset but is not in the log yet.
    pub(super) fn judge<'a>(
        &self,
        batch: &BatchFacts,
        assigned: impl DoubleEndedIterator<Item = &'a Assigned>,
    ) -> Result<Verdict, ProduceError> {
        if !batch.is_idempotent() {
            return Ok(Verdict::Fresh);
        }
        let mut newest: Option<(ProducerEpoch, Option<Sequence>)> = None;
        for Assigned { base_offset, batch: other } in assigned.rev() {
            if other.producer_id != batch.producer_id {
                continue;
            }
            let (epoch, _) = *newest.get_or_insert((other.producer_epoch, Some(other.last_sequence())));
            let written = Written::new(*base_offset, other);
            if other.producer_epoch == epoch && epoch == batch.producer_epoch && written.is(batch) {
                return Ok(Verdict::Duplicate(written));
            }
        }
        let known = self.by_id.get(&batch.producer_id);
        if let Some(producer) = known
            && newest.is_none_or(|(epoch, _)| epoch == producer.epoch)
        {
            newest.get_or_insert((producer.epoch, producer.last_sequence()));
            if producer.epoch == batch.producer_epoch
                && let Some(written) = producer.batches.iter().flatten().find(|w| w.is(batch))
            {
                return Ok(Verdict::Duplicate(*written));
            }
        }
        // Of an unknown producer (new, or forgotten with its records) any sequence is taken.
        newest.map_or(Ok(Verdict::Fresh), |(epoch, last)| in_order(batch, epoch, last))
    }

    /// Takes note of a batch that is in the log. Replaying a log calls this for each batch in turn.
    pub fn apply(&mut self, base_offset: Offset, batch: &BatchFacts, most: u32) {
        if !batch.is_idempotent() {
            return;
        }
        let fresh = Producer {
            epoch: batch.producer_epoch,
            last_timestamp: batch.max_timestamp,
            batches: [None; REMEMBERED_BATCHES],
        };
        let producer = self.by_id.entry(batch.producer_id).or_insert(fresh);
        if batch.producer_epoch > producer.epoch {
            *producer = fresh;
        }
        producer.last_timestamp = batch.max_timestamp;
        if !batch.control {
            producer.batches.rotate_right(1);
            producer.batches[0] = Some(Written::new(base_offset, batch));
        }
        self.forget_beyond(most as usize);
    }

    /// Forgets the ones that have been silent for longest, an eighth at a time so that the work is spread.
    fn forget_beyond(&mut self, most: usize) {
        if self.by_id.len() <= most {
            return;
        }
        let mut by_age: Vec<_> = self.by_id.iter().map(|(id, p)| (p.last_timestamp, *id)).collect();
        by_age.sort_unstable();
        let surplus = self.by_id.len() - most + most / 8;
        for (_, id) in by_age.into_iter().take(surplus) {
            self.by_id.remove(&id);
        }
    }

    /// Forgets producers that have been silent for `silence` or longer. Returns how many.
    pub fn expire(&mut self, now: Millis, silence: DurationMs) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| now.since(producer.last_timestamp) < silence);
        before - self.by_id.len()
    }

    /// Whether this is worth a snapshot, where so many bytes of the log came after the last one.
    #[must_use]
    pub fn is_worth_keeping(&self, bytes_since: u64) -> bool {
        bytes_since > if self.is_empty() { WORTH_NOT_READING } else { 0 }
    }

    /// Every producer, by id.
    pub fn active(&self) -> impl Iterator<Item = ActiveProducer> + '_ {
        self.by_id.iter().map(|(id, producer)| ActiveProducer {
            id: *id,
            epoch: producer.epoch,
            last_sequence: producer.last_sequence().unwrap_or(Sequence::NONE),
            last_timestamp: producer.last_timestamp,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

impl Producer {
    fn last_sequence(&self) -> Option<Sequence> {
        self.batches[0].map(|written| written.last_sequence)
    }
}

/// Whether a batch follows the `last` sequence of `epoch`.
fn in_order(
    batch: &BatchFacts,
    epoch: ProducerEpoch,
    last: Option<Sequence>,
) -> Result<Verdict, ProduceError> {
    let producer = batch.producer_id;
    if batch.producer_epoch < epoch {
        let got = batch.producer_epoch;
        return Err(ProduceError::StaleProducerEpoch { producer, current: epoch, got });
    }
    let expected = match last {
        Some(last) if batch.producer_epoch == epoch => last.plus(1),
        Some(_) | None => Sequence(0),
    };
    if batch.base_sequence == expected {
        Ok(Verdict::Fresh)
    } else {
        Err(ProduceError::OutOfOrderSequence { producer, expected, got: batch.base_sequence })
    }
}
