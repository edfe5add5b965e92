//! A segment's sparse index: every few KiB the offset, the position, and the largest timestamp before it. One list
//! answers both "where is this offset" and "where does this time begin". Bounded: when it is full, all but the newest
//! entries are spaced out evenly, so that lookups near the end, where consumers are, stay short, and no others get long.

use weir_model::{Millis, Offset};

use crate::framing::Fields;

/// At 16 bytes each, 128 KiB.
const MOST_ENTRIES: usize = 8192;
/// The newest entries are never thinned out.
const DENSE_ENTRIES: usize = 2048;
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
    /// Thinning leaves no larger gaps than this, unless batches are larger.
    spacing: u64,
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
            self.thin(interval);
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
        entries.is_sorted_by_key(|e| (e.position, e.delta)).then_some(Self { entries, spacing: 0 })
    }

    fn position_before(&self, after: usize) -> u64 {
        after.checked_sub(1).map_or(0, |i| u64::from(self.entries[i].position))
    }

    fn thin(&mut self, interval: u64) {
        self.spacing = self.spacing.max(interval.max(1));
        self.space_out();
        // The spacing grows with the segment, and only when it must.
        while self.entries.len() > MOST_ENTRIES * 3 / 4 {
            self.spacing = self.spacing.saturating_add(self.spacing.div_ceil(4));
            self.space_out();
        }
    }

    /// Drops entries that leave no larger gap than the spacing.
    fn space_out(&mut self) {
        let dense_from = self.entries.len().saturating_sub(DENSE_ENTRIES);
        let nexts: Vec<_> =
            self.entries.iter().skip(1).take(dense_from).map(|e| u64::from(e.position)).collect();
        let (mut at, mut kept) = (0, 0);
        self.entries.retain(|entry| {
            let next = nexts.get(at).copied();
            at += 1;
            let keep = next.is_none_or(|next| next - kept > self.spacing);
            kept = if keep { u64::from(entry.position) } else { kept };
            keep
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
    fn a_full_index_stays_dense_at_its_end_and_even_elsewhere() {
        let batches = 1_000_000i64;
        let mut index = Index::default();
        for i in 0..batches {
            index.note(i, i as u64 * 1000, Millis(0), 4000);
        }
        assert!(index.entries.len() <= MOST_ENTRIES);
        for i in (0..batches).step_by(997) {
            let gap = i as u64 * 1000 - index.floor_of_delta(i);
            let most = if i > batches - 2000 * 4 { 4_000 } else { 640_000 };
            assert!(gap <= most, "batch {i}: {gap}");
        }
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
