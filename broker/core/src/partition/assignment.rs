//! What the controller says about the partition: who leads, in which reign, and who is in sync. Decides whether
//! this replica leads from here on.

use weir_model::{BrokerId, LeaderEpoch, Millis, Offset, PartitionEpoch};

use super::isr::Changing;
use super::leader::{Follower, Leader};
use super::replica::{Following, Replica, Role};
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
    /// Those out of sync that still hold everything committed (KIP-966). There are some only while too few are in sync.
    pub elr: &'a [BrokerId],
}

impl Replica {
    /// Takes the controller's word. Old news is ignored; an equal reign only changes replicas and ISR. To be called
    /// between rounds: every batch that was given an offset has been reported as appended or failed.
    ///
    /// A broker that starts must apply its own registration before it passes anything on to here: registering ends every
    /// reign the broker had. Were one taken up again after a tail was lost, two different records could bear the same
    /// offset and epoch, and no comparison of epochs would ever tell.
    pub fn assign(&mut self, news: Assignment<'_>, now: Millis, effects: &mut Vec<Effect>) {
        let (reign, version) = (self.leader_epoch, self.partition_epoch);
        let stale = news.leader_epoch < reign || news.partition_epoch < version;
        if stale || (news.leader_epoch, news.partition_epoch) == (reign, version) {
            return;
        }
        self.leader_epoch = news.leader_epoch;
        self.partition_epoch = news.partition_epoch;
        if news.leader == Some(self.me) {
            self.lead(news, news.leader_epoch > reign, now, effects);
        } else {
            self.follow(news, effects);
        }
        self.mend(news, news.leader_epoch > reign, now, effects);
    }

    fn lead(&mut self, news: Assignment<'_>, new_reign: bool, now: Millis, effects: &mut Vec<Effect>) {
        let others = news.replicas.iter().filter(|b| **b != self.me);
        let isr = news.isr.to_vec();
        let held_by_others = !news.elr.is_empty();
        match &mut self.role {
            Role::Leader(leader) if !new_reign => {
                leader.held_by_others = held_by_others;
                let (before, was) =
                    (std::mem::take(&mut leader.followers), std::mem::replace(&mut leader.isr, isr));
                let kept = others.map(|broker| kept(*broker, &before, &was, news.isr, now));
                leader.followers = kept.collect();
                // Whatever was proposed has come true or never will: it was for the version before.
                leader.changing = Changing::default();
            }
            Role::Leader(_) | Role::Follower(_) | Role::Bystander => {
                let (epoch, epoch_start) = (self.leader_epoch, self.log_end);
                let followers = others.map(|broker| Follower::unheard(*broker, now)).collect();
                let changing = Changing::default();
                self.role =
                    Role::Leader(Box::new(Leader { epoch_start, isr, held_by_others, followers, changing }));
                effects.push(Effect::LeaderEpochStarted { epoch, start: epoch_start });
            }
        }
        self.advance_high_watermark(effects);
        self.propose_isr(now, effects);
    }

    /// A follower answers no writer: who waits is sent to the new leader.
    fn follow(&mut self, news: Assignment<'_>, effects: &mut Vec<Effect>) {
        self.role = if news.replicas.contains(&self.me) {
            Role::Follower(Following { leader: news.leader, in_sync: news.isr.contains(&self.me) })
        } else {
            Role::Bystander
        };
        self.assigned.clear();
        let why = ProduceError::Fence(FenceError::NotLeader);
        let nothing_kept = Offset(i64::MIN);
        self.awaiting_append.fail_beyond(nothing_kept, why, effects);
        self.awaiting_commit.fail_beyond(nothing_kept, why, effects);
    }
}

/// A follower in the reign that goes on. Who has just been put out of the ISR has to fetch again before it is proposed
/// anew: the controller had its reasons.
fn kept(broker: BrokerId, before: &[Follower], was: &[BrokerId], isr: &[BrokerId], now: Millis) -> Follower {
    let Some(known) = before.iter().find(|f| f.broker == broker) else {
        return Follower::unheard(broker, now);
    };
    let put_out = was.contains(&broker) && !isr.contains(&broker);
    let put_in = !was.contains(&broker) && isr.contains(&broker);
    let caught_up_at = if put_in { known.caught_up_at.max(now) } else { known.caught_up_at };
    Follower { eligible: known.eligible && !put_out, joining: false, caught_up_at, ..*known }
}
