//! Cutting a follower's log where it parted from its leader's, or emptying it to start elsewhere. The checkpoint goes
//! first, so that at every moment a crash leaves a log that opens: at worst with the tail that was to be cut.

use std::sync::PoisonError;

use weir_model::Offset;

use super::Log;
use crate::disk::{Disk, DiskFile, replace_file};
use crate::error::LogError;
use crate::image::Checkpoint;
use crate::names;
use crate::scan::HeaderWalk;
use crate::segment::Segment;

impl<D: Disk> Log<D> {
    /// Removes everything from the batch that holds `offset` on, and reigns that have no record left; gives the new end.
    /// Durable when it returns.
    pub fn truncate_to(&mut self, offset: Offset) -> Result<Offset, LogError> {
        self.check()?;
        if offset >= self.log_end {
            // A reign that began here and wrote nothing may be one that the leader has never heard of.
            self.epochs.truncate_from_end(self.log_end);
            self.checkpoint_wanted = true;
            return Ok(self.log_end);
        }
        if offset < self.log_start {
            self.truncate_fully_at(offset)?;
            return Ok(offset);
        }
        let place = self.place.clone();
        let Some(at) = self.locate(offset) else { return Ok(self.log_end) };
        // Where a whole segment goes nothing of it is read: it may be damaged.
        let cut = match self.segments[at].base == offset {
            true => None,
            false => self.segments[at].find(&place, offset)?,
        };
        let whole = if self.segments[at].base == offset { 0 } else { self.segments[at].len };
        let position = cut.map_or(whole, |b| b.position);
        let end = cut.map_or(offset, |b| b.header.base_offset.min(offset));
        if end < self.log_start {
            // The batch at the log's start goes, and with it all there was.
            self.truncate_fully_at(self.log_start)?;
            return Ok(self.log_start);
        }
        let mut kept = self.rebuilt(at, position)?;
        kept.end = end;
        self.truncations += 1;
        self.sync_kept(at)?;
        let epochs = {
            let mut epochs = self.epochs.clone();
            epochs.truncate_from_end(end);
            epochs
        };
        let cleaned_to = self.cleaned_to.min(end);
        self.write_checkpoint(&Checkpoint { segment: kept.image(), epochs: epochs.clone(), cleaned_to })?;
        self.drop_snapshots_above(end)?;
        self.cut_files(at, position)?;
        self.segments.truncate(at);
        if position > 0 {
            (kept.synced, kept.synced_end) = (kept.len, kept.end);
            self.segments.push(kept);
        }
        self.epochs = epochs;
        self.cleaned_to = cleaned_to;
        self.at_new_end(end)?;
        Ok(end)
    }

    /// Empties the log; the next record gets `offset`. Durable when it returns.
    pub fn truncate_fully_at(&mut self, offset: Offset) -> Result<(), LogError> {
        self.check()?;
        self.ensure_dir()?;
        self.truncations += 1;
        let empty = Segment::<D::File>::empty(offset).image();
        let checkpoint = Checkpoint { segment: empty, epochs: Default::default(), cleaned_to: offset };
        // Whichever goes first must not promise offsets that the log does not reach.
        if offset > self.log_end {
            self.mark_start(offset)?;
            self.write_checkpoint(&checkpoint)?;
        } else {
            self.write_checkpoint(&checkpoint)?;
            self.mark_start(offset)?;
        }
        self.drop_snapshots_above(Offset(-1))?;
        for segment in std::mem::take(&mut self.segments).iter().rev() {
            self.remove(&names::index(&self.place.dir, segment.base))?;
            self.remove(&names::segment(&self.place.dir, segment.base))?;
        }
        self.sync_dir()?;
        self.log_start = offset;
        self.cleaned_to = offset;
        self.epochs.clear();
        self.at_new_end(offset)
    }

    fn at_new_end(&mut self, end: Offset) -> Result<(), LogError> {
        self.log_end = end;
        self.durable_end = end;
        (self.since_checkpoint, self.put_off) = (0, 0);
        self.recount_since_snapshot();
        self.oldest_unflushed = None;
        self.untrimmed = false;
        self.open_closed.clear();
        self.cursors.forget();
        self.forget_gone_damage()
    }

    /// What a segment is when it ends at `position`.
    fn rebuilt(&mut self, at: usize, position: u64) -> Result<Segment<D::File>, LogError> {
        let place = self.place.clone();
        let interval = self.config.index_interval_bytes;
        let segment = &mut self.segments[at];
        let file = segment.file(&place)?;
        let mut kept = Segment::empty(segment.base);
        let mut walk = HeaderWalk::new(&*file, 0, position);
        while let Some(batch) = walk.next().map_err(|e| segment.scan_error(&place, e))? {
            kept.note(&batch.header, interval);
        }
        kept.file = Some(file);
        Ok(kept)
    }

    fn sync_kept(&mut self, last: usize) -> Result<(), LogError> {
        let place = self.place.clone();
        for segment in self.segments[..=last].iter_mut().filter(|s| s.synced < s.len) {
            let path = names::segment(&place.dir, segment.base);
            segment.file(&place)?.sync_data().map_err(|e| place.error(&path, e))?;
            (segment.synced, segment.synced_end) = (segment.len, segment.end);
        }
        self.sync_dir()
    }

    /// Snapshots of what goes have gone from the directory with its first sync: one that came back with a power cut, once other
    /// records lie there, would tell of the ones that were cut.
    ///
    /// Later segments go first, newest first; an index that speaks of the old length goes before the bytes do.
    fn cut_files(&mut self, at: usize, position: u64) -> Result<(), LogError> {
        for segment in self.segments[at + 1..].iter().rev() {
            self.remove(&names::index(&self.place.dir, segment.base))?;
            self.remove(&names::segment(&self.place.dir, segment.base))?;
        }
        let base = self.segments[at].base;
        self.remove(&names::index(&self.place.dir, base))?;
        self.sync_dir()?;
        let path = names::segment(&self.place.dir, base);
        if position == 0 {
            self.remove(&path)?;
            return self.sync_dir();
        }
        let place = self.place.clone();
        let file = self.segments[at].file(&place)?;
        file.set_len(position).and_then(|()| file.sync_data()).map_err(|e| place.error(&path, e))
    }

    /// Replaces the checkpoint now, and keeps jobs under way from replacing it by what they were made with.
    pub(super) fn write_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let path = self.place.dir.join(names::CHECKPOINT);
        let mut layout = self.gate.layout.lock().unwrap_or_else(PoisonError::into_inner);
        *layout += 1;
        replace_file(&self.place.disk, &path, &checkpoint.encode(), true)
            .and_then(|()| self.place.disk.sync_dir(&self.place.dir))
            .map_err(|e| self.place.error(&path, e))
    }

    /// Everything done to names so far is durable when this returns.
    pub(super) fn sync_dir(&mut self) -> Result<(), LogError> {
        let dir = &self.place.dir;
        self.place.disk.sync_dir(dir).map_err(|e| self.place.error(dir, e))?;
        if !self.names.ancestors_synced {
            for above in self.home.unsynced_above(dir) {
                self.place.disk.sync_dir(&above).map_err(|e| self.place.error(&above, e))?;
            }
            self.home.synced_above(dir);
        }
        self.names.ancestors_synced = true;
        self.names.synced = self.names.changed;
        Ok(())
    }
}
