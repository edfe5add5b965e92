//! Who is in sync: when a leader proposes another ISR to the controller, and what it makes of the answer. A proposal is
//! a compare-and-set on the partition epoch; one is under way at a time. Until the controller's word comes back through
//! [`Replica::assign`], the watermark waits for the members of the committed ISR *and* for everybody who was proposed
//! to join and may yet turn out to have been added.

use weir_model::{BrokerId, DurationMs, LeaderEpoch, Millis, PartitionEpoch};

use super::Effect;
use super::leader::{Follower, Leader};
use super::replica::{Replica, Role};

/// The pause after a refused proposal; it doubles each time.
const RETRY_FIRST_MS: i64 = 100;
const RETRY_DOUBLINGS: u8 = 4;

/// An ISR to propose to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The leader's reign.
    pub leader_epoch: LeaderEpoch,
    /// The version of the partition that the change is to be made on, and on no other. An accepted change must lead to
    /// a greater one even when the members stay the same: that is how a doubtful proposal is taken back.
    pub partition_epoch: PartitionEpoch,
    /// The members with the registrations they are known by; -1 for this broker itself and for a member that has not
    /// been heard of in this reign.
    pub isr: Vec<(BrokerId, i64)>,
    /// What it is about.
    pub cause: IsrCause,
}

/// What a replica asks the controller for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsrCause {
    /// The leader says who is in sync.
    #[default]
    InSync,
    /// A replica, leader or not, has lost a part of its log: it wants to be neither in sync nor to lead, and names nobody.
    Damaged,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsrAnswer {
    /// The proposal's reign.
    pub leader_epoch: LeaderEpoch,
    /// The proposal's partition epoch.
    pub partition_epoch: PartitionEpoch,
    /// The partition epoch it led to, or why not.
    pub outcome: Result<PartitionEpoch, IsrRefusal>,
}

/// Why an ISR change was not made, or is not known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsrRefusal {
    /// Another change came first (or this very one did, by an earlier attempt): the news of it is on its way.
    Stale,
    /// The controller will not have one of the members (fenced, shutting down, of another registration). Certain: this
    /// attempt changed nothing and never will.
    Ineligible,
    /// No answer, or none that tells: it may have been made, or may yet be.
    Unknown,
}

/// Where the leader stands with the controller.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changing {
    stage: Stage,
    refusals: u8,
    /// An attempt of which nobody knows what became may still be under way, with joiners in it.
    doubtful: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    Idle,
    /// Proposed; ends by an answer, or by the news.
    InFlight,
    /// Proposed in vain; not again before.
    Paused(Millis),
}

