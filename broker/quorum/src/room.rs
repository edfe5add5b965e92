//! A full disk. A little room is kept back for what must still be written then: the deletion of a topic, which makes
//! more, and the quorum's own entries. While the room is given away the controller decides nothing that grows the
//! metadata; when even that is used up, writing waits until there is room again. Nothing needs a restart.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tracing::{info, warn};
use weir_log::{Disk, DiskFile, Home, LogError};

use crate::work::{Work, perform};

/// Some hundred entries, whatever the size of the file system's blocks.
const BYTES: usize = 256 * 1024;
/// How often a full disk is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The node stops; what was to be written was not.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the node is stopping")]
pub struct Stopping;

/// The room that is kept. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Room<D> {
    home: Home<D>,
    path: PathBuf,
    /// It is given away.
    low: Arc<AtomicBool>,
    stopping: watch::Receiver<bool>,
}

impl<D: Disk> Room<D> {
    pub(crate) fn new(home: Home<D>, path: PathBuf, stopping: watch::Receiver<bool>) -> Self {
        Self { home, path, low: Arc::default(), stopping }
    }

    /// Whether only what makes room may be decided.
    pub(crate) fn low(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.low)
    }

    pub(crate) fn is_low(&self) -> bool {
        self.low.load(Ordering::SeqCst)
    }

    /// Becomes true when the node stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Takes the room, if it is not taken. Blocking. A disk without room for it is no error.
    pub(crate) fn keep(&self) {
        let whole = self.home.disk().file_len(&self.path).is_ok_and(|len| len == BYTES as u64);
        if whole || self.take().is_ok() {
            if self.low.swap(false, Ordering::SeqCst) {
                info!("there is room on the disk again");
            }
        } else {
            let _ = self.home.disk().remove(&self.path);
            self.low.store(true, Ordering::SeqCst);
        }
    }

    fn take(&self) -> io::Result<()> {
        let disk = self.home.disk();
        let _ = disk.remove(&self.path);
        let file = disk.create(&self.path)?;
        // Not zeros, which a file system may store as nothing.
        let bytes = vec![0xff; BYTES];
        let mut written = 0;
        while written < BYTES {
            match file.write_at(&[IoSlice::new(&bytes[written..])], written as u64)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                more => written += more,
            }
        }
        Ok(())
    }

    /// Gives the room to the disk; false when there is none to give. Blocking.
    fn give(&self) -> bool {
        self.low.store(true, Ordering::SeqCst);
        self.home.disk().remove(&self.path).is_ok()
    }

    /// Does a write that may find the disk full: again with the room that was kept, and then as often as it takes.
    pub(crate) async fn write<T: Send + 'static, E: From<LogError> + From<Stopping> + Send + 'static>(
        &self,
        work: &dyn Work,
        job: impl Fn() -> Result<T, E> + Clone + Send + 'static,
        is_full: fn(&E) -> bool,
    ) -> Result<T, E> {
        let mut stopping = self.stopping.clone();
        loop {
            let (room, job) = (self.clone(), job.clone());
            let attempt = perform(work, move || match job() {
                Err(error) if is_full(&error) && room.give() => job(),
                other => other,
            });
            // Nobody knows what a job that vanished has written.
            match attempt.await.map_err(|_| LogError::Failed)? {
                Err(error) if is_full(&error) => {}
                done => return done,
            }
            warn!("the disk is full: the quorum waits for room");
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return Err(Stopping.into()),
            }
        }
    }
}
