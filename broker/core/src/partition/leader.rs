//! What only a leader knows: who is in sync, how far each follower has come, and which ISR change is under way.

use weir_model::{BrokerId, DurationMs, Millis, Offset};

use super::isr::Changing;
use super::replica::{Replica, Role};

/// A leader's own state; a follower pays nothing for it.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) epoch_start: Offset,
    /// The in-sync replicas that the controller has committed to, this one among them.
    pub(super) isr: Vec<BrokerId>,
    /// Replicas out of sync are counted on to hold everything committed (KIP-966).
    pub(super) held_by_others: bool,
    /// The other replicas.
    pub(super) followers: Vec<Follower>,
    pub(super) changing: Changing,
}

/// What a leader knows of a follower in this reign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follower {
    pub(super) broker: BrokerId,
    /// The registration its last fetch was made under, or -1.
    pub(super) broker_epoch: i64,
    /// It holds everything before (on disk, where the topic says so). `None` until it has been heard of.
    pub(super) end: Option<Offset>,
    /// When it last had everything there was.
    pub(super) caught_up_at: Millis,
    /// When it last fetched, and where the log ended then.
    pub(super) last_fetch: Option<(Millis, Offset)>,
    /// It may be proposed for the ISR: its last fetch said so, and the controller has not said otherwise since.
    pub(super) eligible: bool,
    /// Proposed for the ISR, and that may still come true: the watermark waits for it as for a member.
    pub(super) joining: bool,
}

/// How far a follower has come, for replica selection and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerState {
    /// Who.
    pub broker: BrokerId,
    /// The end of what it holds, once it has been heard of in this reign.
    pub end: Option<Offset>,
    /// Whether it is in the ISR that the controller committed to.
    pub in_sync: bool,
    /// When it last had everything there was.
    pub caught_up_at: Millis,
}

impl Follower {
    /// Nothing is known of it. It has the full time to show itself.
    pub(super) const fn unheard(broker: BrokerId, now: Millis) -> Self {
        Self {
            broker,
            broker_epoch: -1,
            end: None,
            caught_up_at: now,
            last_fetch: None,
            eligible: false,
            joining: false,
        }
    }

    /// When it counts as out of sync unless it catches up before; `None` while it holds everything.
    pub(super) fn out_of_sync_at(&self, log_end: Offset, lag_max: DurationMs) -> Option<Millis> {
        (self.end != Some(log_end)).then(|| self.caught_up_at + lag_max)
    }
}

impl Leader {
    pub(super) fn is_in_sync(&self, broker: BrokerId) -> bool {
        self.isr.contains(&broker)
    }

    pub(super) fn follower(&mut self, broker: BrokerId) -> Option<&mut Follower> {
        self.followers.iter_mut().find(|f| f.broker == broker)
    }

    /// Those that the watermark waits for: committed members, and every one whose joining may come true.
    pub(super) fn maximal_isr(&self) -> impl Iterator<Item = &Follower> {
        self.followers.iter().filter(|f| f.joining || self.is_in_sync(f.broker))
    }

    /// The log grows: whoever had everything falls behind only now.
    pub(super) fn on_growth(&mut self, old_end: Offset, now: Millis) {
        for follower in self.followers.iter_mut().filter(|f| f.end == Some(old_end)) {
            follower.caught_up_at = follower.caught_up_at.max(now);
        }
    }
}

impl Replica {
    /// How far the followers have come; none when this replica does not lead.
    pub fn followers(&self) -> impl Iterator<Item = FollowerState> + '_ {
        let leader = if let Role::Leader(leader) = &self.role { Some(leader) } else { None };
        leader.into_iter().flat_map(|leader| {
            leader.followers.iter().map(|f| FollowerState {
                broker: f.broker,
                end: f.end,
                in_sync: leader.is_in_sync(f.broker),
                caught_up_at: f.caught_up_at,
            })
        })
    }

    /// The in-sync replicas the controller committed to, as the leader knows them; empty elsewhere.
    #[must_use]
    pub fn isr(&self) -> &[BrokerId] {
        if let Role::Leader(leader) = &self.role { &leader.isr } else { &[] }
    }
}
