//! Fetches that wait for more than there is. Woken by the watermark's advance, never by a timer. A fetch that gave up
//! leaves a dead entry, which is swept before the list grows; one that asks again keeps its place.

use std::collections::HashMap;
use std::sync::Weak;

use tokio::sync::Notify;
use weir_model::Offset;

#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// By the fetch's address, which is its own as long as somebody refers to it.
    waiting: HashMap<usize, (Offset, Weak<Notify>)>,
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

    /// Wakes everybody: the partition changed hands or is going away.
    pub(super) fn wake_all(&mut self) {
        self.advance(Offset(i64::MAX));
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
}
