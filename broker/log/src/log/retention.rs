//! Where the log starts, and deleting what lies before: by age, by size, or because somebody asked. The new start is
//! durable before the first segment goes, so a crash in between leaves segments that the next open removes. Segments
//! are unlinked at once: readers hold the file, not the name. A full disk does not stop this, because the start is
//! kept in the name of an empty file.

use std::io;

use weir_model::{Millis, Offset};

use super::Log;
use crate::disk::Disk;
use crate::error::LogError;
use crate::names;
use crate::segment::Segment;

/// What retention removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Segments.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl<D: Disk> Log<D> {
    /// Deletes the oldest segments that are too old, too many, or below the log's start; never anything at or above
    /// the high watermark.
    pub fn retention(&mut self, now: Millis, high_watermark: Offset) -> Result<Deleted, LogError> {
        self.check()?;
        let mut size = self.size();
        let mut count = 0;
        for segment in &self.segments {
            // Compaction may have left nothing of a closed segment. Where nothing else is ever deleted it stays until the
            // next pass joins it to another: the log's start must not move past somebody who has yet to read on.
            let empty = segment.sealed && segment.len == 0 && self.config.delete;
            let due =
                segment.end <= self.log_start || self.is_aged(segment, now) || self.is_surplus(segment, size);
            if !(due || empty) || segment.end == segment.base || segment.end > high_watermark {
                break;
            }
            size -= segment.len;
            count += 1;
        }
        // Appends go on in the open segment, so it is only deleted for its age, not because its records were deleted.
        if count == self.segments.len() && self.segments.last().is_some_and(|s| !self.is_aged(s, now)) {
            count = count.saturating_sub(1);
        }
        self.delete_first(count)
    }

    /// Makes `offset` the log's start and deletes the segments that lie before it whole. Durable when it returns; a
    /// start that is already there is left alone.
    pub fn delete_records_before(&mut self, offset: Offset) -> Result<Deleted, LogError> {
        self.check()?;
        if offset > self.log_end {
            return Err(LogError::OutOfRange { asked: offset, start: self.log_start, end: self.log_end });
        }
        if offset > self.log_start {
            self.mark_start(offset)?;
            self.start_at(offset)?;
        }
        let closed = self.segments.len().saturating_sub(1);
        let count = self.segments[..closed].iter().take_while(|s| s.end <= self.log_start).count();
        self.delete_first(count)
    }

    fn is_aged(&self, segment: &Segment<D::File>, now: Millis) -> bool {
        let age = self.config.retention_ms.filter(|_| self.config.delete);
        // Without a timestamp there is no age.
        age.is_some_and(|age| {
            segment.latest.timestamp >= Millis(0) && now.since(segment.latest.timestamp) > age
        })
    }

    fn is_surplus(&self, segment: &Segment<D::File>, size: u64) -> bool {
        let most = self.config.retention_bytes.filter(|_| self.config.delete);
        most.is_some_and(|most| size.saturating_sub(segment.len) >= most && size > most)
    }

    fn delete_first(&mut self, count: usize) -> Result<Deleted, LogError> {
        let Some(last) = count.checked_sub(1).map(|i| &self.segments[i]) else {
            return Ok(Deleted::default());
        };
        let start = last.end.max(self.log_start);
        if start > self.log_start {
            self.mark_start(start)?;
        }
        self.change_layout();
        let mut deleted = Deleted::default();
        while deleted.segments < count {
            let base = self.segments[0].base;
            self.remove(&names::index(&self.place.dir, base))?;
            self.remove(&names::segment(&self.place.dir, base))?;
            let gone = self.segments.remove(0);
            deleted.segments += 1;
            deleted.bytes += gone.len;
            // Keep in step with the disk, should the next removal fail.
            self.log_start = self.log_start.max(gone.end);
        }
        self.start_at(start)?;
        self.forget_gone_damage()?;
        Ok(deleted)
    }

    fn start_at(&mut self, start: Offset) -> Result<(), LogError> {
        self.log_start = start;
        self.cleaned_to = self.cleaned_to.max(start);
        self.durable_end = self.durable_end.max(start);
        self.epochs.truncate_from_start(start);
        self.checkpoint_wanted = true;
        self.drop_old_snapshots()
    }

    /// Writes the start down, durably. A rename needs no space, and neither does an empty file.
    pub(super) fn mark_start(&mut self, start: Offset) -> Result<(), LogError> {
        self.ensure_dir()?;
        if self.start_marker == Some(start) {
            return Ok(());
        }
        let path = names::path(&self.place.dir, start, "start");
        let disk = &self.place.disk;
        let marked = match self.start_marker {
            Some(old) => disk.rename(&names::path(&self.place.dir, old, "start"), &path),
            None => match disk.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other.map(drop),
            },
        };
        marked.map_err(|e| self.place.error(&path, e))?;
        self.start_marker = Some(start);
        self.sync_dir()
    }
}
