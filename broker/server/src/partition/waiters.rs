//! Fetches that wait for more than there is: consumers for the watermark's advance, replicas for anything new. Never woken
//! by a timer. A consumer's fetch that gave up leaves a dead entry, which is swept before the list grows; one that asks
//! again keeps its place. A replica has one place, whatever it asks.

use std::collections::HashMap;
use std::sync::Weak;

use tokio::sync::Notify;
use weir_model::{BrokerId, Offset};

use crate::replication::watch::{FollowerWatch, Slot};

#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// By the fetch's address, which is its own as long as somebody refers to it.
    waiting: HashMap<usize, (Offset, Weak<Notify>)>,
    /// Those of the other replicas that have all there is.
    followers: Vec<CaughtUp>,
}

/// Where a follower's session is told of news.
#[derive(Clone, Debug)]
pub(crate) struct Interest {
    pub(crate) watch: Weak<FollowerWatch>,
    pub(crate) slot: Slot,
}

/// How far a log goes, in every sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: Offset,
    pub(super) high_watermark: Offset,
    pub(super) end: Offset,
}

#[derive(Debug)]
struct CaughtUp {
    follower: BrokerId,
    interest: Interest,
    seen: Extent,
    /// It was told that the watermark or the start moved, and has not asked since.
    marked: bool,
}

impl Waiters {
    /// Wakes `fetch` once, when the watermark passes `seen`.
    pub(super) fn add(&mut self, seen: Offset, fetch: Weak<Notify>) {
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|_, (_, fetch)| fetch.strong_count() > 0);
        }
        self.waiting.insert(fetch.as_ptr().addr(), (seen, fetch));
    }

    /// The watermark is at `now`.
    pub(super) fn advance(&mut self, now: Offset) {
        self.waiting.retain(|_, (seen, fetch)| {
            let woken = now > *seen;
            if woken && let Some(fetch) = fetch.upgrade() {
                fetch.notify_one();
            }
            !woken
        });
        if self.waiting.is_empty() {
            self.waiting = HashMap::new();
        }
    }

    /// The replica has all of the log and knows this much of it: it is told once when there is more.
    pub(super) fn add_follower(&mut self, follower: BrokerId, interest: Interest, seen: Extent) {
        self.remove_follower(follower);
        self.followers.push(CaughtUp { follower, interest, seen, marked: false });
    }

    /// The replica has something to do before it can use news.
    pub(super) fn remove_follower(&mut self, follower: BrokerId) {
        self.followers.retain(|waiting| waiting.follower != follower);
    }

    /// The log goes that far now.
    pub(super) fn extend(&mut self, now: Extent) {
        self.followers.retain_mut(|CaughtUp { interest, seen, marked, .. }| {
            let Some(watch) = interest.watch.upgrade() else { return false };
            if now.end > seen.end {
                watch.mark(interest.slot);
                return false;
            }
            if !*marked && (now.high_watermark, now.start) != (seen.high_watermark, seen.start) {
                *marked = true;
                watch.mark(interest.slot);
            }
            true
        });
    }

    /// Wakes everybody: the partition changed hands or is going away.
    pub(super) fn wake_all(&mut self) {
        self.advance(Offset(i64::MAX));
        for CaughtUp { interest, .. } in self.followers.drain(..) {
            if let Some(watch) = interest.watch.upgrade() {
                watch.mark(interest.slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;

    fn woken(fetch: &Notify) -> bool {
        fetch.notified().now_or_never().is_some()
    }

    #[test]
    fn a_fetch_wakes_when_the_watermark_passes_what_it_saw() {
        let fetch = Arc::new(Notify::new());
        let mut waiters = Waiters::default();
        waiters.add(Offset(5), Arc::downgrade(&fetch));
        waiters.advance(Offset(5));
        assert!(!woken(&fetch));
        waiters.advance(Offset(6));
        assert!(woken(&fetch));
        waiters.advance(Offset(7));
        assert!(!woken(&fetch), "once");
    }

    #[test]
    fn fetches_that_gave_up_do_not_pile_up() {
        let mut waiters = Waiters::default();
        for _ in 0..10_000 {
            waiters.add(Offset(0), Arc::downgrade(&Arc::new(Notify::new())));
        }
        assert!(waiters.waiting.capacity() <= 8);
    }

    #[test]
    fn a_fetch_that_another_partition_woke_does_not_pile_up_here() {
        let fetch = Arc::new(Notify::new());
        let mut waiters = Waiters::default();
        for _ in 0..10_000 {
            waiters.add(Offset(0), Arc::downgrade(&fetch));
        }
        assert_eq!(waiters.waiting.len(), 1);
        waiters.advance(Offset(1));
        assert!(woken(&fetch));
    }

    fn extent(start: i64, high_watermark: i64, end: i64) -> Extent {
        Extent { start: Offset(start), high_watermark: Offset(high_watermark), end: Offset(end) }
    }

    fn follower(waiters: &mut Waiters, seen: Extent) -> Arc<FollowerWatch> {
        let watch = Arc::new(FollowerWatch::default());
        let interest = Interest { watch: Arc::downgrade(&watch), slot: Slot(7) };
        waiters.add_follower(BrokerId(2), interest, seen);
        watch
    }

    #[test]
    fn a_replica_is_told_of_each_kind_of_news_once() {
        let mut waiters = Waiters::default();
        let watch = follower(&mut waiters, extent(0, 3, 5));
        waiters.extend(extent(0, 3, 5));
        assert!(watch.take().is_empty());
        waiters.extend(extent(0, 4, 5));
        waiters.extend(extent(0, 5, 5));
        assert_eq!(watch.take(), [Slot(7)], "once");
        waiters.extend(extent(0, 5, 6));
        waiters.extend(extent(0, 5, 7));
        assert_eq!(watch.take(), [Slot(7)], "once");
    }

    #[test]
    fn a_replica_learns_that_the_log_was_cut_off_at_its_start_or_changed_hands() {
        let mut waiters = Waiters::default();
        let watch = follower(&mut waiters, extent(0, 5, 5));
        waiters.extend(extent(2, 5, 5));
        assert_eq!(watch.take(), [Slot(7)]);
        waiters.wake_all();
        assert_eq!(watch.take(), [Slot(7)]);
        waiters.wake_all();
        assert!(watch.take().is_empty());
    }

    #[test]
    fn a_replica_that_has_work_or_went_away_is_not_told() {
        let mut waiters = Waiters::default();
        let watch = follower(&mut waiters, extent(0, 5, 5));
        waiters.remove_follower(BrokerId(2));
        waiters.extend(extent(0, 5, 9));
        assert!(watch.take().is_empty());
        drop(follower(&mut waiters, extent(0, 5, 5)));
        waiters.extend(extent(0, 5, 5));
        assert!(waiters.followers.is_empty());
    }
}
