//! The log on disk, blocking. An entry's index is its offset; every entry is a batch of its own, so that a tail can be
//! cut before any entry; what one call appends is one write and one sync. The vote, and how far the log was purged,
//! are small files beside it.

use std::ops::Range;
use std::path::Path;

use weir_log::{DirHealth, Disk, Home, Log, LogConfig, SmallFile};
use weir_model::records::{Batch, BatchBuilder, NewRecord, batches};
use weir_model::{LeaderEpoch, Millis, Offset};

use super::damage::refuse_damage;
use super::error::StoreError;
use crate::codec::{decode_entry, decode_purged, decode_vote, encode_entry, encode_purged, encode_vote};
use crate::types::{Entry, LogId, LogIndex, Vote};

/// Purging removes whole segments, so they are small.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Bytes that one step of reading takes.
const STEP: usize = 1 << 20;
/// Votes and positions take some fifty bytes.
const MOST_SMALL_BYTES: u64 = 4096;
/// Entries carry no time: nothing of the log ages.
const NO_TIME: Millis = Millis(0);

/// The log, the vote and the purge.
pub(super) struct LogFile<D: Disk> {
    log: Log<D>,
    health: DirHealth,
    vote_file: SmallFile<D>,
    purged_file: SmallFile<D>,
    vote: Option<Vote>,
    purged: Option<LogId>,
    last: Option<LogId>,
}

/// An entry, and its size on disk.
pub(super) type Sized = (Entry, usize);

impl<D: Disk> LogFile<D> {
    /// Opens the log and shows every entry in it, in order. Damage and gaps are errors; a tail that was never synced
    /// is cut off.
    pub(super) fn open(home: &Home<D>, dir: &Path, mut each: impl FnMut(Sized)) -> Result<Self, StoreError> {
        let config = LogConfig {
            segment_bytes: SEGMENT_BYTES,
            retention_ms: None,
            retention_bytes: None,
            delete: false,
            ..LogConfig::default()
        };
        let small = |name, magic| SmallFile::new(home, dir.join(name), magic, 1, MOST_SMALL_BYTES);
        let (vote_file, purged_file) = (small("vote", *b"WRQV"), small("purged", *b"WRQP"));
        let (vote, purged) = read_small(&vote_file, &purged_file)?;
        refuse_damage(home, &dir.join("log"))?;
        let (log, _) = Log::open(home, &dir.join("log"), config)?;
        let health = home.health().clone();
        let mut file = Self { log, health, vote_file, purged_file, vote, purged, last: purged };
        file.finish_purge()?;
        // What survived may never have been synced, and is about to be counted as held.
        file.sync()?;
        let mut at = file.first();
        while at < file.end() {
            let read = file.read(at..file.end(), STEP)?;
            for (entry, bytes) in read {
                at = entry.log_id.index + 1;
                file.last = Some(entry.log_id);
                each((entry, bytes));
            }
        }
        Ok(file)
    }

    /// The log ends before what was purged when a crash came between the two steps of a purge.
    fn finish_purge(&mut self) -> Result<(), StoreError> {
        let Some(purged) = self.purged else { return self.check_start(0) };
        let next = purged.index + 1;
        if self.end() < next {
            self.log.truncate_fully_at(offset(next))?;
        }
        self.check_start(next)
    }

    fn check_start(&self, next: u64) -> Result<(), StoreError> {
        let start = index(self.log.log_start());
        if start > next {
            return Err(StoreError::Gap { expected: LogIndex(next), found: LogIndex(start) });
        }
        Ok(())
    }

    pub(super) fn vote(&self) -> Option<Vote> {
        self.vote
    }

    /// The last entry that was purged, and the last one at all.
    pub(super) fn ends(&self) -> (Option<LogId>, Option<LogId>) {
        (self.purged, self.last)
    }

    /// The indexes that can be read.
    pub(super) fn span(&self) -> Range<u64> {
        self.first()..self.end()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.log.size()
    }

    fn first(&self) -> u64 {
        self.purged.map_or(0, |purged| purged.index + 1).max(index(self.log.log_start()))
    }

    /// The library's suite begins its logs at 1; its nodes never do, so an append that does is refused.
    #[cfg(test)]
    pub(super) fn begin_at(&mut self, first: u64) {
        self.log.truncate_fully_at(offset(first)).unwrap();
    }

    fn end(&self) -> u64 {
        index(self.log.log_end())
    }

    /// Durable when it returns.
    pub(super) fn save_vote(&mut self, vote: Vote) -> Result<(), StoreError> {
        self.vote_file.replace(&encode_vote(&vote))?;
        self.vote = Some(vote);
        Ok(())
    }

