//! How many bytes of requests may be in memory at once, over all connections. A frame's share grows as its bytes come,
//! never by the length it claims, and is given back when its answer is made: memory is bounded whatever clients do, and
//! who announces much and sends little takes nothing from the others.
//!
//! Frames that hold a part and wait for the rest could wait for each other for ever. So one frame at a time may overdraw
//! the budget: it is read to its end, answered, and what it held lets others go on. The bound is the budget and one frame.

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
    overdraft: Arc<Semaphore>,
    most: u32,
}

/// A share of the budget; dropping it gives the bytes back.
#[derive(Debug, Default)]
pub(crate) struct Share {
    units: Option<OwnedSemaphorePermit>,
    /// Who has this needs no more units.
    overdraft: Option<OwnedSemaphorePermit>,
}

impl ByteBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let most =
            u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, Semaphore::MAX_PERMITS as u32);
        Self { units: Arc::new(Semaphore::new(most as usize)), overdraft: Arc::new(Semaphore::new(1)), most }
    }

    /// Waits until `bytes` fit. A frame larger than the whole budget takes all of it and so goes alone.
    pub(crate) async fn take(&self, bytes: usize) -> Share {
        if bytes <= SMALL_FRAME {
            return Share::default();
        }
        let units = units(bytes).min(self.most);
        Share { units: Arc::clone(&self.units).acquire_many_owned(units).await.ok(), overdraft: None }
    }

    /// Waits until the share covers `bytes`, or its holder is the one that may overdraw.
    pub(crate) async fn grow(&self, share: &mut Share, bytes: usize) {
        let held = share.units.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = units(bytes).saturating_sub(u32::try_from(held).unwrap_or(u32::MAX));
        if bytes <= SMALL_FRAME || more == 0 || share.overdraft.is_some() {
            return;
        }
        tokio::select! {
            biased;
            taken = Arc::clone(&self.units).acquire_many_owned(more) => match (&mut share.units, taken) {
                (Some(units), Ok(taken)) => units.merge(taken),
                (none, taken) => *none = taken.ok(),
            },
            overdraft = Arc::clone(&self.overdraft).acquire_owned() => share.overdraft = overdraft.ok(),
        }
    }

    /// Bytes not taken now.
    pub(crate) fn free(&self) -> usize {
        self.units.available_permits() * UNIT
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
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
    async fn frames_that_wait_for_each_others_bytes_are_let_through_one_by_one() {
        let budget = ByteBudget::new(64 * 1024);
        let mut shares = [Share::default(), Share::default(), Share::default()];
        for share in &mut shares {
            budget.grow(share, 20 * 1024).await;
        }
        assert_eq!(budget.free(), 4 * 1024);
        let [first, second, third] = &mut shares;
        budget.grow(first, 1 << 30).await;
        let mut waiting = Box::pin(budget.grow(second, 60 * 1024));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        *first = Share::default();
        assert!(futures_util::poll!(&mut waiting).is_ready());
        drop(waiting);
        *second = Share::default();
        budget.grow(third, 60 * 1024).await;
        drop(shares);
        assert_eq!(budget.free(), 64 * 1024);
    }

    #[tokio::test]
    async fn small_frames_never_wait() {
        let budget = ByteBudget::new(64 * 1024);
        let _all = budget.take(64 * 1024).await;
        let _small = budget.take(SMALL_FRAME).await;
    }
}
