//! Group commit: a job takes what is unsynced at some moment, runs on any thread while appends go on, and comes back as
//! a value. It syncs files, then names, then (when due) writes the indexes of closed segments and the checkpoint. The jobs
//! of many logs may be done together, by one sync of the file system; the checkpoints of new reigns among them by a second
//! one: what they tell of has to be durable first.
//! After a failed sync the data directory is failed for good: the kernel may have dropped the pages and forgotten it.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};

use weir_model::Offset;

use super::{Gate, Log};
use crate::disk::{Disk, DiskFile, Volume, is_full, put_in_place, replace_file, write_beside};
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
    alone: bool,
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

/// How far a job is that is done together with others.
enum Begun {
    /// It is on another file system, and to be done for itself.
    Elsewhere,
    /// There is no checkpoint to write, or there was no room for it.
    Nothing,
    /// Its checkpoint lies beside the old one.
    Checkpoint,
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
        let much = self.unsealed || self.since_checkpoint >= self.config.checkpoint_bytes;
        let due = self.checkpoint_wanted || much;
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
        let alone = self.inherits || much || files.is_empty() || !small.seals.is_empty();
        Ok(Some(SyncJob { place, files, dirs, small, gate, alone, bytes, done }))
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
        let open = self.segments.last().map(|s| s.base);
        for segment in &mut self.segments {
            let mine = covered.segments.iter().find(|(base, ..)| *base == segment.base);
            if let Some((_, len, end)) = mine.filter(|(_, len, _)| *len > segment.synced) {
                (segment.synced, segment.synced_end) = (*len, *end);
            }
            if open != Some(segment.base) {
                segment.give_back(&self.place);
            }
            if same_layout && written.sealed.contains(&segment.base) {
                segment.sealed = true;
                if !self.open_closed.contains(&segment.base) {
                    segment.release(&self.place);
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
        self.alone
    }

    /// Does the work. Blocks.
    pub fn run(self) -> SyncDone {
        let result = self.sync().and_then(|()| self.write_small_files());
        SyncDone { covered: self.done, result }
    }

    /// Does the work of many, of one data directory, by one sync of the file system that holds them all, and another one
    /// where there are checkpoints among it. Blocks. The results are in the order of the jobs. A job that
    /// [wants its own](Self::wants_its_own) MUST NOT be among them.
    pub fn run_together(jobs: Vec<Self>, volume: &D::Volume) -> Vec<SyncDone> {
        let Some(first) = jobs.first() else { return Vec::new() };
        let begun: Vec<_> = jobs.iter().map(|job| job.begin_checkpoint(volume)).collect();
        if let Err(error) = first.sync_volume(volume) {
            return Self::all_failed(jobs, error);
        }
        let ended: Vec<_> = jobs.iter().zip(begun).map(|(job, begun)| job.end_checkpoint(begun)).collect();
        let written = ended.iter().flatten().flatten().any(|written| written.checkpoint);
        if written && let Err(error) = first.sync_volume(volume) {
            return Self::all_failed(jobs, error);
        }
        let done = jobs.into_iter().zip(ended).map(|(job, ended)| match ended {
            Some(result) => SyncDone { covered: job.done, result },
            None => job.run(),
        });
        done.collect()
    }

    /// The error is told once: nobody else learns more from it.
    fn all_failed(jobs: Vec<Self>, error: LogError) -> Vec<SyncDone> {
        let errors = std::iter::once(error).chain(std::iter::repeat_with(|| LogError::Failed));
        jobs.into_iter()
            .zip(errors)
            .map(|(job, error)| SyncDone { covered: job.done, result: Err(error) })
            .collect()
    }

    /// Writes the checkpoint, if one is due, where nobody finds it yet: it tells of what is not durable.
    fn begin_checkpoint(&self, volume: &D::Volume) -> Result<Begun, LogError> {
        if !self.is_on(volume) {
            return Ok(Begun::Elsewhere);
        }
        let Some(bytes) = &self.small.checkpoint else { return Ok(Begun::Nothing) };
        let Some(_unchanged) = self.unchanged() else { return Ok(Begun::Nothing) };
        let path = self.checkpoint_path();
        let written = write_beside(&self.place.disk, &path, bytes).map(drop);
        Ok(if self.unless_full(path, written)? { Begun::Checkpoint } else { Begun::Nothing })
    }

    /// None for a job that is still to be done.
    fn end_checkpoint(&self, begun: Result<Begun, LogError>) -> Option<Result<Written, LogError>> {
        match begun {
            Ok(Begun::Elsewhere) => None,
            Ok(Begun::Nothing) => Some(Ok(Written::default())),
            Ok(Begun::Checkpoint) => Some(self.put_checkpoint_in_place()),
            Err(error) => Some(Err(error)),
        }
    }

    /// Now it may be found.
    fn put_checkpoint_in_place(&self) -> Result<Written, LogError> {
        let Some(_unchanged) = self.unchanged() else { return Ok(Written::default()) };
        let path = self.checkpoint_path();
        let done = put_in_place(&self.place.disk, &path);
        Ok(Written { checkpoint: self.unless_full(path, done)?, ..Written::default() })
    }

    /// Small files may be written while this is held; none when the log has changed since the job was made.
    fn unchanged(&self) -> Option<MutexGuard<'_, u64>> {
        let layout = self.gate.layout.lock().unwrap_or_else(PoisonError::into_inner);
        (*layout == self.done.layout).then_some(layout)
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
        let Some(_unchanged) = self.unchanged() else { return Ok(written) };
        for (base, bytes) in &self.small.seals {
            if !self.replace(names::index(&self.place.dir, *base), bytes)? {
                return Ok(written);
            }
            written.sealed.push(*base);
        }
        if let Some(bytes) = &self.small.checkpoint {
            written.checkpoint = self.replace(self.checkpoint_path(), bytes)?;
            // So that a power cut does not cost a longer scan than a kill.
            let dir = &self.place.dir;
            self.place.disk.sync_dir(dir).map_err(|e| self.failed(dir.to_path_buf(), e))?;
        }
        Ok(written)
    }

    fn replace(&self, path: PathBuf, bytes: &[u8]) -> Result<bool, LogError> {
        let done = replace_file(&self.place.disk, &path, bytes, true);
        self.unless_full(path, done)
    }

    /// Whether it was done: a full disk is no error to a cache.
    fn unless_full(&self, path: PathBuf, done: io::Result<()>) -> Result<bool, LogError> {
        match done {
            Ok(()) => Ok(true),
            Err(error) if is_full(&error) => Ok(false),
            Err(error) => Err(self.failed(path, error)),
        }
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.place.dir.join(names::CHECKPOINT)
    }

    fn failed(&self, path: PathBuf, source: io::Error) -> LogError {
        sync_error(&self.place.health, &path, source)
    }
}
