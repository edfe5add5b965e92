//! Which leader epoch began at which offset: what followers and clients compare to find where two logs part (KIP-101,
//! KIP-279, KIP-320). Pure; the log persists it with its checkpoint and rebuilds it from batches.

use weir_model::{LeaderEpoch, Offset};

use crate::framing::Fields;

/// Ascending epochs with ascending start offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    starts: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    /// The latest epoch and where it began.
    #[must_use]
    pub fn latest(&self) -> Option<(LeaderEpoch, Offset)> {
        self.starts.last().copied()
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.starts
    }

    /// The epoch of the record at an offset.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.starts.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|i| self.starts[i].0)
    }

    /// The largest known epoch not above the one asked for, and the offset after its last record. None when the log
    /// knows no such epoch. This is the answer to OffsetForLeaderEpoch.
    #[must_use]
    pub fn end_offset_for(&self, asked: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let (latest, _) = self.latest()?;
        if asked < LeaderEpoch(0) || asked > latest {
            return None;
        }
        if asked == latest {
            return Some((latest, log_end));
        }
        let after = self.starts.partition_point(|(epoch, _)| *epoch <= asked);
        let (_, next_start) = *self.starts.get(after)?;
        // Below the first known epoch Kafka answers the asked epoch with the first known start.
        let epoch = after.checked_sub(1).map_or(asked, |i| self.starts[i].0);
        Some((epoch, next_start))
    }

    /// An epoch begins. Later epochs only; an epoch that began without records gives way to the next at its offset
    /// only when that one is told of the same offset or an earlier one. True when something changed.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch < LeaderEpoch(0) || self.latest().is_some_and(|(latest, _)| latest >= epoch) {
            return false;
        }
        while self.starts.last().is_some_and(|(_, s)| *s >= start) {
            self.starts.pop();
        }
        self.starts.push((epoch, start));
        true
    }

    /// A record of an epoch lies here. Later epochs that began here or beyond never got a record: this broker led in them
    /// and was deposed before it wrote, and now takes what its successor kept of an earlier one. Were they to stay, the
    /// record would pass for one of theirs, and the log would seem to part from the leader's.
    pub fn note_record(&mut self, epoch: LeaderEpoch, at: Offset) -> bool {
        let before = self.starts.len();
        while self.starts.last().is_some_and(|(later, start)| *later > epoch && *start >= at) {
            self.starts.pop();
        }
        let assigned = self.assign(epoch, at);
        assigned || self.starts.len() != before
    }

    /// Forgets epochs that begin at or after the log's new end.
    pub fn truncate_from_end(&mut self, end: Offset) {
        self.starts.retain(|(_, start)| *start < end);
    }

    /// The log now starts here: the epoch in force moves its start, older ones go.
    pub fn truncate_from_start(&mut self, log_start: Offset) {
        let after = self.starts.partition_point(|(_, start)| *start <= log_start);
        if let Some(in_force) = after.checked_sub(1) {
            self.starts.drain(..in_force);
            self.starts[0].1 = log_start;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.starts.clear();
    }

    /// The epochs in force in a range of offsets, the first of them from the start of the range.
    pub(crate) fn within(&self, from: Offset, to: Offset) -> Self {
        let first = self.starts.partition_point(|(_, start)| *start <= from).saturating_sub(1);
        let starts = self.starts[first..].iter().filter(|(_, start)| *start < to);
        Self { starts: starts.map(|(epoch, start)| (*epoch, (*start).max(from))).collect() }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.starts.len() as u32).to_be_bytes());
        for (epoch, start) in &self.starts {
            out.extend_from_slice(&epoch.0.to_be_bytes());
            out.extend_from_slice(&start.0.to_be_bytes());
        }
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let count = fields.u32()? as usize;
        if count > fields.0.len() / 12 {
            return None;
        }
        let mut starts = Vec::with_capacity(count);
        for _ in 0..count {
            starts.push((LeaderEpoch(fields.i32()?), Offset(fields.i64()?)));
        }
        Some(Self { starts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(pairs: &[(i32, i64)]) -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, start) in pairs {
            epochs.assign(LeaderEpoch(*epoch), Offset(*start));
        }
        epochs
    }

    fn pairs(epochs: &Epochs) -> Vec<(i32, i64)> {
        epochs.entries().iter().map(|(e, o)| (e.0, o.0)).collect()
    }

    #[test]
    fn end_offsets_are_kafkas() {
        let cache = epochs(&[(2, 10), (4, 20), (7, 30)]);
        let end = Offset(50);
        let cases = [
            (-1, None),
            (0, Some((0, 10))),
            (2, Some((2, 20))),
            (3, Some((2, 20))),
            (4, Some((4, 30))),
            (6, Some((4, 30))),
            (7, Some((7, 50))),
            (8, None),
        ];
        for (asked, expected) in cases {
            let got = cache.end_offset_for(LeaderEpoch(asked), end).map(|(e, o)| (e.0, o.0));
            assert_eq!(got, expected, "epoch {asked}");
        }
        assert_eq!(Epochs::default().end_offset_for(LeaderEpoch(0), end), None);
    }

    #[test]
    fn a_record_of_an_earlier_epoch_ends_those_that_never_got_one() {
        let mut cache = epochs(&[(2, 10), (4, 20), (7, 30)]);
        assert!(cache.note_record(LeaderEpoch(4), Offset(30)));
        assert_eq!(pairs(&cache), [(2, 10), (4, 20)]);
        assert_eq!(cache.epoch_at(Offset(30)), Some(LeaderEpoch(4)));
        let mut cache = epochs(&[(2, 10), (7, 30)]);
        assert!(cache.note_record(LeaderEpoch(5), Offset(30)));
        assert_eq!(pairs(&cache), [(2, 10), (5, 30)]);
        assert!(!cache.note_record(LeaderEpoch(5), Offset(31)));
        assert_eq!(pairs(&cache), [(2, 10), (5, 30)]);
    }

    #[test]
    fn epochs_only_grow_and_an_empty_one_gives_way() {
        assert_eq!(pairs(&epochs(&[(1, 0), (1, 5), (0, 9), (3, 9), (4, 9)])), [(1, 0), (4, 9)]);
        assert_eq!(pairs(&epochs(&[(-1, 0)])), []);
    }

    #[test]
    fn truncation_at_either_end_keeps_the_epoch_in_force() {
        let mut cache = epochs(&[(1, 0), (2, 10), (3, 20)]);
        cache.truncate_from_end(Offset(20));
        assert_eq!(pairs(&cache), [(1, 0), (2, 10)]);
        cache.truncate_from_start(Offset(15));
        assert_eq!(pairs(&cache), [(2, 15)]);
        assert_eq!(cache.epoch_at(Offset(99)), Some(LeaderEpoch(2)));
        assert_eq!(cache.epoch_at(Offset(14)), None);
    }

    #[test]
    fn a_range_knows_the_epoch_it_begins_in() {
        let cache = epochs(&[(1, 0), (2, 10), (3, 20)]);
        assert_eq!(pairs(&cache.within(Offset(5), Offset(15))), [(1, 5), (2, 10)]);
        assert_eq!(pairs(&cache.within(Offset(10), Offset(20))), [(2, 10)]);
        assert_eq!(pairs(&cache.within(Offset(25), Offset(30))), [(3, 25)]);
        assert_eq!(pairs(&Epochs::default().within(Offset(0), Offset(9))), []);
    }
}