    /// Appends entries that follow each other and the log's end; durable when it returns. Gives their sizes.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<Vec<usize>, StoreError> {
        let Some(last) = entries.last() else { return Ok(Vec::new()) };
        for (expected, entry) in (self.end()..).zip(entries) {
            if entry.log_id.index != expected {
                let found = LogIndex(entry.log_id.index);
                return Err(StoreError::Gap { expected: LogIndex(expected), found });
            }
        }
        let mut encoded =
            entries.iter().map(|entry| batch_of(entry, self.end())).collect::<Result<Vec<_>, _>>()?;
        let mut slices: Vec<&mut [u8]> = encoded.iter_mut().map(|batch| &mut batch[..]).collect();
        self.log.append_many(&mut slices, LeaderEpoch(0), NO_TIME)?;
        self.sync()?;
        self.last = Some(last.log_id);
        Ok(encoded.iter().map(|batch| batch.len()).collect())
    }

    /// After a sync that failed nobody knows what the next start finds, so nothing may be answered any more.
    fn sync(&mut self) -> Result<(), StoreError> {
        let synced = match self.log.sync_job() {
            Ok(Some(job)) => self.log.synced(job.run()).map(|_| ()),
            other => other.map(|_| ()),
        };
        synced.inspect_err(|_| self.health.fail())?;
        Ok(())
    }

    /// Removes everything from `index` on; durable when it returns.
    pub(super) fn truncate(&mut self, from: u64) -> Result<(), StoreError> {
        if from >= self.end() {
            return Ok(());
        }
        let last = match from.checked_sub(1) {
            Some(before) if before >= self.first() => {
                self.read(before..from, 1)?.pop().map(|(entry, _)| entry.log_id)
            }
            _ => self.purged,
        };
        self.log.truncate_to(offset(from))?;
        self.last = last;
        Ok(())
    }

    /// Forgets everything up to an entry, which may lie behind the log's end; durable when it returns.
    pub(super) fn purge(&mut self, upto: LogId) -> Result<(), StoreError> {
        if self.purged.is_some_and(|purged| purged.index > upto.index) {
            return Ok(());
        }
        // The mark goes first: a crash after it leaves entries that the next start takes as gone.
        if self.purged != Some(upto) {
            self.purged_file.replace(&encode_purged(&upto))?;
            self.purged = Some(upto);
        }
        let next = upto.index + 1;
        if next >= self.end() {
            self.last = Some(upto);
        }
        if next > self.end() {
            self.log.truncate_fully_at(offset(next))?;
        } else {
            self.log.delete_records_before(offset(next))?;
        }
        self.sync()
    }

    /// The entries of a range, of at most `max_bytes` but at least one. What lies outside the log is not there.
    pub(super) fn read(&mut self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Sized>, StoreError> {
        let (mut at, end) = (range.start.max(self.first()), range.end.min(self.end()));
        let (mut read, mut size) = (Vec::new(), 0);
        while at < end && (size == 0 || size < max_bytes) {
            let bytes = self.log.read_bytes(offset(at), offset(end), max_bytes.clamp(1, STEP))?;
            let before = at;
            for batch in batches(&bytes) {
                let batch = batch.map_err(|source| damaged(at, source))?;
                let entry = entry_of(&batch, at)?;
                at += 1;
                size += batch.bytes().len();
                read.push((entry, batch.bytes().len()));
            }
            if at == before {
                return Err(StoreError::Gap { expected: LogIndex(at), found: LogIndex(end) });
            }
        }
        Ok(read)
    }
}

type Small = (Option<Vote>, Option<LogId>);

fn read_small<D: Disk>(vote: &SmallFile<D>, purged: &SmallFile<D>) -> Result<Small, StoreError> {
    let vote = vote.read()?.map(|bytes| decode_vote(&bytes)).transpose();
    let purged = purged.read()?.map(|bytes| decode_purged(&bytes)).transpose();
    Ok((
        vote.map_err(|source| StoreError::File { file: "vote", source })?,
        purged.map_err(|source| StoreError::File { file: "purge mark", source })?,
    ))
}

fn batch_of(entry: &Entry, written_from: u64) -> Result<bytes::BytesMut, StoreError> {
    let value = encode_entry(entry, written_from);
    let mut batch = BatchBuilder::new(Offset::ZERO);
    batch
        .push(NewRecord { timestamp: NO_TIME, value: Some(&value), ..NewRecord::default() })
        .and_then(|()| batch.build())
        .map_err(|source| damaged(entry.log_id.index, source))
}

fn entry_of(batch: &Batch<'_>, at: u64) -> Result<Entry, StoreError> {
    let bad = |source| damaged(at, source);
    let found = batch.header().base_offset;
    if found != offset(at) {
        return Err(StoreError::Gap { expected: LogIndex(at), found: LogIndex(index(found)) });
    }
    batch.check_crc().map_err(bad)?;
    let payload = batch.decoded_payload(usize::MAX).map_err(bad)?;
    let record = batch.records(&payload).next().transpose().map_err(bad)?;
    let value = record.and_then(|record| record.value).unwrap_or_default();
    let entry = decode_entry(value).map_err(|source| StoreError::Entry { index: LogIndex(at), source })?;
    if entry.log_id.index != at {
        return Err(StoreError::Gap { expected: LogIndex(at), found: LogIndex(entry.log_id.index) });
    }
    Ok(entry)
}

fn damaged(at: u64, source: weir_model::records::BatchError) -> StoreError {
    StoreError::Batch { index: LogIndex(at), source }
}

fn offset(index: u64) -> Offset {
    Offset(i64::try_from(index).unwrap_or(i64::MAX))
}

fn index(offset: Offset) -> u64 {
    u64::try_from(offset.0).unwrap_or(0)
}
