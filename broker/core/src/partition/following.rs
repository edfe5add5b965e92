//! A follower: from where it fetches, what it may take of an answer, how far it knows the log to be committed. Where it
//! has to cut its log is decided in `truncation`.
//!
//! A fetch says "I hold everything before this offset". Where the topic's durability is fsync that must be true of the
//! disk, so [`Replica::fetch_from`] is silent while a part of the log is not synced: append, sync, then fetch on.

use weir_model::config::Durability;
use weir_model::{BrokerId, LeaderEpoch, Millis, Offset};

use super::error::FollowError;
use super::replica::{Following, Replica, Role};
use super::{BatchFacts, Effect};

/// What to ask whom. It also names the request: an answer counts only while this is still what would be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchFrom {
    /// The broker that leads.
    pub leader: BrokerId,
    /// In this reign.
    pub leader_epoch: LeaderEpoch,
    /// Everything before is held here.
    pub offset: Offset,
}

/// A batch as the leader holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchedBatch {
    /// Its first record's offset.
    pub base_offset: Offset,
    /// The reign it was written in.
    pub leader_epoch: LeaderEpoch,
    /// Its header.
    pub facts: BatchFacts,
}

/// What may be taken of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// This many batches, from the first on; the rest is to be dropped.
    pub batches: usize,
    /// The log is empty and the first batch begins before where it starts (its leader's start lies within a batch): it
    /// has to be emptied to start at this offset, and its start moved back up after the append. The machine's numbers
    /// stay as they are.
    pub restart_log_at: Option<Offset>,
}

impl Replica {
    /// What to fetch now. `None` when there is nobody to ask, or when a sync has to come first.
    ///
    /// The caller sends the reign of the log's last record along (none when the log is empty), so that the leader can
    /// tell where the logs part.
    #[must_use]
    pub fn fetch_from(&self) -> Option<FetchFrom> {
        let synced = self.policy.durability == Durability::Replicated || self.durable_end >= self.log_end;
        self.following().filter(|_| synced)
    }

    /// Whether an answer is one to what this replica would ask now. Anything else is to be dropped: the reign is over,
    /// or the log has changed since.
    pub fn check_fetched(&self, asked: FetchFrom) -> Result<(), FollowError> {
        if self.following() == Some(asked) { Ok(()) } else { Err(FollowError::Stale) }
    }

    fn following(&self) -> Option<FetchFrom> {
        if self.is_cutting() {
            return None;
        }
        let Role::Follower(Following { leader: Some(leader), .. }) = self.role else { return None };
        Some(FetchFrom { leader, leader_epoch: self.leader_epoch, offset: self.log_end })
    }

    /// What may be appended of an answer's batches. None of a later reign than the one asked: a deposed leader's log may
    /// have changed between its decision to answer and its sending of the bytes.
    pub fn accept_fetched(
        &self,
        asked: FetchFrom,
        batches: &[FetchedBatch],
    ) -> Result<Accepted, FollowError> {
        self.check_fetched(asked)?;
        let mut accepted = Accepted { batches: 0, restart_log_at: None };
        let mut expected = self.log_end;
        for FetchedBatch { base_offset, leader_epoch, facts } in batches {
            if *leader_epoch > asked.leader_epoch {
                break;
            }
            let (got, end) = (*base_offset, facts.end_at(*base_offset));
            let over_the_start = accepted.batches == 0 && self.log_start == self.log_end && end > expected;
            if got < expected && over_the_start {
                accepted.restart_log_at = Some(got);
            } else if got < expected || end <= got {
                return Err(FollowError::NotContiguous { expected, got });
            }
            expected = end;
            accepted.batches += 1;
        }
        Ok(accepted)
    }

    /// The log has taken these batches, and ends at `end`.
    pub fn on_replicated(&mut self, batches: &[FetchedBatch], end: Offset, now: Millis) {
        for batch in batches {
            self.producers.apply(batch.base_offset, &batch.facts, self.policy.producers_max);
        }
        if end > self.log_end {
            self.log_end = end;
            self.unsynced_since.get_or_insert(now);
        }
    }

    /// What the leader said of its log, in an answer that was neither an error nor a divergence, once the batches that
    /// came with it have been taken. The watermark here is the leader's, as far as this log reaches.
    pub fn on_leader_state(
        &mut self,
        leader_epoch: LeaderEpoch,
        high_watermark: Offset,
        log_start: Offset,
        effects: &mut Vec<Effect>,
    ) -> Result<(), FollowError> {
        if self.following().is_none_or(|from| from.leader_epoch != leader_epoch) {
            return Err(FollowError::Stale);
        }
        let committed = high_watermark.min(self.log_end);
        if committed > self.high_watermark {
            self.high_watermark = committed;
            effects.push(Effect::HighWatermark(committed));
        }
        let start = log_start.min(self.high_watermark);
        if start > self.log_start {
            effects.push(Effect::LogStart(start));
        }
        Ok(())
    }
}