impl Replica {
    /// What became of the proposal. Each [`Effect::AlterIsr`] is answered once, with [`IsrRefusal::Unknown`] if need be.
    pub fn on_isr_answer(&mut self, answer: IsrAnswer, now: Millis, effects: &mut Vec<Effect>) {
        let current =
            answer.leader_epoch == self.leader_epoch && answer.partition_epoch == self.partition_epoch;
        if let Some(damaged) = &mut self.damaged
            && !damaged.cutting
            && matches!(damaged.asking.stage, Stage::InFlight)
        {
            // Agreed, or overtaken by other news: either way the news is on its way, and begins it anew.
            if current && !matches!(answer.outcome, Ok(_) | Err(IsrRefusal::Stale)) {
                damaged.asking.pause(now);
            }
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        if !current || !matches!(leader.changing.stage, Stage::InFlight) {
            return;
        }
        match answer.outcome {
            // The news is on its way.
            Ok(epoch) if epoch > self.partition_epoch => {}
            Err(IsrRefusal::Stale) => {}
            // It was the state already. Whoever was in doubt remains so.
            Ok(_) => leader.changing.pause(now),
            Err(IsrRefusal::Ineligible) => {
                leader.forget_eligible();
                if !leader.changing.doubtful {
                    leader.followers.iter_mut().for_each(|f| f.joining = false);
                }
                leader.changing.pause(now);
            }
            Err(IsrRefusal::Unknown) => {
                leader.changing.doubtful |= leader.followers.iter().any(|f| f.joining);
                leader.changing.pause(now);
            }
        }
        self.advance_high_watermark(effects);
    }

    /// Proposes another ISR, if another is due and no proposal is under way.
    pub(super) fn propose_isr(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let (log_end, lag_max, high_watermark) =
            (self.log_end, self.policy.replica_lag_max, self.high_watermark);
        let asks = self.damaged.is_some_and(|damaged| matches!(damaged.asking.stage, Stage::InFlight));
        let Role::Leader(leader) = &mut self.role else { return };
        if asks || self.fenced || !leader.changing.is_free(now) {
            return;
        }
        leader.changing.stage = Stage::Idle;
        let stays = |f: &Follower| f.out_of_sync_at(log_end, lag_max).is_none_or(|at| now < at);
        let joins = |f: &Follower| {
            f.eligible && f.end.is_some_and(|end| end >= high_watermark && end >= leader.epoch_start)
        };
        let wanted = |f: &&Follower| if leader.is_in_sync(f.broker) { stays(f) } else { joins(f) };
        let members: Vec<_> = leader.followers.iter().filter(wanted).map(|f| f.broker).collect();
        if leader.is_settled_on(&members) {
            return;
        }
        let mut isr = vec![(self.me, -1)];
        for follower in leader.followers.iter_mut().filter(|f| members.contains(&f.broker)) {
            isr.push((follower.broker, follower.broker_epoch));
            follower.joining |= !leader.isr.contains(&follower.broker);
        }
        leader.changing.stage = Stage::InFlight;
        let (leader_epoch, partition_epoch) = (self.leader_epoch, self.partition_epoch);
        effects.push(Effect::AlterIsr(IsrChange {
            leader_epoch,
            partition_epoch,
            isr,
            cause: IsrCause::InSync,
        }));
    }

    /// When [`Replica::propose_isr`] may have something to do.
    pub(super) fn isr_deadline(&self) -> Option<Millis> {
        let Role::Leader(leader) = &self.role else { return None };
        if self.fenced {
            return None;
        }
        match leader.changing.stage {
            Stage::InFlight => None,
            Stage::Paused(until) => Some(until),
            Stage::Idle => {
                let members = leader.followers.iter().filter(|f| leader.is_in_sync(f.broker));
                members.filter_map(|f| f.out_of_sync_at(self.log_end, self.policy.replica_lag_max)).min()
            }
        }
    }
}

impl Leader {
    /// Whether these followers are the committed members, and no other was left in doubt.
    fn is_settled_on(&self, members: &[BrokerId]) -> bool {
        let same = self.followers.iter().all(|f| self.is_in_sync(f.broker) == members.contains(&f.broker));
        same && self.followers.iter().all(|f| !f.joining || self.is_in_sync(f.broker))
    }

    /// Who wants in has to fetch again: what the controller refused, it would refuse again.
    fn forget_eligible(&mut self) {
        self.followers.iter_mut().for_each(|f| f.eligible = false);
    }
}

impl Changing {
    pub(super) fn is_free(self, now: Millis) -> bool {
        match self.stage {
            Stage::Idle => true,
            Stage::InFlight => false,
            Stage::Paused(until) => until <= now,
        }
    }

    pub(super) const fn begin(&mut self) {
        self.stage = Stage::InFlight;
    }

    pub(super) const fn paused_until(self) -> Option<Millis> {
        if let Stage::Paused(until) = self.stage { Some(until) } else { None }
    }

    pub(super) fn pause(&mut self, now: Millis) {
        let pause = RETRY_FIRST_MS << self.refusals.min(RETRY_DOUBLINGS);
        self.refusals = self.refusals.saturating_add(1);
        self.stage = Stage::Paused(now + DurationMs(pause));
    }
}
