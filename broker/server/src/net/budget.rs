//! How many bytes of requests may be in memory at once, over all connections. A frame takes its size from the
//! budget before its body is read and gives it back when its answer is made, so memory is bounded whatever
//! clients do. Taking is all or nothing: no connection waits while it holds part of a frame's share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Frames up to this size are not counted one by one: the number of connections bounds them.
pub(crate) const SMALL_FRAME: usize = 16 * 1024;

/// Units are KiB, so that a semaphore's counter suffices for any budget.
const UNIT: usize = 1024;

/// The shared budget. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ByteBudget {
    units: Arc<Semaphore>,
    most: u32,
}

/// A share of the budget; dropping it gives the bytes back.
#[derive(Debug)]
pub(crate) struct Share(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl ByteBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let most =
            u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, Semaphore::MAX_PERMITS as u32);
        Self { units: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// Waits until `bytes` fit. A frame larger than the whole budget takes all of it and so goes alone.
    pub(crate) async fn take(&self, bytes: usize) -> Share {
        if bytes <= SMALL_FRAME {
            return Share(None);
        }
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.most);
        Share(Arc::clone(&self.units).acquire_many_owned(units).await.ok())
    }

    /// Bytes not taken now.
    pub(crate) fn free(&self) -> usize {
        self.units.available_permits() * UNIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_larger_than_the_budget_goes_alone_and_gives_all_of_it_back() {
        let budget = ByteBudget::new(64 * 1024);
        let share = budget.take(1 << 30).await;
        assert_eq!(budget.free(), 0);
        drop(share);
        assert_eq!(budget.free(), 64 * 1024);
    }

    #[tokio::test]
    async fn a_second_large_frame_waits_for_the_first() {
        let budget = ByteBudget::new(64 * 1024);
        let first = budget.take(40 * 1024).await;
        let mut second = Box::pin(budget.take(40 * 1024));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert!(futures_util::poll!(&mut second).is_ready());
    }

    #[tokio::test]
    async fn small_frames_never_wait() {
        let budget = ByteBudget::new(64 * 1024);
        let _all = budget.take(64 * 1024).await;
        let _small = budget.take(SMALL_FRAME).await;
    }
}
