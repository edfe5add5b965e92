//! Appending: one vectored write of the caller's bytes, and counting them in. Records are never decoded. Either all
//! batches of a call are in the log or none is; after a full disk the next call starts clean.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use weir_model::records::{BatchError, BatchHeader, batches, set_base_offset, set_leader_epoch};
use weir_model::{LeaderEpoch, Millis, Offset};

use super::Log;
use crate::disk::{Disk, DiskFile, write_all};
use crate::error::LogError;
use crate::names;
use crate::segment::Segment;

/// Deltas in the index and in batches are 32 bits wide.
const MOST_OFFSETS: i64 = i32::MAX as i64;

/// Where records went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub base: Offset,
    /// The offset after the last record; the log's new end.
    pub end: Offset,
    /// Bytes written.
    pub bytes: u64,
}

impl<D: Disk> Log<D> {
    /// Appends one validated batch as the leader: its base offset and epoch are patched in place, then it is written.
    pub fn append(
        &mut self,
        batch: &mut [u8],
        epoch: LeaderEpoch,
        now: Millis,
    ) -> Result<Appended, LogError> {
        self.check()?;
        let header = assign(batch, self.log_end, epoch)?;
        self.write(&[header], &mut [IoSlice::new(batch)], now)
    }

    /// Appends several validated batches by one write.
    pub fn append_many(
        &mut self,
        batches: &mut [&mut [u8]],
        epoch: LeaderEpoch,
        now: Millis,
    ) -> Result<Appended, LogError> {
        self.check()?;
        let mut headers = Vec::with_capacity(batches.len());
        let mut next = self.log_end;
        for batch in batches.iter_mut() {
            let header = assign(batch, next, epoch)?;
            next = header.next_offset();
            headers.push(header);
        }
        let mut slices: Vec<_> = batches.iter().map(|b| IoSlice::new(b)).collect();
        self.write(&headers, &mut slices, now)
    }

    /// Appends what another replica's log holds, as it is: whole batches whose offsets continue this log (with gaps
    /// where the other was compacted). Checksums are checked.
    pub fn append_replicated(&mut self, bytes: &[u8], now: Millis) -> Result<Appended, LogError> {
        self.check()?;
        let mut headers = Vec::new();
        let mut expected = self.log_end;
        for batch in batches(bytes) {
            let batch = batch?;
            batch.check_crc()?;
            let header = *batch.header();
            if header.base_offset < expected || header.last_offset_delta < 0 {
                return Err(LogError::NotContiguous { expected, got: header.base_offset });
            }
            expected = header.next_offset();
            headers.push(header);
        }
        self.write(&headers, &mut [IoSlice::new(bytes)], now)
    }

