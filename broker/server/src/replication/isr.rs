//! Takes the ISR changes that leaders here propose to the controller, many at a time: while one call is under way, the
//! next one gathers. Each leader proposes one change at a time, so what waits is bounded by the partitions there are.
//! Whoever drops an answer leaves its leader in doubt, which `core` knows how to live with.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use weir_core::partition::{IsrAnswer, IsrChange, IsrRefusal};
use weir_model::PartitionEpoch;

use super::roster::Key;

/// Changes of one call.
const BATCH_MAX: usize = 1_024;
/// A first change waits this long for others: what makes one ISR change often makes many.
const GATHER: Duration = Duration::from_millis(2);

/// One leader's proposal.
#[derive(Debug)]
struct Proposal {
    key: Key,
    change: IsrChange,
    answer: oneshot::Sender<IsrAnswer>,
}

/// What became of a proposal, as the controller says.
pub(crate) type Outcome = Result<PartitionEpoch, IsrRefusal>;

/// Proposals on their way.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    waiting: Mutex<Vec<Proposal>>,
    news: Notify,
}

impl Proposals {
    /// Proposes; the answer may never come.
    pub(crate) fn propose(&self, key: Key, change: IsrChange) -> oneshot::Receiver<IsrAnswer> {
        let (answer, answered) = oneshot::channel();
        let proposal = Proposal { key, change, answer };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(proposal);
        self.news.notify_one();
        answered
    }

    /// Carries proposals to the controller until `stop`. `ask` puts a batch to it, and gives an outcome for each, in order;
    /// fewer where it could not.
    pub(crate) async fn carry<A>(&self, ask: impl Fn(Vec<(Key, IsrChange)>) -> A, stop: CancellationToken)
    where
        A: Future<Output = Vec<Outcome>>,
    {
        loop {
            tokio::select! {
                () = self.news.notified() => {}
                () = stop.cancelled() => return,
            }
            tokio::time::sleep(GATHER).await;
            loop {
                let batch = self.next();
                if batch.is_empty() {
                    break;
                }
                let changes = batch.iter().map(|proposal| (proposal.key, proposal.change.clone())).collect();
                let outcomes = tokio::select! {
                    outcomes = ask(changes) => outcomes,
                    () = stop.cancelled() => return,
                };
                for (Proposal { change, answer, .. }, outcome) in batch.into_iter().zip(outcomes) {
                    let IsrChange { leader_epoch, partition_epoch, .. } = change;
                    let _ = answer.send(IsrAnswer { leader_epoch, partition_epoch, outcome });
                }
            }
        }
    }

    /// Those that wait, without the ones that nobody waits for any more.
    fn next(&self) -> Vec<Proposal> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|proposal| !proposal.answer.is_closed());
        let count = waiting.len().min(BATCH_MAX);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use uuid::Uuid;
    use weir_core::partition::IsrCause;
    use weir_model::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};

    use super::*;

    fn key(index: i32) -> Key {
        (TopicId(Uuid::nil()), PartitionIndex(index))
    }

    fn change() -> IsrChange {
        IsrChange {
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(7),
            isr: vec![(BrokerId(1), -1)],
            cause: IsrCause::InSync,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn proposals_made_together_are_carried_together_and_answered_each() {
        let (proposals, calls) = (Arc::new(Proposals::default()), Arc::new(AtomicUsize::new(0)));
        let waiting: Vec<_> = (0..3).map(|index| proposals.propose(key(index), change())).collect();
        let stop = CancellationToken::new();
        let counted = Arc::clone(&calls);
        let ask = move |changes: Vec<(Key, IsrChange)>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let outcome = |((_, index), _): (Key, IsrChange)| match index.0 {
                1 => Err(IsrRefusal::Ineligible),
                _ => Ok(PartitionEpoch(8)),
            };
            std::future::ready(changes.into_iter().map(outcome).collect())
        };
        let (carrier, carried) = (Arc::clone(&proposals), stop.clone());
        let task = tokio::spawn(async move { carrier.carry(ask, carried).await });
        let mut outcomes = Vec::new();
        for answer in waiting {
            outcomes.push(answer.await.unwrap().outcome);
        }
        assert_eq!(outcomes, [Ok(PartitionEpoch(8)), Err(IsrRefusal::Ineligible), Ok(PartitionEpoch(8))]);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_controller_that_says_nothing_leaves_the_leader_in_doubt() {
        let proposals = Arc::new(Proposals::default());
        let answer = proposals.propose(key(0), change());
        let (carrier, stop) = (Arc::clone(&proposals), CancellationToken::new());
        let carried = stop.clone();
        let task = tokio::spawn(async move {
            carrier.carry(|_| std::future::ready(Vec::new()), carried).await;
        });
        assert!(answer.await.is_err());
        stop.cancel();
        task.await.unwrap();
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_carried() {
        let proposals = Proposals::default();
        drop(proposals.propose(key(0), change()));
        let _kept = proposals.propose(key(1), change());
        assert_eq!(proposals.next().iter().map(|p| p.key).collect::<Vec<_>>(), [key(1)]);
    }
}
