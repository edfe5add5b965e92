//! The line in which answers wait for their turn, between the two halves of a connection. Both are polled by one task, the
//! writing half after the reading one, so what joins is seen in the same turn and nobody is woken for it: a channel would wake the
//! task that is running already, and a second thread with it, for a turn in which there is nothing to do.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// See the module.
#[derive(Debug)]
pub(super) struct Line<T> {
    most: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    ended: bool,
    wants_room: Option<Waker>,
}

impl<T> Line<T> {
    pub(super) fn new(most: usize) -> Self {
        let state = State { waiting: VecDeque::new(), ended: false, wants_room: None };
        Self { most, state: Mutex::new(state) }
    }

    /// Waits while it is full.
    pub(super) async fn room(&self) {
        poll_fn(|context| {
            let mut state = self.state();
            if state.waiting.len() < self.most {
                return Poll::Ready(());
            }
            state.wants_room = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(super) fn join(&self, last: T) {
        self.state().waiting.push_back(last);
    }

    /// Nobody joins any more.
    pub(super) fn end(&self) {
        self.state().ended = true;
    }

    /// Waits for somebody to join; none when nobody will. Whoever awaits this is to be polled after each poll of those who join.
    pub(super) async fn first(&self) -> Option<T> {
        poll_fn(|_| match self.try_first() {
            None if !self.state().ended => Poll::Pending,
            first => Poll::Ready(first),
        })
        .await
    }

    pub(super) fn try_first(&self) -> Option<T> {
        let mut state = self.state();
        let first = state.waiting.pop_front()?;
        if let Some(reader) = state.wants_room.take() {
            reader.wake();
        }
        Some(first)
    }

    /// For who was first and is not ready.
    pub(super) fn put_back(&self, first: T) {
        self.state().waiting.push_front(first);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One poll, and how often it woke anybody.
    fn poll<F: Future>(future: F) -> (Poll<F::Output>, Arc<Wakes>) {
        let wakes = Arc::new(Wakes::default());
        let polled = pin!(future).poll(&mut Context::from_waker(&Arc::clone(&wakes).into()));
        (polled, wakes)
    }

    fn wakes(of: &Wakes) -> usize {
        of.0.load(Ordering::Relaxed)
    }

    #[test]
    fn who_joins_is_seen_in_turn_and_wakes_nobody() {
        let line = Line::new(3);
        let (nobody, woken) = poll(line.first());
        assert_eq!(nobody, Poll::Pending);
        (1..=3).for_each(|number| line.join(number));
        assert_eq!(wakes(&woken), 0);
        assert_eq!(poll(line.first()).0, Poll::Ready(Some(1)));
        line.put_back(1);
        assert_eq!(
            (line.try_first(), line.try_first(), line.try_first(), line.try_first()),
            (Some(1), Some(2), Some(3), None)
        );
    }

    #[test]
    fn who_waits_for_room_is_woken_when_there_is_some_and_only_then() {
        let line = Line::new(2);
        assert_eq!(poll(line.room()).0, Poll::Ready(()));
        line.join('a');
        line.join('b');
        let (full, woken) = poll(line.room());
        assert_eq!((full, wakes(&woken)), (Poll::Pending, 0));
        assert_eq!(line.try_first(), Some('a'));
        assert_eq!((poll(line.room()).0, wakes(&woken)), (Poll::Ready(()), 1));
        assert_eq!((line.try_first(), wakes(&woken)), (Some('b'), 1));
    }

    #[test]
    fn after_the_end_who_stands_there_still_has_a_turn() {
        let line = Line::new(2);
        line.join("last");
        line.end();
        assert_eq!(poll(line.first()).0, Poll::Ready(Some("last")));
        assert_eq!(poll(line.first()).0, Poll::Ready(None));
    }
}