    fn write(
        &mut self,
        headers: &[BatchHeader],
        bytes: &mut [IoSlice<'_>],
        now: Millis,
    ) -> Result<Appended, LogError> {
        let base = self.log_end;
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else {
            return Ok(Appended { base, end: base, bytes: 0 });
        };
        let total: u64 = headers.iter().map(|h| h.size as u64).sum();
        let (file, position) = self.room_for(first, last, total)?;
        if let Err(error) = write_all(&*file, bytes, position) {
            self.untrimmed = true;
            let refused = self.place.error(&names::segment(&self.place.dir, self.open_base()), error);
            // Now if it can be done, otherwise before the next append.
            if !self.home.health.is_failed() {
                let _ = self.trim(&file, position);
            }
            return Err(refused);
        }
        for header in headers {
            self.count_in(header);
        }
        self.since_checkpoint += total;
        self.since_snapshot += total;
        self.oldest_unflushed.get_or_insert(now);
        Ok(Appended { base: first.base_offset, end: self.log_end, bytes: total })
    }

    fn count_in(&mut self, header: &BatchHeader) {
        let interval = self.config.index_interval_bytes;
        if let Some(open) = self.segments.last_mut() {
            open.note(header, interval);
        }
        self.epochs.note_record(header.leader_epoch, header.base_offset);
        self.log_end = header.next_offset();
    }

    /// The open segment's file and where to write in it, after rolling when it is time.
    fn room_for(
        &mut self,
        first: &BatchHeader,
        last: &BatchHeader,
        total: u64,
    ) -> Result<(Arc<D::File>, u64), LogError> {
        let fits =
            self.segments.last().is_some_and(|s| !s.sealed && !self.is_roll_due(s, first, last, total));
        if !fits {
            return self.roll();
        }
        let place = self.place.clone();
        let open = self.segments.last_mut().ok_or(LogError::Failed)?;
        let position = open.len;
        let file = open.file(&place)?;
        if self.untrimmed {
            self.trim(&file, position)?;
        }
        if let Some(open) = self.segments.last_mut() {
            open.reserve(&place, total, &self.config);
        }
        Ok((file, position))
    }

    fn is_roll_due(
        &self,
        open: &Segment<D::File>,
        first: &BatchHeader,
        last: &BatchHeader,
        total: u64,
    ) -> bool {
        if open.len == 0 {
            return false;
        }
        let mut age = self.config.segment_ms;
        if let Some(lag) = self.config.max_compaction_lag_ms.filter(|_| self.config.compact) {
            age = age.min(lag);
        }
        let aged = open.first >= Millis(0) && first.max_timestamp.since(open.first) > age;
        let full = open.len.saturating_add(total) > self.config.segment_bytes;
        aged || full || last.last_offset() - open.base > MOST_OFFSETS
    }

    /// Closes the open segment and starts one at the log's end. The old one is synced and sealed by the next job.
    pub(super) fn roll(&mut self) -> Result<(Arc<D::File>, u64), LogError> {
        self.ensure_dir()?;
        let base = self.log_end;
        let path = names::segment(&self.place.dir, base);
        // A segment of this name can only be one that never held a record.
        if self.segments.last().is_some_and(|s| s.base == base) {
            self.segments.pop();
            self.place.disk.remove(&path).map_err(|e| self.place.error(&path, e))?;
        }
        if self.untrimmed
            && let Some(at) = self.segments.len().checked_sub(1)
        {
            let place = self.place.clone();
            let file = self.segments[at].file(&place)?;
            self.trim(&file, self.segments[at].len)?;
        }
        let file = Arc::new(self.place.disk.create(&path).map_err(|e| self.place.error(&path, e))?);
        if let Some(closed) = self.segments.last_mut().and_then(|s| s.index.as_mut()).and_then(Arc::get_mut) {
            closed.shrink();
        }
        self.names.changed += 1;
        let mut segment = Segment::empty(base);
        segment.file = Some(Arc::clone(&file));
        self.segments.push(segment);
        if let Some(closed) = self.segments.len().checked_sub(2) {
            (self.checkpoint_wanted, self.unsealed) = (true, true);
            self.touch(closed);
        }
        Ok((file, 0))
    }

    fn open_base(&self) -> Offset {
        self.segments.last().map_or(self.log_end, |s| s.base)
    }

    fn trim(&mut self, file: &D::File, len: u64) -> Result<(), LogError> {
        let path = names::segment(&self.place.dir, self.open_base());
        file.set_len(len).map_err(|e| self.place.error(&path, e))?;
        if let Some(open) = self.segments.last_mut() {
            open.reserved = len;
        }
        self.untrimmed = false;
        Ok(())
    }

    /// An empty log has no directory yet.
    pub(super) fn ensure_dir(&mut self) -> Result<(), LogError> {
        if self.names.dir_exists {
            return Ok(());
        }
        create_dirs(&self.place.disk, &self.place.dir).map_err(|e| self.place.error(&self.place.dir, e))?;
        self.names.dir_exists = true;
        self.names.ancestors_synced = false;
        Ok(())
    }
}

fn assign(batch: &mut [u8], base: Offset, epoch: LeaderEpoch) -> Result<BatchHeader, LogError> {
    set_base_offset(batch, base);
    set_leader_epoch(batch, epoch);
    let header = BatchHeader::parse(batch)?;
    if header.size != batch.len() {
        return Err(BatchError::Incomplete { need: header.size, have: batch.len() }.into());
    }
    if header.last_offset_delta < 0 {
        let BatchHeader { count, last_offset_delta, .. } = header;
        return Err(BatchError::Count { count, last_offset_delta }.into());
    }
    Ok(header)
}

/// Creates a directory and what is missing above it.
pub(crate) fn create_dirs<D: Disk>(disk: &D, dir: &Path) -> io::Result<()> {
    match disk.create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(parent) = dir.parent() else { return Err(error) };
            create_dirs(disk, parent)?;
            match disk.create_dir(dir) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        }
        other => other,
    }
}
