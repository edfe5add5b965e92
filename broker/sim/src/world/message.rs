//! What goes over the network besides the quorum's own questions.

use bytes::Bytes;
use weir_core::controller::alter_partitions::{AlterPartitions, IsrError};
use weir_core::controller::elect_leaders::ElectLeaders;
use weir_core::controller::lease::MetadataIndex;
use weir_core::controller::reassign::Reassign;
use weir_core::controller::register_broker::RegisterBroker;
use weir_core::group::{Command, FetchOffsets, FetchedTopic, GroupError};
use weir_core::partition::{EpochEnd, ProduceError, Produced, ReadError};
use weir_model::{BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId};
use weir_quorum::NodeId;

/// A partition of a topic of one id.
pub type Key = (TopicId, PartitionIndex);

/// A question.
#[derive(Clone, Debug)]
pub enum Request {
    Quorum(NodeId, Bytes),
    Register(Box<RegisterBroker>),
    Beat(Beat),
    Alter(AlterPartitions),
    Fetch(Fetch),
    Produce(Produce),
    Consume(Consume),
    Metadata(String),
    Create(NewTopic),
    Delete(String),
    Reassign(Reassign),
    Elect(ElectLeaders),
    Group(Box<Command>),
    Offsets(FetchOffsets),
}

/// A topic to be.
#[derive(Clone, Debug)]
pub struct NewTopic {
    pub name: String,
    pub partitions: i32,
    pub replicas: i16,
    pub min_isr: u32,
    /// Where the replicas of each partition are; wherever the controller puts them when it is empty.
    pub placed: Vec<Vec<BrokerId>>,
    /// Other settings.
    pub settings: Vec<(&'static str, &'static str)>,
}

impl NewTopic {
    /// With three replicas each, wherever the controller puts them.
    #[must_use]
    pub fn anywhere(name: &str, partitions: i32, min_isr: u32) -> Self {
        let (placed, settings) = (Vec::new(), Vec::new());
        Self { name: name.to_owned(), partitions, replicas: 3, min_isr, placed, settings }
    }

    /// One partition on these brokers, in order of preference.
    #[must_use]
    pub fn on(name: &str, brokers: &[i32], min_isr: u32) -> Self {
        let placed = vec![brokers.iter().copied().map(BrokerId).collect()];
        let replicas = i16::try_from(brokers.len()).unwrap_or(0);
        Self { replicas, placed, ..Self::anywhere(name, 1, min_isr) }
    }

    /// With one more setting.
    #[must_use]
    pub fn setting(mut self, name: &'static str, value: &'static str) -> Self {
        self.settings.push((name, value));
        self
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Beat {
    pub node: NodeId,
    pub epoch: i64,
    pub ready: bool,
    pub want_shutdown: bool,
    /// It fenced itself: nobody answers.
    pub unanswered: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Fetch {
    pub key: Key,
    pub broker: BrokerId,
    pub broker_epoch: i64,
    pub leader_epoch: LeaderEpoch,
    pub offset: Offset,
    pub last_epoch: LeaderEpoch,
}

#[derive(Clone, Debug)]
pub struct Produce {
    pub key: Key,
    pub leader_epoch: Option<LeaderEpoch>,
    pub batch: Bytes,
    /// The values in it, for the checkers.
    pub values: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
pub struct Consume {
    pub key: Key,
    pub leader_epoch: Option<LeaderEpoch>,
    pub offset: Offset,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Reply {
    Quorum(Result<Bytes, String>),
    Registered(Result<i64, NotDone>),
    Heard(Echo),
    Altered(Option<Vec<(Key, Result<PartitionEpoch, IsrError>)>>),
    Fetched(Result<Fetched, Refusal>),
    Produced(Result<(Produced, LeaderEpoch), Refusal>),
    Consumed(Result<Consumed, Refusal>),
    Metadata(Option<TopicView>),
    Done(Result<(), NotDone>),
    Group(Result<weir_core::group::Reply, GroupError>),
    Offsets(Result<Vec<FetchedTopic>, GroupError>),
}

/// Why the controller did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// Ask another, maybe this one.
    Elsewhere(Option<BrokerId>),
    Refused(String),
}

/// What a beat is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    Heard { fenced: bool, may_stop: bool, as_of: MetadataIndex },
    NotController,
    Stale,
    Silence,
}

/// What a follower is told.
#[derive(Clone, Debug)]
pub enum Fetched {
    Records { bytes: Bytes, high_watermark: Offset, log_start: Offset },
    Diverging(EpochEnd),
    Outside { start: Offset, end: Offset },
}

#[derive(Clone, Debug)]
pub struct Consumed {
    /// In which reign it was served, for the checkers: who names none may be served in a later one than it believes in.
    pub leader_epoch: LeaderEpoch,
    pub bytes: Bytes,
    pub high_watermark: Offset,
}

/// Why a partition refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Unknown,
    Produce(ProduceError),
    Read(ReadError),
    /// The disk of the broker, or the read of this log, failed.
    Storage,
}

/// A topic as a client sees it.
#[derive(Clone, Debug)]
pub struct TopicView {
    pub id: TopicId,
    pub partitions: Vec<PartitionView>,
}

#[derive(Clone, Debug)]
pub struct PartitionView {
    pub leader: Option<BrokerId>,
    pub leader_epoch: LeaderEpoch,
    pub replicas: Vec<BrokerId>,
}
