//! A log in memory, of which a power cut takes the unsynced tail. It cuts and indexes reigns as the real one does.

use super::*;

/// A batch, and a value by which it is told from any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) batch: FetchedBatch,
    pub(super) value: u64,
}

impl Entry {
    pub(super) const fn end(&self) -> Offset {
        self.batch.facts.end_at(self.batch.base_offset)
    }
}

#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) start: Offset,
    pub(super) end: Offset,
    pub(super) durable: Offset,
    pub(super) entries: Vec<Entry>,
    pub(super) reigns: Vec<EpochStart>,
    pub(super) damaged: bool,
}

impl Disk {
    pub(super) fn begin_reign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.reigns.last().is_some_and(|r| r.epoch >= epoch) {
            return;
        }
        self.reigns.retain(|r| r.start < start);
        self.reigns.push(EpochStart { epoch, start });
    }

    pub(super) fn append(&mut self, entry: Entry) {
        let FetchedBatch { base_offset, leader_epoch, .. } = entry.batch;
        assert!(base_offset >= self.end, "{entry:?} at {}", self.end);
        assert!(self.last_epoch() <= Some(leader_epoch), "reigns go back: {entry:?} after {:?}", self.reigns);
        self.begin_reign(leader_epoch, base_offset);
        self.end = entry.end();
        self.entries.push(entry);
    }

    pub(super) fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.reigns.last().map(|r| r.epoch)
    }

    pub(super) fn cut(&mut self, to: Offset) {
        self.reigns.retain(|r| r.start < to.min(self.end));
        if to < self.end {
            self.entries.retain(|e| e.end() <= to);
            self.end = self.entries.last().map_or(self.start.min(to), Entry::end).max(self.start.min(to));
            self.durable = self.end;
        }
    }

    pub(super) fn empty_at(&mut self, at: Offset) {
        *self = Self { start: at, end: at, durable: at, damaged: self.damaged, ..Self::default() };
    }

    pub(super) fn delete_before(&mut self, start: Offset) {
        self.start = self.start.max(start);
        self.durable = self.durable.max(self.start);
        self.entries.retain(|e| e.end() > self.start);
        let after = self.reigns.partition_point(|r| r.start <= self.start);
        if let Some(in_force) = after.checked_sub(1) {
            self.reigns.drain(..in_force);
            self.reigns[0].start = self.start;
        }
    }

    /// The power fails: of what was not synced, everything from `from` on is gone, and so is a reign without records.
    pub(super) fn lose_from(&mut self, from: Offset) {
        self.cut(from.max(self.durable));
        self.durable = self.end;
        self.reigns.retain(|r| r.start < self.end);
    }

    pub(super) fn producers(&self) -> Producers {
        let mut producers = Producers::default();
        self.entries.iter().for_each(|e| producers.apply(e.batch.base_offset, &e.batch.facts, 100));
        producers
    }

    /// The batch that holds an offset.
    pub(super) fn at(&self, offset: Offset) -> Option<&Entry> {
        let at = self.entries.partition_point(|e| e.end() <= offset);
        self.entries.get(at).filter(|e| e.batch.base_offset <= offset)
    }

    pub(super) fn read(&self, from: Offset, limit: Offset, most: usize) -> Vec<Entry> {
        let rest = self.entries.iter().filter(|e| e.end() > from && e.end() <= limit);
        rest.take(most).copied().collect()
    }
}
