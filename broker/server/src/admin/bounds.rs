//! How much of this broker those who look at the cluster may have at once. Whoever is refused is told to ask again; what
//! changes something is never refused here, and a part of a snapshot is made by one at a time, so that however many ask, the
//! rest of the broker has its processors.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::refusal::Refused;

/// Snapshots that are being read: each holds an image of the metadata, and a part of some 200 kB.
const SNAPSHOTS_MAX: usize = 256;
/// Streams of Watch: each is told every change.
const WATCHES_MAX: usize = 256;
/// Streams of Progress: each asks the brokers that move something, several times a second if it likes.
const PROGRESSES_MAX: usize = 32;
/// A snapshot that is not read for so long is cut off: it holds metadata that nobody else needs any more.
pub(super) const UNREAD_MAX: Duration = Duration::from_secs(60);

/// The bounds of one broker.
#[derive(Debug)]
pub(super) struct Bounds {
    snapshots: Arc<Semaphore>,
    watches: Arc<Semaphore>,
    progresses: Arc<Semaphore>,
    turn: Semaphore,
}

impl Default for Bounds {
    fn default() -> Self {
        let room = |most| Arc::new(Semaphore::new(most));
        Self {
            snapshots: room(SNAPSHOTS_MAX),
            watches: room(WATCHES_MAX),
            progresses: room(PROGRESSES_MAX),
            turn: Semaphore::new(1),
        }
    }
}

impl Bounds {
    pub(super) fn snapshot(&self) -> Result<OwnedSemaphorePermit, Refused> {
        one(&self.snapshots, "snapshots", SNAPSHOTS_MAX)
    }

    pub(super) fn watch(&self) -> Result<OwnedSemaphorePermit, Refused> {
        one(&self.watches, "streams of Watch", WATCHES_MAX)
    }

    pub(super) fn progress(&self) -> Result<OwnedSemaphorePermit, Refused> {
        one(&self.progresses, "streams of Progress", PROGRESSES_MAX)
    }

    /// Waits for its turn to do what takes as long as there are partitions; in the order in which they came.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.turn.acquire().await.ok()
    }
}

fn one(room: &Arc<Semaphore>, what: &str, most: usize) -> Result<OwnedSemaphorePermit, Refused> {
    Arc::clone(room).try_acquire_owned().map_err(|_| Refused::busy(what, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_one_too_many_is_refused_until_another_has_ended() {
        let bounds = Bounds::default();
        let mut held: Vec<_> = (0..WATCHES_MAX).map(|_| bounds.watch().unwrap()).collect();
        let refused = bounds.watch().unwrap_err();
        assert!(refused.retriable && refused.message.contains("256 streams of Watch"), "{refused:?}");
        assert!(bounds.snapshot().is_ok() && bounds.progress().is_ok(), "others are none of its business");
        held.pop();
        assert!(bounds.watch().is_ok());
    }
}
