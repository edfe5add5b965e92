//! Fetches that wait for more than there is. Woken by the watermark's advance, never by a timer. A fetch that gave up
//! leaves a dead entry, which is swept before the list grows.

use std::sync::Weak;

use tokio::sync::Notify;
use weir_model::Offset;

#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: Vec<(Offset, Weak<Notify>)>,
}

impl Waiters {
    /// Wakes `fetch` once, when the watermark passes `seen`.
    pub(super) fn add(&mut self, seen: Offset, fetch: Weak<Notify>) {
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|(_, fetch)| fetch.strong_count() > 0);
        }
        self.waiting.push((seen, fetch));
    }

    /// The watermark is at `now`.
    pub(super) fn advance(&mut self, now: Offset) {
        self.waiting.retain(|(seen, fetch)| {
            let woken = now > *seen;
            if woken && let Some(fetch) = fetch.upgrade() {
                fetch.notify_one();
            }
            !woken
        });
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
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
            waiters.add(Offset(0), Weak::new());
        }
        assert!(waiters.waiting.capacity() <= 8);
    }
}
