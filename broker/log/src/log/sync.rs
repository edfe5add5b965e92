//! Group commit: a job takes what is unsynced at some moment, runs on any thread while appends go on, and comes back as
//! a value. It syncs files, then names, then (when due) writes the indexes of closed segments and the checkpoint. The jobs
//! of many logs may be done together, by one sync of the file system.
//! After a failed sync the data directory is failed for good: the kernel may have dropped the pages and forgotten it.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use weir_model::Offset;

use super::{Gate, Log};
use crate::disk::{Disk, DiskFile, Volume, is_full, replace_file};
use crate::error::{LogError, sync_error};
use crate::image::Checkpoint;
use crate::names;
use crate::segment::{Place, Segment};

/// Work to be done off the owner's thread: [`Self::run`] it, then give the result to [`Log::synced`].
#[derive(Debug)]
pub struct SyncJob<D: Disk> {
    place: Place<D>,
    files: Vec<(Offset, Arc<D::File>)>,
    dirs: Vec<PathBuf>,
    small: SmallFiles,
    gate: Arc<Gate>,
    inherits: bool,
    bytes: u64,
    done: Covered,
}

/// The indexes and the checkpoint that a job writes when they are due.
#[derive(Debug, Default)]
struct SmallFiles {
    seals: Vec<(Offset, Vec<u8>)>,
    checkpoint: Option<Vec<u8>>,
}

/// What a job covered, or why it failed.
#[derive(Debug)]
pub struct SyncDone {
    covered: Covered,
    result: Result<Written, LogError>,
}

#[derive(Clone, Debug)]
struct Covered {
    end: Offset,
    segments: Vec<(Offset, u64, Offset)>,
    names: u64,
    ancestors: bool,
    truncations: u64,
    layout: u64,
    appended: u64,
    /// It was to write the indexes and the checkpoint, too.
    due: bool,
}

/// Which small files a job wrote.
#[derive(Debug, Default)]
struct Written {
    sealed: Vec<Offset>,
    checkpoint: bool,
}

impl<D: Disk> Log<D> {
    /// Whether a sync is worth it though nobody waits for one: closed segments keep their indexes in memory until then, and
    /// a restart would have much to read.
    #[must_use]
    pub fn sync_due(&self) -> bool {
        let much = self.since_checkpoint >= self.config.recovery_bytes;
        (self.unsealed || much) && self.since_checkpoint >= self.put_off
    }

    /// A job that makes everything appended so far durable; none when it is. Several may be under way.
    pub fn sync_job(&mut self) -> Result<Option<SyncJob<D>>, LogError> {
        self.check()?;
        let due =
            self.checkpoint_wanted || self.unsealed || self.since_checkpoint >= self.config.checkpoint_bytes;
        let unsynced =
            self.segments.iter().any(|s| s.synced < s.len) || self.names.changed > self.names.synced;
        // An empty log that only began an epoch has no directory yet, and gets none for that.
        let idle = !due || !self.names.dir_exists;
        if idle && !unsynced {
            return Ok(None);
        }
        let mut files = Vec::new();
        let mut segments = Vec::new();
        let mut bytes = 0;
        let place = self.place.clone();
        for segment in self.segments.iter_mut().filter(|s| s.synced < s.len) {
            bytes += segment.len - segment.synced;
            files.push((segment.base, segment.file(&place)?));
            segments.push((segment.base, segment.len, segment.end));
        }
        let ancestors = !self.names.ancestors_synced;
        let mut dirs = Vec::new();
        if self.names.dir_exists && self.names.changed > self.names.synced {
            dirs.push(self.place.dir.to_path_buf());
        }
        if ancestors {
            dirs.extend(self.home.unsynced_above(&self.place.dir));
        }
        let small = if due { self.small_files() } else { SmallFiles::default() };
        let done = Covered {
            end: self.log_end,
            segments,
            names: self.names.changed,
            ancestors,
            truncations: self.truncations,
            layout: self.layout(),
            appended: self.since_checkpoint,
            due,
        };
        let gate = Arc::clone(&self.gate);
        Ok(Some(SyncJob { place, files, dirs, small, gate, inherits: self.inherits, bytes, done }))
    }

    /// Takes a job's result. Gives the new durable end, or the error that failed the directory.
    pub fn synced(&mut self, done: SyncDone) -> Result<Offset, LogError> {
        let written = done.result?;
        self.check()?;
        let covered = done.covered;
        if covered.truncations != self.truncations {
            return Ok(self.durable_end);
        }
        let same_layout = covered.layout == self.layout();
        for segment in &mut self.segments {
            let mine = covered.segments.iter().find(|(base, ..)| *base == segment.base);
            if let Some((_, len, end)) = mine.filter(|(_, len, _)| *len > segment.synced) {
                (segment.synced, segment.synced_end) = (*len, *end);
            }
            if same_layout && written.sealed.contains(&segment.base) {
                segment.sealed = true;
                if !self.open_closed.contains(&segment.base) {
                    segment.release();
                }
            }
        }
        self.names.synced = self.names.synced.max(covered.names);
        if covered.ancestors && !self.names.ancestors_synced {
            self.names.ancestors_synced = true;
            self.home.synced_above(&self.place.dir);
        }
        self.durable_end = self.durable_end.max(covered.end);
        self.inherits = false;
        if self.durable_end == self.log_end {
            self.oldest_unflushed = None;
        }
        if written.checkpoint {
            self.since_checkpoint = self.since_checkpoint.saturating_sub(covered.appended);
            self.checkpoint_wanted = false;
            self.unsealed = self.has_unsealed();
            self.put_off = 0;
        } else if covered.due {
            // There was no room for it, or the log was changed under it. When there is more to it, it is tried again.
            self.put_off = self.since_checkpoint + self.config.checkpoint_bytes;
        }
        Ok(self.durable_end)
    }

