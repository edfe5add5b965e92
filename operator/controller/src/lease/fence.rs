//! The fence: whether this process may write now. Open from a renewal of the Lease until shortly before others may take
//! it, whatever the process does meanwhile: nobody has to notice that the Lease was lost for the writing to stop.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A handle on the fence; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    until: Arc<watch::Sender<Option<Instant>>>,
}

/// A write was asked for while this process does not lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this operator does not hold the lease, so it writes nothing")]
pub(crate) struct NotLeading;

impl Fence {
    /// Nothing may be written yet.
    pub(crate) fn closed() -> Self {
        Self { until: Arc::new(watch::Sender::new(None)) }
    }

    /// Opens, or stays open, until then.
    pub(crate) fn open_until(&self, then: Instant) {
        self.until.send_replace(Some(then));
    }

    /// Closes now.
    pub(crate) fn close(&self) {
        self.until.send_replace(None);
    }

    /// Whether writing is allowed at this moment.
    pub(crate) fn check(&self) -> Result<(), NotLeading> {
        let until = *self.until.borrow();
        if until.is_some_and(|until| Instant::now() < until) { Ok(()) } else { Err(NotLeading) }
    }

    /// Returns when it is open.
    pub(crate) async fn gained(&self) {
        let mut until = self.until.subscribe();
        while self.check().is_err() {
            // The sender lives as long as this handle.
            if until.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns when it is closed, or has run out.
    pub(crate) async fn lost(&self) {
        let mut until = self.until.subscribe();
        loop {
            let Some(then) = *until.borrow_and_update() else { return };
            if Instant::now() >= then {
                return;
            }
            tokio::select! {
                () = sleep_until(then) => {}
                changed = until.changed() => if changed.is_err() { return },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_closes_by_itself_when_nobody_renews() {
        let fence = Fence::closed();
        assert_eq!(fence.check(), Err(NotLeading));
        fence.open_until(Instant::now() + Duration::from_secs(10));
        assert_eq!(fence.check(), Ok(()));
        let before = Instant::now();
        fence.gained().await;
        fence.lost().await;
        assert_eq!((fence.check(), before.elapsed().as_secs()), (Err(NotLeading), 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_keeps_it_open_and_closing_is_noticed_at_once() {
        let fence = Fence::closed();
        fence.open_until(Instant::now() + Duration::from_secs(10));
        let (watched, before) = (fence.clone(), Instant::now());
        let lost = tokio::spawn(async move { watched.lost().await });
        tokio::time::advance(Duration::from_secs(9)).await;
        fence.open_until(Instant::now() + Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!lost.is_finished() && fence.check().is_ok());
        fence.close();
        lost.await.unwrap();
        assert!(before.elapsed() < Duration::from_secs(15));
    }
}
