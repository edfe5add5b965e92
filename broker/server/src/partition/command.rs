//! What a partition's owner can be asked. Every command carries the place its answer goes to.

use std::sync::{Arc, Weak};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, oneshot};
use weir_core::partition::producers::ActiveProducer;
use weir_core::partition::{Acks, BatchFacts, EpochEnd, ListOffsets, Policy, Produced, ReadBound, Reader};
use weir_log::LogConfig;
use weir_model::{BrokerId, LeaderEpoch, Millis, Offset, PartitionEpoch};

use super::error::PartitionError;
use super::settings::{BatchRules, Throttled};
use super::waiters::Interest;
use crate::net::outgoing::FileSpan;
use crate::replication::roster::Position;

pub(crate) type Answer<T> = oneshot::Sender<Result<T, PartitionError>>;

#[derive(Debug)]
pub(crate) enum Command {
    Append(Append),
    Read(Read, Answer<ReadReply>),
    Serve(Serve, Answer<ReadReply>),
    Follow(Follow, Answer<Position>),
    ListOffsets(OffsetQuery, Answer<ListedOffset>),
    Backlog(Offset, Answer<Backlog>),
    DeleteRecords {
        before: Option<Offset>,
        answer: Answer<Offset>,
    },
    EpochEnd {
        asked: LeaderEpoch,
        current: Option<LeaderEpoch>,
        answer: Answer<Option<EpochEnd>>,
    },
    Producers(Answer<Vec<ActiveProducer>>),
    Assign(Reign),
    Configure(Box<Configured>),
    /// The broker may (not) promise anything.
    Fenced(bool),
    /// Check the first closed segment that begins at `from` or later, reading so many bytes in a second. The answer: where
    /// to go on; nowhere when there is no such segment.
    Scrub {
        from: Offset,
        bytes_per_second: u64,
        answer: Answer<Option<Offset>>,
    },
    /// Retention, expiry of producers, compaction when it is worth it.
    Housekeep,
    /// Sync, close, answer, end.
    Stop(oneshot::Sender<()>),
}

/// One validated batch to append.
#[derive(Debug)]
pub(crate) struct Append {
    /// Base offset and leader epoch are patched in place.
    pub(crate) batch: BytesMut,
    pub(crate) facts: BatchFacts,
    pub(crate) acks: Acks,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) append_time: Millis,
    pub(crate) deadline: Millis,
    /// Also sent when acks is none, so that a failure can close the connection.
    pub(crate) answer: Answer<Produced>,
}

/// A fetch from one partition.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) from: Offset,
    pub(crate) max_bytes: usize,
    /// The first batch is returned even when it is larger than `max_bytes`.
    pub(crate) at_least_one: bool,
    pub(crate) reader: Reader,
    pub(crate) current_leader_epoch: Option<LeaderEpoch>,
    /// The reign of the last record the fetcher has, when it wants to know of a divergence.
    pub(crate) last_fetched_epoch: Option<LeaderEpoch>,
    pub(crate) watch: Option<Watch>,
    pub(crate) place: Place,
}

/// Told once when there is more to read than this answer could give; not where the answer alone has that many bytes.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) fetch: Weak<Notify>,
    pub(crate) enough: usize,
}

/// Where a consumer may read (KIP-392).
#[derive(Clone, Debug, Default)]
pub(crate) enum Place {
    /// From the leader and nobody else.
    Leader,
    /// From any replica.
    #[default]
    Anywhere,
    /// From any replica, but rather from one on these brokers: they are closer.
    Rather(Arc<[BrokerId]>),
}

/// Another replica's fetch from the one that leads.
#[derive(Debug)]
pub(crate) struct Serve {
    pub(crate) follower: BrokerId,
    pub(crate) from: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) max_bytes: usize,
    /// The first batch is returned even when it is larger than `max_bytes`.
    pub(crate) at_least_one: bool,
    /// What its asking proves; nothing where it is only looked after.
    pub(crate) proof: Option<Proof>,
    pub(crate) interest: Interest,
}

