//! How far the log is committed: to the least end over the maximal ISR (committed and joining members). It never
//! goes back within a reign, and stands still while fewer replicas than `min.insync.replicas` are in sync.

use weir_model::Offset;
use weir_model::config::Durability;

use super::Effect;
use super::leader::Leader;
use super::replica::{Replica, Role};

impl Replica {
    /// Whether this broker has fenced itself: it could not reach the controller for so long that somebody else may lead
    /// by now. A leader then takes no writes, commits nothing and proposes nothing; it goes on when it is sure again.
    pub fn set_fenced(&mut self, fenced: bool, effects: &mut Vec<Effect>) {
        self.fenced = fenced;
        self.advance_high_watermark(effects);
    }

    /// What acks=all needs: never more replicas than the partition has.
    pub(super) fn effective_min_isr(&self, leader: &Leader) -> u32 {
        self.policy.min_isr.min(leader.followers.len() as u32 + 1)
    }

    /// Moves the watermark as far as it may go, and answers the writes that waited for it.
    pub(super) fn advance_high_watermark(&mut self, effects: &mut Vec<Effect>) {
        let Role::Leader(leader) = &self.role else { return };
        // Whatever `min.insync.replicas` is taken to be here: while the controller counts on replicas that are out of sync,
        // nothing may be committed without them.
        let too_few = (leader.isr.len() as u32) < self.effective_min_isr(leader);
        if self.fenced || too_few || leader.held_by_others {
            return;
        }
        let Some(committed) = self.least_end(leader) else { return };
        if committed > self.high_watermark {
            self.high_watermark = committed;
            effects.push(Effect::HighWatermark(committed));
            self.awaiting_commit.release(committed, self.log_start, effects);
        }
    }

    /// The least end over the maximal ISR; `None` while a member has not been heard of. A follower's end is what it has
    /// synced, where that is asked for: it fetches no earlier.
    fn least_end(&self, leader: &Leader) -> Option<Offset> {
        let own = match self.policy.durability {
            Durability::Fsync => self.durable_end,
            Durability::Replicated => self.log_end,
        };
        leader.maximal_isr().try_fold(own, |least, member| Some(least.min(member.end?)))
    }
}
