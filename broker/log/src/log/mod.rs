//! One partition's log: its state and what can be asked of it at once. The verbs are in the files beside this one.
//! A log has one owner. Only sync jobs and compaction jobs leave its thread, and they come back as values.

mod append;
mod cleaning;
mod lookup;
mod open;
mod read;
mod retention;
mod scrubbing;
mod snapshots;
mod swap;
mod sync;
#[cfg(test)]
mod tests;
mod truncate;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use weir_model::{LeaderEpoch, Millis, Offset};

pub use append::Appended;
pub(crate) use append::create_dirs;
pub use cleaning::Compacted;
pub use lookup::TimestampHit;
pub use open::Recovered;
pub use read::Slice;
pub use retention::Deleted;
pub use scrubbing::Scrubbed;
pub use sync::{SyncDone, SyncJob};

use crate::config::LogConfig;
use crate::damage::Damage;
use crate::disk::Disk;
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::home::Home;
use crate::segment::{Place, Segment};

/// Closed segments whose file and index stay open after a read.
const MOST_OPEN_CLOSED_SEGMENTS: usize = 4;

/// One partition's log. See the crate's documentation for how its calls go together.
#[derive(Debug)]
pub struct Log<D: Disk> {
    home: Home<D>,
    place: Place<D>,
    config: LogConfig,
    /// In order and without gaps. The last one takes appends unless it is sealed.
    segments: Vec<Segment<D::File>>,
    log_start: Offset,
    log_end: Offset,
    durable_end: Offset,
    epochs: Epochs,
    cleaned_to: Offset,
    /// The marker file that says where the log starts, if it does not start at 0.
    start_marker: Option<Offset>,
    snapshots: Vec<Offset>,
    /// Bytes after the newest of them, about.
    since_snapshot: u64,
    /// No snapshot for the log's own sake before so many: the last one could not be written.
    snapshot_put_off: u64,
    /// Stretches of segments that are known to be damaged, in order.
    damage: Vec<Damage>,
    names: Names,
    gate: Arc<Gate>,
    /// Counts truncations: a sync that began before one proves nothing about what came after.
    truncations: u64,
    since_checkpoint: u64,
    checkpoint_wanted: bool,
    /// A segment was closed, and its index is in memory only.
    unsealed: bool,
    /// No sync for the log's own sake before so many bytes came after the last checkpoint: the last one could not write it.
    put_off: u64,
    oldest_unflushed: Option<Millis>,
    /// Some of what is not synced was written by an earlier process. If it could not be written, only a sync of its own
    /// file is sure to tell.
    inherits: bool,
    /// A failed write may have left bytes past the end.
    untrimmed: bool,
    open_closed: VecDeque<Offset>,
    cursors: read::Cursors,
}

/// Whether the names in the directory, and the directory's own, are durable.
#[derive(Clone, Copy, Debug, Default)]
struct Names {
    dir_exists: bool,
    changed: u64,
    synced: u64,
    ancestors_synced: bool,
}

/// Lets a job write small files only while the layout it was made for is still the log's.
#[derive(Debug, Default)]
struct Gate {
    layout: Mutex<u64>,
}

/// A segment, for those who count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its first offset.
    pub base: Offset,
    /// The offset after its last.
    pub end: Offset,
    /// Its bytes.
    pub bytes: u64,
}

impl<D: Disk> Log<D> {
    /// The first offset that may be read.
    #[must_use]
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// The offset the next record gets.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Everything below survives a power cut.
    #[must_use]
    pub fn durable_end(&self) -> Offset {
        self.durable_end
    }

    /// The leader epochs and where they began.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// A new leader begins here, perhaps without a record yet.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        if self.epochs.assign(epoch, self.log_end) {
            self.checkpoint_wanted = true;
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Takes new settings; they hold from the next call on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.place.dir
    }

    /// All of its bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|s| s.len).sum()
    }

    /// Its segments, oldest first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = SegmentInfo> + '_ {
        self.segments.iter().map(|s| SegmentInfo { base: s.base, end: s.end, bytes: s.len })
    }

    /// Records that no sync has covered yet (`flush.messages`).
    #[must_use]
    pub fn unflushed_messages(&self) -> u64 {
        u64::try_from(self.log_end - self.durable_end).unwrap_or(0)
    }

    /// Bytes that no sync has covered yet.
    #[must_use]
    pub fn unflushed_bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.len - s.synced.min(s.len)).sum()
    }

    /// When the oldest of them was appended (`flush.ms`).
    #[must_use]
    pub fn oldest_unflushed_at(&self) -> Option<Millis> {
        self.oldest_unflushed
    }

    /// Lets go of the handles and indexes that were not used since the last call: they can be loaded again. To be called
    /// once in a while, so that logs which nobody writes or reads keep no file open.
    pub fn release_idle(&mut self) {
        for segment in &mut self.segments {
            if segment.release_idle(&self.place) {
                self.open_closed.retain(|open| *open != segment.base);
            }
        }
    }

    /// What this log holds in memory for its indexes, in bytes.
    #[must_use]
    pub fn index_memory(&self) -> usize {
        self.segments.iter().filter_map(|s| s.index.as_ref()).map(|i| i.memory_bytes()).sum()
    }

    /// Syncs what is left and writes a checkpoint, so that the next open reads no batch at all.
    pub fn close(mut self) -> Result<(), LogError> {
        self.checkpoint_wanted |= self.since_checkpoint > 0 || self.log_end > self.durable_end;
        if let Some(job) = self.sync_job()? {
            let done = job.run();
            self.synced(done)?;
        }
        for segment in &mut self.segments {
            segment.give_back(&self.place);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), LogError> {
        self.home.health.check()
    }

    /// The segment that holds `offset`, or the first one after it.
    fn locate(&self, offset: Offset) -> Option<usize> {
        let at = self.segments.partition_point(|s| s.end <= offset);
        (at < self.segments.len()).then_some(at)
    }

    /// Keeps the number of open closed segments bounded.
    fn touch(&mut self, at: usize) {
        let base = self.segments[at].base;
        if at + 1 == self.segments.len() || self.open_closed.back() == Some(&base) {
            return;
        }
        self.open_closed.retain(|b| *b != base);
        self.open_closed.push_back(base);
        if self.open_closed.len() > MOST_OPEN_CLOSED_SEGMENTS
            && let Some(oldest) = self.open_closed.pop_front()
            && let Some(segment) = self.segments.iter_mut().find(|s| s.base == oldest)
        {
            segment.release(&self.place);
        }
    }

    /// Jobs under way must not write down a layout that is about to be gone. The lock is held while they do write.
    fn change_layout(&mut self) {
        self.cursors.forget();
        let mut layout = self.gate.layout.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *layout += 1;
    }

    fn layout(&self) -> u64 {
        *self.gate.layout.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