    pub(super) fn has_unsealed(&self) -> bool {
        self.segments.split_last().is_some_and(|(_, closed)| closed.iter().any(|s| !s.sealed))
    }

    /// The recovery point as of now, for when everything is synced or about to be.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        let segment = self
            .segments
            .last()
            .map_or_else(|| Segment::<D::File>::empty(self.log_end).image(), |s| s.image());
        Checkpoint { segment, epochs: self.epochs.clone(), cleaned_to: self.cleaned_to }
    }

    fn small_files(&self) -> SmallFiles {
        let closed = self.segments.split_last().map_or(&[][..], |(_, closed)| closed);
        let unsealed = closed.iter().filter(|s| !s.sealed);
        let seals = unsealed.map(|s| {
            let epochs = self.epochs.within(s.base, s.end);
            (s.base, s.image().to_index_file(&epochs))
        });
        SmallFiles { seals: seals.collect(), checkpoint: Some(self.checkpoint().encode()) }
    }
}

impl<D: Disk> SyncJob<D> {
    /// The log's end that will be durable when the job succeeds.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.done.end
    }

    /// The bytes that are to be made durable, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it has to be done by itself: it takes longer than others should wait, or only a sync of its own files can
    /// be relied on.
    #[must_use]
    pub fn wants_its_own(&self) -> bool {
        self.inherits || self.done.due
    }

    /// Does the work. Blocks.
    pub fn run(self) -> SyncDone {
        let result = self.sync().and_then(|()| self.write_small_files());
        SyncDone { covered: self.done, result }
    }

    /// Does the work of many, of one data directory, by one sync of the file system that holds them all. Blocks. The
    /// results are in the order of the jobs. A job that [wants its own](Self::wants_its_own) MUST NOT be among them.
    pub fn run_together(jobs: Vec<Self>, volume: &D::Volume) -> Vec<SyncDone> {
        let mut failure = jobs.first().and_then(|first| first.sync_volume(volume).err());
        let failed = failure.is_some();
        let done = jobs.into_iter().map(|job| match failure.take() {
            Some(error) => SyncDone { covered: job.done, result: Err(error) },
            None if failed => SyncDone { covered: job.done, result: Err(LogError::Failed) },
            None if job.is_on(volume) => SyncDone { result: job.write_small_files(), covered: job.done },
            None => job.run(),
        });
        done.collect()
    }

    /// Somebody may have mounted another file system, or set a link to one, where this log is.
    fn is_on(&self, volume: &D::Volume) -> bool {
        !self.files.is_empty() && self.files.iter().all(|(_, file)| volume.holds(file))
    }

    /// Whatever the error: nobody knows what of all that was written is on the disk.
    fn sync_volume(&self, volume: &D::Volume) -> Result<(), LogError> {
        self.place.health.check()?;
        volume.sync().map_err(|source| {
            self.place.health.fail();
            LogError::Io { path: self.place.dir.to_path_buf(), source }
        })
    }

    fn sync(&self) -> Result<(), LogError> {
        self.place.health.check()?;
        for (base, file) in &self.files {
            file.sync_data().map_err(|e| self.failed(names::segment(&self.place.dir, *base), e))?;
        }
        for dir in &self.dirs {
            self.place.disk.sync_dir(dir).map_err(|e| self.failed(dir.clone(), e))?;
        }
        Ok(())
    }

    /// They are caches, so a full disk only means that they are written later.
    fn write_small_files(&self) -> Result<Written, LogError> {
        let mut written = Written::default();
        if self.small.checkpoint.is_none() && self.small.seals.is_empty() {
            return Ok(written);
        }
        let layout = self.gate.layout.lock().unwrap_or_else(PoisonError::into_inner);
        if *layout != self.done.layout {
            return Ok(written);
        }
        for (base, bytes) in &self.small.seals {
            if !self.replace(names::index(&self.place.dir, *base), bytes)? {
                return Ok(written);
            }
            written.sealed.push(*base);
        }
        if let Some(bytes) = &self.small.checkpoint {
            written.checkpoint = self.replace(self.place.dir.join(names::CHECKPOINT), bytes)?;
            // So that a power cut does not cost a longer scan than a kill.
            let dir = &self.place.dir;
            self.place.disk.sync_dir(dir).map_err(|e| self.failed(dir.to_path_buf(), e))?;
        }
        Ok(written)
    }

    fn replace(&self, path: PathBuf, bytes: &[u8]) -> Result<bool, LogError> {
        match replace_file(&self.place.disk, &path, bytes, true) {
            Ok(()) => Ok(true),
            Err(error) if is_full(&error) => Ok(false),
            Err(error) => Err(self.failed(path, error)),
        }
    }

    fn failed(&self, path: PathBuf, source: std::io::Error) -> LogError {
        sync_error(&self.place.health, &path, source)
    }
}
