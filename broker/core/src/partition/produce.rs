//! Decides whether a batch may be appended, and at which offset; learns what became of it.

use weir_model::{LeaderEpoch, Millis, Offset};

use super::leader::Leader;
use super::producers::Verdict;
use super::replica::{Replica, Role};
use super::waiting::Waiter;
use super::{Acks, BatchFacts, Effect, ProduceError, StorageFailure, Token};

/// One batch to write.
#[derive(Clone, Copy, Debug)]
pub struct Produce {
    /// The caller's handle for batch and reply.
    pub token: Token,
    /// When to answer.
    pub acks: Acks,
    /// The batch's header.
    pub batch: BatchFacts,
    /// The reign the writer believes in, where it knows.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The broker's timestamp where the broker stamps records, else [`Millis::NONE`].
    pub append_time: Millis,
    /// When to give up waiting for replicas.
    pub deadline: Millis,
}

/// A batch that has its offset but is not in the log yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned {
    pub(super) base_offset: Offset,
    pub(super) batch: BatchFacts,
}

impl Replica {
    /// Gives the batch its offset, answers a duplicate with the original's, or refuses.
    pub fn produce(&mut self, write: Produce, effects: &mut Vec<Effect>) {
        match self.judge(&write) {
            Err(why) => effects.push(Effect::Reply { token: write.token, outcome: Err(why) }),
            Ok(Verdict::Fresh) => self.assign_offset(&write, effects),
            Ok(Verdict::Duplicate(original)) => {
                let waiter = Waiter {
                    token: write.token,
                    end: original.last_offset.next(),
                    base_offset: original.base_offset,
                    append_time: original.timestamp,
                    deadline: write.deadline,
                };
                self.answer_duplicate(write.acks, waiter, effects);
            }
        }
    }

    fn judge(&self, write: &Produce) -> Result<Verdict, ProduceError> {
        let leader = self.rule_in(write.leader_epoch)?;
        if write.acks == Acks::All {
            self.check_isr(leader)?;
        }
        write.batch.check()?;
        self.check_size(write.batch.size_bytes)?;
        if self.awaiting_commit.is_full() || self.awaiting_append.is_full() {
            return Err(ProduceError::TooManyWaiting);
        }
        self.producers.judge(&write.batch, self.assigned.iter())
    }

    fn check_isr(&self, leader: &Leader) -> Result<(), ProduceError> {
        let (isr, min) = (leader.isr.len() as u32, self.effective_min_isr(leader));
        if isr < min { Err(ProduceError::NotEnoughReplicas { isr, min }) } else { Ok(()) }
    }

    const fn check_size(&self, size: u32) -> Result<(), ProduceError> {
        let Self { policy, .. } = self;
        if size > policy.max_batch_bytes {
            return Err(ProduceError::TooLarge { size, max: policy.max_batch_bytes });
        }
        if size > policy.segment_bytes {
            return Err(ProduceError::LargerThanSegment { size, max: policy.segment_bytes });
        }
        Ok(())
    }

    fn assign_offset(&mut self, write: &Produce, effects: &mut Vec<Effect>) {
        let base_offset = self.next_offset();
        let waiter = Waiter {
            token: write.token,
            end: write.batch.end_at(base_offset),
            base_offset,
            append_time: write.append_time,
            deadline: write.deadline,
        };
        match write.acks {
            Acks::None | Acks::Leader => self.awaiting_append.push(waiter),
            Acks::All => self.awaiting_commit.push(waiter),
        }
        self.assigned.push_back(Assigned { base_offset, batch: write.batch });
        let leader_epoch = self.leader_epoch;
        effects.push(Effect::Append { token: write.token, base_offset, leader_epoch });
    }

    /// The original may itself still be on its way: then the duplicate waits for the same thing.
    fn answer_duplicate(&mut self, acks: Acks, waiter: Waiter, effects: &mut Vec<Effect>) {
        match acks {
            Acks::None | Acks::Leader => {
                self.awaiting_append.push(waiter);
                self.awaiting_append.release(self.log_end, self.log_start, effects);
            }
            Acks::All => {
                self.awaiting_commit.push(waiter);
                self.awaiting_commit.release(self.high_watermark, self.log_start, effects);
            }
        }
    }

    /// Where the next batch goes.
    fn next_offset(&self) -> Offset {
        self.assigned.back().map_or(self.log_end, |last| last.batch.end_at(last.base_offset))
    }

    /// The log has taken every assigned batch before `end`.
    pub fn on_appended(&mut self, end: Offset, now: Millis, effects: &mut Vec<Effect>) {
        if let Role::Leader(leader) = &mut self.role
            && end > self.log_end
        {
            leader.on_growth(self.log_end, now);
        }
        while let Some(Assigned { base_offset, batch }) = self.assigned.front().copied() {
            let batch_end = batch.end_at(base_offset);
            if batch_end > end {
                break;
            }
            self.assigned.pop_front();
            self.producers.apply(base_offset, &batch, self.policy.producers_max);
            self.log_end = batch_end;
            self.unsynced_since.get_or_insert(now);
        }
        self.awaiting_append.release(self.log_end, self.log_start, effects);
        self.advance_high_watermark(effects);
    }

    /// The log took none of the batches after the last [`Replica::on_appended`]: their offsets are free again.
    pub fn append_failed(&mut self, why: StorageFailure, effects: &mut Vec<Effect>) {
        self.assigned.clear();
        let why = ProduceError::Storage(why);
        self.awaiting_append.fail_beyond(self.log_end, why, effects);
        self.awaiting_commit.fail_beyond(self.log_end, why, effects);
    }

    /// Everything before `end` is on disk, by a sync that began at `sync_began`.
    pub fn on_durable(&mut self, end: Offset, sync_began: Millis, effects: &mut Vec<Effect>) {
        self.durable_end = self.durable_end.max(end.min(self.log_end));
        // What is still unsynced was appended after the sync began: `flush.ms` is kept, at worst a little early.
        self.unsynced_since = if self.durable_end < self.log_end { Some(sync_began) } else { None };
        self.flush_due = false;
        self.advance_high_watermark(effects);
    }

    /// Gives up on writes that replicas did not confirm in time: they stay in the log and may be committed yet.
    /// Notes when `flush.ms` has passed: [`Replica::sync_wanted`] says so until a sync is reported. Proposes an ISR
    /// without the members that have been behind for too long. Asks again to be let go with a damaged log.
    pub fn tick(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        self.awaiting_commit.expire(now, effects);
        self.flush_due |= self.flush_deadline().is_some_and(|deadline| deadline <= now);
        self.propose_isr(now, effects);
        self.ask_to_be_let_go(now, effects);
    }
}
