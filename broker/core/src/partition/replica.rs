//! The state of one replica, and what can be read of it. The commands are in files of their own.

use std::collections::VecDeque;

use weir_model::{BrokerId, LeaderEpoch, Millis, Offset, PartitionEpoch, PartitionIndex, TopicId};

use super::damage::Damaged;
use super::leader::Leader;
use super::policy::Policy;
use super::produce::Assigned;
use super::producers::Producers;
use super::waiting::Waiting;

/// One replica of one partition.
#[derive(Debug)]
pub struct Replica {
    pub(super) topic: TopicId,
    pub(super) partition: PartitionIndex,
    pub(super) me: BrokerId,
    pub(super) policy: Policy,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) partition_epoch: PartitionEpoch,
    pub(super) role: Role,
    /// The broker may be deposed without knowing it: nothing is promised until it is sure again.
    pub(super) fenced: bool,
    pub(super) log_start: Offset,
    /// The end of what the log has taken. Batches in `assigned` lie beyond it.
    pub(super) log_end: Offset,
    pub(super) durable_end: Offset,
    pub(super) high_watermark: Offset,
    /// When the oldest record that is not synced was appended.
    pub(super) unsynced_since: Option<Millis>,
    /// `flush.ms` has passed for it: noted by the tick, so that the deadline does not stand while a sync runs.
    pub(super) flush_due: bool,
    /// Batches that have their offsets but are not in the log yet, in order.
    pub(super) assigned: VecDeque<Assigned>,
    pub(super) awaiting_append: Waiting,
    pub(super) awaiting_commit: Waiting,
    pub(super) producers: Producers,
    /// A part of the log that was durable is not what it was.
    pub(super) damaged: Option<Damaged>,
}

/// What this replica is in the current reign.
#[derive(Debug)]
pub(super) enum Role {
    /// Not one of the replicas, or not told yet: serves nobody.
    Bystander,
    /// Boxed, so that a follower does not pay for it.
    Leader(Box<Leader>),
    Follower(Following),
}

/// What a follower knows of its reign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following {
    /// Whom it follows, if there is anybody.
    pub(super) leader: Option<BrokerId>,
    /// The controller counts it as in sync.
    pub(super) in_sync: bool,
}

/// What a restart found on disk.
#[derive(Debug)]
pub struct Recovered {
    /// The first offset.
    pub log_start: Offset,
    /// The offset after the last record.
    pub log_end: Offset,
    /// The offset after the last record known to be synced.
    pub durable_end: Offset,
    /// The last watermark that was noted; it may lag behind the true one.
    pub high_watermark: Offset,
    /// Rebuilt from the producer snapshot and the log after it.
    pub producers: Producers,
}

impl Recovered {
    /// A log that holds nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            log_start: Offset::ZERO,
            log_end: Offset::ZERO,
            durable_end: Offset::ZERO,
            high_watermark: Offset::ZERO,
            producers: Producers::default(),
        }
    }
}

impl Replica {
    /// A replica that knows its log but not its reign: it serves nothing until [`Replica::assign`].
    #[must_use]
    pub fn new(
        topic: TopicId,
        partition: PartitionIndex,
        me: BrokerId,
        policy: Policy,
        found: Recovered,
    ) -> Self {
        let log_end = found.log_end.max(found.log_start);
        Self {
            topic,
            partition,
            me,
            policy,
            leader_epoch: LeaderEpoch::NONE,
            partition_epoch: PartitionEpoch(-1),
            role: Role::Bystander,
            fenced: false,
            log_start: found.log_start,
            log_end,
            durable_end: found.durable_end.clamp(found.log_start, log_end),
            high_watermark: found.high_watermark.clamp(found.log_start, log_end),
            unsynced_since: None,
            flush_due: false,
            assigned: VecDeque::new(),
            awaiting_append: Waiting::default(),
            awaiting_commit: Waiting::default(),
            producers: found.producers,
            damaged: None,
        }
    }

    /// Takes changed settings. They hold for commands to come.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// The settings in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Retention or DeleteRecords moved the start of the log. It never moves back.
    pub fn on_log_start(&mut self, start: Offset) {
        self.log_start = self.log_start.max(start);
        self.log_end = self.log_end.max(start);
        self.durable_end = self.durable_end.max(start);
        self.high_watermark = self.high_watermark.max(start);
    }

    /// Whether a sync should run now: for the durability that was promised, or by `flush.messages` and `flush.ms`.
    #[must_use]
    pub fn sync_wanted(&self, now: Millis) -> bool {
        let unsynced = self.log_end - self.durable_end;
        unsynced > 0
            && (self.policy.durability == weir_model::config::Durability::Fsync
                || unsynced >= self.policy.flush_messages
                || self.flush_due
                || self.flush_deadline().is_some_and(|deadline| deadline <= now))
    }

    /// The earliest time at which [`Replica::tick`] has something to do; it may be early, never late.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let flush = self.flush_deadline().filter(|_| !self.flush_due);
        let asking = self.damage_deadline();
        [self.awaiting_commit.next_deadline(), flush, self.isr_deadline(), asking].into_iter().flatten().min()
    }

    /// When the oldest record that is not synced has to be, by `flush.ms`.
    pub(super) fn flush_deadline(&self) -> Option<Millis> {
        let interval = self.policy.flush_interval;
        self.unsynced_since.filter(|_| interval.0 < i64::MAX).map(|since| since + interval)
    }

    /// Forgets producers that have been silent for too long. Returns how many.
    pub fn expire_producers(&mut self, now: Millis) -> usize {
        self.producers.expire(now, self.policy.producer_expiration)
    }

    /// The producers' state, and the offset up to which it covers the log. A restart that reads it replays the
    /// batches from that offset on.
    #[must_use]
    pub fn producer_snapshot(&self) -> (Offset, Vec<u8>) {
        (self.log_end, self.producers.encode())
    }

    /// The topic.
    #[must_use]
    pub const fn topic(&self) -> TopicId {
        self.topic
    }

    /// The partition's number.
    #[must_use]
    pub const fn partition(&self) -> PartitionIndex {
        self.partition
    }

    /// The current reign.
    #[must_use]
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Whether this replica leads.
    #[must_use]
    pub const fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Whether this broker has fenced itself, and may have been deposed.
    #[must_use]
    pub const fn is_fenced(&self) -> bool {
        self.fenced
    }

    /// The broker that leads, if there is one.
    #[must_use]
    pub const fn leader(&self) -> Option<BrokerId> {
        match &self.role {
            Role::Leader(_) => Some(self.me),
            Role::Follower(following) => following.leader,
            Role::Bystander => None,
        }
    }

    /// The first offset of the log.
    #[must_use]
    pub const fn log_start(&self) -> Offset {
        self.log_start
    }

    /// The offset after the last record in the log.
    #[must_use]
    pub const fn log_end(&self) -> Offset {
        self.log_end
    }

    /// The offset after the last synced record.
    #[must_use]
    pub const fn durable_end(&self) -> Offset {
        self.durable_end
    }

    /// The offset after the last committed record.
    #[must_use]
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The offset before which every transaction has ended. Without transactions that is the watermark:
    /// transactional batches are refused, so none can be open.
    #[must_use]
    pub const fn last_stable_offset(&self) -> Offset {
        self.high_watermark
    }

    /// The idempotent producers that are remembered.
    #[must_use]
    pub const fn producers(&self) -> &Producers {
        &self.producers
    }

    /// How many writes wait for their commit.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.awaiting_commit.len()
    }
}
