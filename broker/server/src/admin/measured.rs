//! What all brokers measure, asked once for everybody who wants to know at the same time: DescribeCluster asks every broker
//! for every log it has, so that many who ask one broker would have it ask all of them as often.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

/// What was asked this recently is not asked again.
const FRESH: Duration = Duration::from_millis(200);

/// Asked for once; everybody has the same answer.
type Asked<T> = Shared<BoxFuture<'static, Arc<T>>>;

/// The latest question and its answer.
#[derive(Debug)]
pub(super) struct AskedOnce<T> {
    latest: Mutex<Option<(Instant, Asked<T>)>>,
}

impl<T> Default for AskedOnce<T> {
    fn default() -> Self {
        Self { latest: Mutex::new(None) }
    }
}

impl<T: Default + Send + Sync + 'static> AskedOnce<T> {
    /// The answer to a question that is under way or that was asked just now; otherwise asks. It is asked to its end by
    /// itself, whether or not somebody waits.
    pub(super) fn join<F>(&self, now: Instant, ask: impl FnOnce() -> F) -> Asked<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, asked)) = &*latest
            && (asked.peek().is_none() || now.saturating_duration_since(*since) < FRESH)
        {
            return asked.clone();
        }
        let asking = tokio::spawn(ask());
        let asked = asking.map(|answer| Arc::new(answer.unwrap_or_default())).boxed().shared();
        *latest = Some((now, asked.clone()));
        asked
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn whoever_asks_while_it_is_asked_or_just_after_hears_the_same() {
        let (once, count, go) =
            (AskedOnce::<u32>::default(), Arc::<AtomicU32>::default(), Arc::<Notify>::default());
        let ask = || {
            let (count, go) = (Arc::clone(&count), Arc::clone(&go));
            async move {
                go.notified().await;
                count.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        let began = Instant::now();
        // However long it takes.
        let askers: Vec<_> = (0..100).map(|n| once.join(began + FRESH * n, ask)).collect();
        go.notify_one();
        assert!(join_all(askers).await.iter().all(|answer| **answer == 1));
        assert_eq!(*once.join(began + FRESH / 2, ask).await, 1);
        go.notify_one();
        assert_eq!(*once.join(began + FRESH, ask).await, 2);
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_though_who_asked_first_has_gone() {
        let once = AskedOnce::<u32>::default();
        drop(once.join(Instant::now(), || async { 7 }));
        assert_eq!(*once.join(Instant::now(), || async { 8 }).await, 7);
    }
}
