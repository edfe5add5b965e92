//! Proposals of another ISR, on their way to the controller and back. One at a time for each partition; `core` decides
//! what to propose and what an answer means.

use std::future::pending;

use tokio::sync::oneshot;
use weir_core::partition::{IsrAnswer, IsrChange, IsrRefusal};

use super::Driver;
use crate::clock;
use crate::net::outgoing::ServedDisk;

/// A proposal that waits for its answer.
pub(super) struct Proposed {
    /// What stands when the answer never comes.
    doubt: IsrAnswer,
    answer: oneshot::Receiver<IsrAnswer>,
}

impl<D: ServedDisk> Driver<D> {
    pub(super) fn propose(&mut self, change: IsrChange) {
        let metrics = &self.surroundings.metrics;
        let (before, after) = (self.replica.isr().len(), change.isr.len());
        if after < before {
            metrics.replication.isr_shrinks.inc();
        } else if after > before {
            metrics.replication.isr_expands.inc();
        }
        let doubt = IsrAnswer {
            leader_epoch: change.leader_epoch,
            partition_epoch: change.partition_epoch,
            outcome: Err(IsrRefusal::Unknown),
        };
        let key = (self.replica.topic(), self.replica.partition());
        let answer = self.surroundings.proposals.propose(key, change);
        // One of an earlier reign may still be on its way: nobody waits for that any more.
        self.work.proposal = Some(Proposed { doubt, answer });
    }

    pub(super) fn isr_answered(&mut self, answer: IsrAnswer) {
        self.replica.on_isr_answer(answer, clock::steady(), &mut self.work.effects);
    }
}

/// The answer to the proposal that is on its way; never when there is none.
pub(super) async fn answered(proposal: &mut Option<Proposed>) -> IsrAnswer {
    let Some(waiting) = proposal else { return pending().await };
    let answer = (&mut waiting.answer).await.unwrap_or(waiting.doubt);
    *proposal = None;
    answer
}
