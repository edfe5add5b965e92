//! A segment's sparse index: every few KiB the offset, the position, and the largest timestamp before it. One list
//! answers both "where is this offset" and "where does this time begin". Bounded: when it is full, the older half is
//! thinned out, so that lookups near the end, where consumers are, stay short.

use weir_model::{Millis, Offset};

use crate::framing::Fields;

/// At 16 bytes each, 128 KiB.
const MOST_ENTRIES: usize = 8192;
pub(crate) const ENTRY_BYTES: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The batch's base offset minus the segment's.
    pub(crate) delta: u32,
    /// Where the batch starts.
    pub(crate) position: u32,
    /// The largest timestamp of the batches before it.
    pub(crate) max_before: Millis,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    entries: Vec<Entry>,
}

impl Index {
    /// Notes a batch if the last entry is at least `interval` bytes back. Batches come in order.
    pub(crate) fn note(&mut self, delta: i64, position: u64, max_before: Millis, interval: u64) {
        let last = self.entries.last().map_or(0, |e| u64::from(e.position));
        if position < last.saturating_add(interval.max(1)) {
            return;
        }
        let (Ok(delta), Ok(position)) = (u32::try_from(delta), u32::try_from(position)) else { return };
        if self.entries.len() >= MOST_ENTRIES {
            self.thin();
        }
        self.entries.push(Entry { delta, position, max_before });
    }

    /// Where to start looking for an offset, as a position and the delta of the batch there.
    pub(crate) fn floor_of_delta(&self, delta: i64) -> u64 {
        let after = self.entries.partition_point(|e| i64::from(e.delta) <= delta);
        self.position_before(after)
    }

    /// Where to start looking for a position.
    pub(crate) fn floor_of_position(&self, position: u64) -> Option<Entry> {
        let after = self.entries.partition_point(|e| u64::from(e.position) <= position);
        after.checked_sub(1).map(|i| self.entries[i])
    }

    /// Where to start looking for the first batch that reaches this time.
    pub(crate) fn floor_of_time(&self, time: Millis) -> u64 {
        let after = self.entries.partition_point(|e| e.max_before < time);
        self.position_before(after)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.entries.len() as u32).to_be_bytes());
        for entry in &self.entries {
            out.extend_from_slice(&entry.delta.to_be_bytes());
            out.extend_from_slice(&entry.position.to_be_bytes());
            out.extend_from_slice(&entry.max_before.0.to_be_bytes());
        }
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let count = fields.u32()? as usize;
        if count > fields.0.len() / ENTRY_BYTES {
            return None;
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(Entry {
                delta: fields.u32()?,
                position: fields.u32()?,
                max_before: Millis(fields.i64()?),
            });
        }
        entries.is_sorted_by_key(|e| (e.position, e.delta)).then_some(Self { entries })
    }

    fn position_before(&self, after: usize) -> u64 {
        after.checked_sub(1).map_or(0, |i| u64::from(self.entries[i].position))
    }

    fn thin(&mut self) {
        let half = self.entries.len() / 2;
        let mut at = 0;
        self.entries.retain(|_| {
            at += 1;
            at > half || at % 2 == 0
        });
    }
}

/// The base a delta counts from, for callers that have offsets.
pub(crate) fn delta(offset: Offset, base: Offset) -> i64 {
    offset.0.saturating_sub(base.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(batches: i64) -> Index {
        let mut index = Index::default();
        for i in 0..batches {
            index.note(i * 10, i as u64 * 1000, Millis(i - 1), 4000);
        }
        index
    }

    #[test]
    fn floors_are_the_last_entry_at_or_before() {
        let index = filled(100);
        for i in 0..100i64 {
            let entry = (i / 4 * 4) as u64 * 1000;
            assert_eq!(index.floor_of_delta(i * 10 + 9), entry);
            assert_eq!(
                index.floor_of_position(i as u64 * 1000 + 5).map_or(0, |e| u64::from(e.position)),
                entry
            );
        }
        assert_eq!(index.floor_of_time(Millis(3)), 0, "the batch at 3 may start before the entry at 4");
        assert_eq!(index.floor_of_time(Millis(4)), 4000);
        assert_eq!(index.floor_of_time(Millis(-5)), 0);
    }

    #[test]
    fn a_full_index_thins_its_older_half() {
        let index = filled(200_000);
        assert!(index.entries.len() <= MOST_ENTRIES);
        assert!(index.entries.is_sorted_by_key(|e| e.position));
        let near_end = index.floor_of_delta(199_990 * 10);
        assert!(199_990_000 - near_end <= 4000);
        assert!(index.floor_of_delta(100_000 * 10) <= 100_000_000);
    }

    #[test]
    fn an_index_survives_encoding_and_a_lying_count_does_not_allocate() {
        let index = filled(100);
        let mut out = Vec::new();
        index.encode(&mut out);
        assert_eq!(Index::decode(&mut Fields(&out)), Some(index.clone()));
        assert_eq!(Index::decode(&mut Fields(&[0xff; 20])), None);
    }
}
