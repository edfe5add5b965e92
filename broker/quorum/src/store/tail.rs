//! The newest entries, in memory: what followers that keep up are sent, and what is applied, is never read from disk.

use std::collections::VecDeque;
use std::ops::Range;

use crate::types::Entry;

/// The most entries that are kept.
const MOST_ENTRIES: usize = 4096;
/// The most bytes, as encoded.
const MOST_BYTES: usize = 4 << 20;

/// Entries without a gap, up to the log's end.
#[derive(Debug, Default)]
pub(super) struct Tail {
    entries: VecDeque<(Entry, usize)>,
    bytes: usize,
    /// What the whole log holds; kept here because the file is locked while it is synced.
    pub(super) span: Range<u64>,
    /// The whole log's size on disk.
    pub(super) log_bytes: u64,
}

impl Tail {
    /// Adds the next one. `bytes` is its size on disk.
    pub(super) fn push(&mut self, entry: Entry, bytes: usize) {
        self.entries.push_back((entry, bytes));
        self.bytes += bytes;
        // The newest one stays however large it is: it is about to be sent and applied.
        while self.entries.len() > 1 && (self.entries.len() > MOST_ENTRIES || self.bytes > MOST_BYTES) {
            if let Some((_, bytes)) = self.entries.pop_front() {
                self.bytes -= bytes;
            }
        }
    }

    /// Forgets everything from `index` on.
    pub(super) fn truncate(&mut self, index: u64) {
        while let Some((_, bytes)) = self.entries.pop_back_if(|(entry, _)| entry.log_id.index >= index) {
            self.bytes -= bytes;
        }
    }

    /// Forgets everything up to `index`.
    pub(super) fn purge(&mut self, index: u64) {
        while let Some((_, bytes)) = self.entries.pop_front_if(|(entry, _)| entry.log_id.index <= index) {
            self.bytes -= bytes;
        }
    }

    /// The entries of the range, at most `max_bytes` but at least one; none when not all of them are here.
    pub(super) fn read(&self, range: &Range<u64>, max_bytes: usize) -> Option<Vec<Entry>> {
        let first = self.entries.front()?.0.log_id.index;
        let from = usize::try_from(range.start.checked_sub(first)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(first)?).ok()?;
        if to > self.entries.len() {
            return None;
        }
        let mut size = 0;
        let within = self.entries.range(from..to).take_while(|(_, bytes)| {
            let fits = size == 0 || size + bytes <= max_bytes;
            size += bytes;
            fits
        });
        Some(within.map(|(entry, _)| entry.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use openraft::{EntryPayload, LeaderId};

    use super::*;
    use crate::types::{LogId, NodeId};

    fn entry(index: u64) -> Entry {
        let log_id = LogId { leader_id: LeaderId::new(1, NodeId::default()), index };
        Entry { log_id, payload: EntryPayload::Blank }
    }

    fn indexes(entries: Option<Vec<Entry>>) -> Option<Vec<u64>> {
        entries.map(|entries| entries.iter().map(|e| e.log_id.index).collect())
    }

    #[test]
    fn a_range_is_given_whole_or_up_to_its_bytes_or_not_at_all() {
        let mut tail = Tail::default();
        for index in 5..10 {
            tail.push(entry(index), 100);
        }
        let read = |range, bytes| indexes(tail.read(&range, bytes));
        assert_eq!(read(5..10, 1000), Some(vec![5, 6, 7, 8, 9]));
        assert_eq!(read(6..9, 250), Some(vec![6, 7]));
        assert_eq!(read(6..9, 1), Some(vec![6]), "at least one");
        assert_eq!(read(4..6, 1000), None);
        assert_eq!(read(9..11, 1000), None);
    }

    #[test]
    fn cut_at_both_ends() {
        let mut tail = Tail::default();
        for index in 5..10 {
            tail.push(entry(index), 100);
        }
        tail.truncate(9);
        tail.purge(5);
        assert_eq!(indexes(tail.read(&(6..9), 1000)), Some(vec![6, 7, 8]));
        assert_eq!(tail.bytes, 300);
        tail.push(entry(9), MOST_BYTES);
        assert_eq!(indexes(tail.read(&(9..10), 1)), Some(vec![9]));
        assert_eq!(tail.read(&(8..10), 1000), None);
    }
}
