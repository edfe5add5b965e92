//! The timer of a connection's request that waits. It is kept for the next one: a timer that is put off costs nothing, while each
//! new one that is due before all others wakes the thread that sleeps until then, only so that it knows.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, Sleep, sleep_until};

/// See the module. Nothing is there before somebody has waited.
#[derive(Debug, Default)]
pub(crate) struct Patience(Mutex<Option<Pin<Box<Sleep>>>>);

/// One wait. Whoever waits at the same time on the same connection has a timer of its own.
pub(crate) struct Wait<'a> {
    of: &'a Patience,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) fn until(&self, deadline: Instant) -> Wait<'_> {
        let timer = match self.kept().take() {
            Some(mut timer) => {
                timer.as_mut().reset(deadline);
                timer
            }
            None => Box::pin(sleep_until(deadline)),
        };
        Wait { of: self, timer: Some(timer) }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Pin<Box<Sleep>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait<'_> {
    /// Returns when time is up.
    pub(crate) async fn is_over(&mut self) {
        if let Some(timer) = &mut self.timer {
            timer.await;
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        *self.of.kept() = self.timer.take();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_is_over_when_its_own_time_is_up_and_not_before() {
        let patience = Patience::default();
        let began = Instant::now();
        for (wait, given_up_after) in [(500, Some(3)), (500, None), (20, None), (700, None)] {
            let from = Instant::now();
            let mut waiting = patience.until(from + Duration::from_millis(wait));
            assert!(waiting.is_over().now_or_never().is_none());
            match given_up_after {
                Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                None => {
                    waiting.is_over().await;
                    assert_eq!(from.elapsed(), Duration::from_millis(wait));
                }
            }
        }
        assert_eq!(began.elapsed(), Duration::from_millis(3 + 500 + 20 + 700));
        assert!(patience.until(began).is_over().now_or_never().is_some(), "what is past is over");
    }

    #[tokio::test(start_paused = true)]
    async fn the_timer_is_kept_and_two_at_a_time_have_one_each() {
        let patience = Patience::default();
        let soon = Instant::now() + Duration::from_millis(5);
        let (mut one, mut other) = (patience.until(soon), patience.until(soon + Duration::from_millis(5)));
        one.is_over().await;
        assert!(other.is_over().now_or_never().is_none());
        other.is_over().await;
        drop((one, other));
        assert!(patience.kept().is_some());
    }
}
