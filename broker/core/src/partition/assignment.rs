//! What the controller says about the partition: who leads, in which reign, and who is in sync. Decides whether
//! this replica leads from here on.

use weir_model::{BrokerId, LeaderEpoch, PartitionEpoch};

use super::replica::{Follower, Leader, Replica, Role};
use super::{Effect, FenceError, ProduceError};

/// The controller's word on a partition.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    /// Who leads, if anybody.
    pub leader: Option<BrokerId>,
    /// The reign.
    pub leader_epoch: LeaderEpoch,
    /// The version of the replica set.
    pub partition_epoch: PartitionEpoch,
    /// Every replica.
    pub replicas: &'a [BrokerId],
    /// Those in sync.
    pub isr: &'a [BrokerId],
}

impl Replica {
    /// Takes the controller's word. Old news is ignored; an equal reign only changes the ISR. To be called between
    /// rounds: every batch that was given an offset has been reported as appended or failed.
    pub fn assign(&mut self, news: Assignment<'_>, effects: &mut Vec<Effect>) {
        let stale = news.leader_epoch < self.leader_epoch || news.partition_epoch < self.partition_epoch;
        if stale {
            return;
        }
        let new_reign = news.leader_epoch > self.leader_epoch;
        self.leader_epoch = news.leader_epoch;
        self.partition_epoch = news.partition_epoch;
        if news.leader == Some(self.me) {
            self.lead(news, new_reign, effects);
        } else {
            self.follow(news.leader, effects);
        }
    }

    fn lead(&mut self, news: Assignment<'_>, new_reign: bool, effects: &mut Vec<Effect>) {
        let before = match &mut self.role {
            Role::Leader(leader) if !new_reign => std::mem::take(&mut leader.followers),
            Role::Leader(_) | Role::Follower { .. } => Vec::new(),
        };
        let epoch_start = match &self.role {
            Role::Leader(leader) if !new_reign => leader.epoch_start,
            Role::Leader(_) | Role::Follower { .. } => {
                let (epoch, start) = (self.leader_epoch, self.log_end);
                effects.push(Effect::LeaderEpochStarted { epoch, start });
                start
            }
        };
        let others = news.replicas.iter().filter(|b| **b != self.me);
        let followers = others.map(|broker| progress_of(*broker, &before)).collect();
        let (isr, maximal_isr) = (news.isr.to_vec(), news.isr.to_vec());
        self.role = Role::Leader(Leader { epoch_start, isr, maximal_isr, followers });
        self.advance_high_watermark(effects);
    }

    /// A follower answers nobody: who waits is sent to the new leader.
    fn follow(&mut self, leader: Option<BrokerId>, effects: &mut Vec<Effect>) {
        self.role = Role::Follower { leader };
        self.assigned.clear();
        let why = ProduceError::Fence(FenceError::NotLeader);
        let nothing_kept = weir_model::Offset(i64::MIN);
        self.awaiting_append.fail_beyond(nothing_kept, why, effects);
        self.awaiting_commit.fail_beyond(nothing_kept, why, effects);
    }
}

fn progress_of(broker: BrokerId, before: &[Follower]) -> Follower {
    let known = before.iter().find(|f| f.broker == broker).copied();
    known.unwrap_or(Follower { broker, end: None, durable_end: None })
}