/// The follower holds everything before the offset it asks for, as durably as the topic wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    pub(crate) broker_epoch: i64,
    /// It may join the ISR, as far as this broker knows.
    pub(crate) eligible: bool,
    /// The reign of its last record.
    pub(crate) last_fetched_epoch: Option<LeaderEpoch>,
}

/// What a fetcher brings the owner of a replica that follows.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    pub(crate) leader: BrokerId,
    pub(crate) leader_epoch: LeaderEpoch,
    /// What the leader was asked for, when this is its answer.
    pub(crate) asked: Option<Offset>,
    pub(crate) what: FromLeader,
}

/// What a leader said.
#[derive(Clone, Debug)]
pub(crate) enum FromLeader {
    /// Nothing yet: the fetcher only wants to know where to begin.
    Nothing,
    State(LeaderState),
    /// Whole batches as they lie in its log, and how the log stood then.
    Records(Bytes, LeaderState),
    /// Its log parts from ours.
    Diverged(EpochEnd),
    /// The offset asked for is not in its log, which reaches from here to there.
    Outside(Offset, Offset),
}

/// How a leader's log stood when it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaderState {
    pub(crate) high_watermark: Offset,
    pub(crate) log_start: Offset,
}

#[derive(Clone, Debug)]
pub(crate) struct ReadReply {
    pub(crate) bound: ReadBound,
    pub(crate) span: Option<FileSpan>,
    pub(crate) diverging: Option<EpochEnd>,
    /// A closer replica that has what was asked for; there is no record in the answer then.
    pub(crate) preferred: Option<BrokerId>,
}

impl ReadReply {
    pub(crate) fn len(&self) -> usize {
        self.span.as_ref().map_or(0, |span| span.len)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OffsetQuery {
    pub(crate) what: ListOffsets,
    pub(crate) reader: Reader,
    pub(crate) current_leader_epoch: Option<LeaderEpoch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListedOffset {
    pub(crate) offset: Offset,
    pub(crate) timestamp: Millis,
    pub(crate) leader_epoch: LeaderEpoch,
}

impl ListedOffset {
    pub(crate) const NOTHING: Self =
        Self { offset: Offset(-1), timestamp: Millis::NONE, leader_epoch: LeaderEpoch::NONE };
}

/// What lies before a reader that stands at some offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// The end of what it may read.
    pub(crate) end: Offset,
    /// The time of the first record that it has not read, to within a batch.
    pub(crate) waits_since: Option<Millis>,
}

/// The controller's word on a partition, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reign {
    pub(crate) leader: Option<BrokerId>,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) partition_epoch: PartitionEpoch,
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) isr: Vec<BrokerId>,
    pub(crate) elr: Vec<BrokerId>,
    /// Replicas that a move brings in.
    pub(crate) adding: Vec<BrokerId>,
    /// Bytes in a second that the move may copy.
    pub(crate) move_rate: Option<u64>,
}

/// What of its reign a replica's fetcher has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It is not in sync: whatever throttles there are hold it back.
    pub(crate) catching_up: bool,
    /// Its part of what the move that brings it in may copy.
    pub(crate) move_rate: Option<u64>,
}

impl Standing {
    pub(crate) fn of(reign: &Reign, me: BrokerId) -> Self {
        let catching_up = !reign.isr.contains(&me);
        let moves_here = catching_up && reign.adding.contains(&me);
        let share = |rate: u64| (rate / reign.adding.len().max(1) as u64).max(1);
        Self { catching_up, move_rate: reign.move_rate.filter(|_| moves_here).map(share) }
    }
}

/// A partition's settings, for its decisions and for its log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Configured {
    pub(crate) policy: Policy,
    pub(crate) log: LogConfig,
    pub(crate) rules: BatchRules,
    pub(crate) throttled: Option<Arc<Throttled>>,
}
