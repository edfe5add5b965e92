//! The log as the consensus library sees it. Blocking work goes through `Work`; the library waits for each write
//! before the next, so writes are in order. An error here stops the node: it neither votes nor acknowledges any more.

#[cfg(test)]
mod crashes;
mod damage;
mod error;
mod file;
mod tail;

use std::fmt::Debug;
use std::ops::{Bound, Range, RangeBounds};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::watch;
use weir_log::{Disk, Home, LogError};

pub use error::StoreError;
use file::LogFile;
use tail::Tail;

use crate::room::{Room, Stopping};
use crate::types::{Entry, LogId, StorageError, TypeConfig, Vote};
use crate::work::{Work, perform};

/// Bytes of entries that one message to a follower carries, unless a single one is larger.
const MESSAGE_BYTES: usize = 1 << 20;

/// The log; a clone is the same one.
pub(crate) struct Store<D: Disk> {
    shared: Arc<Shared<D>>,
}

struct Shared<D: Disk> {
    file: Mutex<LogFile<D>>,
    tail: Mutex<Tail>,
    work: Arc<dyn Work>,
    room: Room<D>,
    /// The first entry that the snapshot on disk does not hold.
    covered: watch::Receiver<u64>,
}

impl<D: Disk> Clone for Store<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Disk> Store<D> {
    /// Opens what is in the directory. Blocking.
    pub(crate) fn open(
        home: &Home<D>,
        dir: &Path,
        work: Arc<dyn Work>,
        room: Room<D>,
        covered: watch::Receiver<u64>,
    ) -> Result<Self, StoreError> {
        let mut tail = Tail::default();
        let file = LogFile::open(home, dir, |(entry, bytes)| tail.push(entry, bytes))?;
        (tail.span, tail.log_bytes) = (file.span(), file.bytes());
        room.keep();
        let shared = Shared { file: Mutex::new(file), tail: Mutex::new(tail), work, room, covered };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Neither a vote nor an entry was ever kept here.
    pub(crate) fn is_empty(&self) -> bool {
        let file = self.shared.file();
        file.vote().is_none() && file.ends() == (None, None)
    }

    /// The log's size on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.tail().log_bytes
    }

    /// The last entry that was purged.
    pub(crate) fn purged(&self) -> Option<LogId> {
        self.shared.file().ends().0
    }

    #[cfg(test)]
    pub(crate) fn begin_at(&self, first: u64) {
        self.shared.file().begin_at(first);
    }

    /// A write of the library's, which may find the disk full.
    async fn write<T: Send + 'static>(
        &self,
        job: impl Fn(&mut LogFile<D>) -> Result<T, StoreError> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let job = move || {
            let mut file = shared.file();
            let done = job(&mut file)?;
            let mut tail = shared.tail();
            (tail.span, tail.log_bytes) = (file.span(), file.bytes());
            Ok(done)
        };
        let done = self.shared.room.write(&*self.shared.work, job, StoreError::is_full).await?;
        let room = self.shared.room.clone();
        if room.is_low() {
            let _ = perform(&*self.shared.work, move || room.keep()).await;
        }
        Ok(done)
    }

    /// The library purges the log while the snapshot that takes its place is still being installed, on another task.
    /// Without this a crash in between would lose entries that were acknowledged.
    async fn snapshot_holds(&self, index: u64) -> Result<(), StoreError> {
        let (mut covered, mut stopping) = (self.shared.covered.clone(), self.shared.room.stopping());
        tokio::select! {
            biased;
            held = covered.wait_for(|covered| *covered > index) => match held {
                Ok(_) => Ok(()),
                // The state machine has failed.
                Err(_) => Err(LogError::Failed.into()),
            },
            _ = stopping.wait_for(|stopping| *stopping) => Err(Stopping.into()),
        }
    }

    async fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.shared.tail().read(&range, max_bytes) {
            return Ok(entries);
        }
        let shared = Arc::clone(&self.shared);
        let read = perform(&*self.shared.work, move || shared.file().read(range, max_bytes));
        let read = read.await.map_err(|_| LogError::Failed)??;
        Ok(read.into_iter().map(|(entry, _)| entry).collect())
    }

    fn within(&self, range: &impl RangeBounds<u64>) -> Range<u64> {
        let span = self.shared.tail().span.clone();
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => span.start,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => span.end,
        };
        start.max(span.start)..end.min(span.end)
    }
}

impl<D: Disk> Shared<D> {
    fn file(&self) -> MutexGuard<'_, LogFile<D>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Disk> RaftLogReader<TypeConfig> for Store<D> {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry>, StorageError> {
        let range = self.within(&range);
        self.read(range, usize::MAX).await.map_err(StoreError::reading_log)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        let range = self.within(&(start..end));
        self.read(range, MESSAGE_BYTES).await.map_err(StoreError::reading_log)
    }
}

impl<D: Disk> RaftLogStorage<TypeConfig> for Store<D> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let (last_purged_log_id, last_log_id) = self.shared.file().ends();
        Ok(LogState { last_purged_log_id, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let vote = *vote;
        self.write(move |file| file.save_vote(vote)).await.map_err(StoreError::writing_vote)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.shared.file().vote())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Arc<[Entry]> = entries.into_iter().collect();
        let appended = Arc::clone(&entries);
        let sizes = self.write(move |file| file.append(&appended)).await.map_err(StoreError::writing_log)?;
        {
            let mut tail = self.shared.tail();
            for (entry, bytes) in entries.iter().zip(sizes) {
                tail.push(entry.clone(), bytes);
            }
        }
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.shared.tail().truncate(log_id.index);
        self.write(move |file| file.truncate(log_id.index)).await.map_err(StoreError::writing_log)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.snapshot_holds(log_id.index).await.map_err(StoreError::writing_log)?;
        self.shared.tail().purge(log_id.index);
        self.write(move |file| file.purge(log_id)).await.map_err(StoreError::writing_log)
    }
}
