//! What a replica's parked fetch waits for: partitions mark themselves when they have news for it. So an answer looks
//! only at those, however many the follower follows. Bounded by what is watched: a partition marks its slot once, until
//! it is asked again.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// A partition's place in its follower's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

/// Shared by one follower's session and the partitions in it.
#[derive(Debug, Default)]
pub(crate) struct FollowerWatch {
    marked: Mutex<Vec<Slot>>,
    news: Notify,
    /// The newest request of the session; an older one that is parked gives way to it.
    newest: AtomicI32,
}

impl FollowerWatch {
    /// A partition has news.
    pub(crate) fn mark(&self, slot: Slot) {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        self.news.notify_one();
    }

    /// Which partitions have marked themselves since the last time.
    pub(crate) fn take(&self) -> Vec<Slot> {
        std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something was marked, or a newer request came.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
    }

    /// A request of this epoch came: the one before it is answered at once.
    pub(crate) fn supersede(&self, epoch: i32) {
        self.newest.store(epoch, Ordering::Release);
        self.news.notify_one();
    }

    /// Whether a newer request than this one waits.
    pub(crate) fn is_superseded(&self, epoch: i32) -> bool {
        self.newest.load(Ordering::Acquire) != epoch
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn marks_are_taken_once_and_wake_the_fetch() {
        let watch = FollowerWatch::default();
        watch.mark(Slot(3));
        watch.mark(Slot(1));
        assert!(watch.changed().now_or_never().is_some());
        assert_eq!(watch.take(), [Slot(3), Slot(1)]);
        assert!(watch.take().is_empty());
    }

    #[test]
    fn a_newer_request_wakes_the_parked_one() {
        let watch = FollowerWatch::default();
        watch.supersede(4);
        assert!(watch.changed().now_or_never().is_some());
        assert!(!watch.is_superseded(4) && watch.is_superseded(3));
    }
}
