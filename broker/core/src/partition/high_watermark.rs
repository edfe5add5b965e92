//! How far the log is committed: to the least end over the maximal ISR (committed and joining members). It never
//! goes back within a reign, and stands still while fewer replicas than `min.insync.replicas` are in sync.

use weir_model::config::Durability;
use weir_model::{BrokerId, LeaderEpoch, Offset};

use super::replica::{Leader, Replica, Role};
use super::{Effect, FenceError};

impl Replica {
    /// A follower has fetched up to `end`, and synced up to `durable_end`.
    pub fn on_follower_progress(
        &mut self,
        broker: BrokerId,
        epoch: LeaderEpoch,
        end: Offset,
        durable_end: Offset,
        effects: &mut Vec<Effect>,
    ) -> Result<(), FenceError> {
        self.lead_in(Some(epoch))?;
        let log_end = self.log_end;
        if let Role::Leader(leader) = &mut self.role
            && let Some(follower) = leader.followers.iter_mut().find(|f| f.broker == broker)
        {
            // A follower may claim an end that this log does not have only by a mistake; it must not count.
            follower.end = Some(end.min(log_end));
            follower.durable_end = Some(durable_end.min(end).min(log_end));
        }
        self.advance_high_watermark(effects);
        Ok(())
    }

    /// Lets a follower that has caught up hold the watermark while the controller is asked to add it to the ISR.
    /// `false` when it is not a follower, or not there yet.
    pub fn begin_joining(&mut self, broker: BrokerId) -> bool {
        let (high_watermark, durability) = (self.high_watermark, self.policy.durability);
        let Role::Leader(leader) = &mut self.role else { return false };
        let Some(follower) = leader.followers.iter().find(|f| f.broker == broker) else { return false };
        let reached = match durability {
            Durability::Fsync => follower.durable_end,
            Durability::Replicated => follower.end,
        };
        let caught_up = reached.is_some_and(|end| end >= high_watermark && end >= leader.epoch_start);
        if caught_up && !leader.maximal_isr.contains(&broker) {
            leader.maximal_isr.push(broker);
        }
        caught_up
    }

    /// What acks=all needs: never more replicas than the partition has.
    pub(super) fn effective_min_isr(&self, leader: &Leader) -> u32 {
        self.policy.min_isr.min(leader.followers.len() as u32 + 1)
    }

    /// Moves the watermark as far as it may go, and answers the writes that waited for it.
    pub(super) fn advance_high_watermark(&mut self, effects: &mut Vec<Effect>) {
        let Role::Leader(leader) = &self.role else { return };
        if (leader.isr.len() as u32) < self.effective_min_isr(leader) {
            return;
        }
        let Some(committed) = self.least_end(leader) else { return };
        if committed > self.high_watermark {
            self.high_watermark = committed;
            effects.push(Effect::HighWatermark(committed));
            self.awaiting_commit.release(committed, self.log_start, effects);
        }
    }

    /// The least end over the maximal ISR; `None` while a member has not been heard of.
    fn least_end(&self, leader: &Leader) -> Option<Offset> {
        let own = match self.policy.durability {
            Durability::Fsync => self.durable_end,
            Durability::Replicated => self.log_end,
        };
        leader.maximal_isr.iter().filter(|b| **b != self.me).try_fold(own, |least, member| {
            let follower = leader.followers.iter().find(|f| f.broker == *member)?;
            let end = match self.policy.durability {
                Durability::Fsync => follower.durable_end?,
                Durability::Replicated => follower.end?,
            };
            Some(least.min(end))
        })
    }
}
