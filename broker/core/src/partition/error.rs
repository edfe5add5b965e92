//! Why a partition refuses. Each variant names the one Kafka error code that the server answers with.

use thiserror::Error;
use weir_model::{BrokerId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

/// The asker and this replica do not agree on the reign.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FenceError {
    /// `NOT_LEADER_OR_FOLLOWER`
    #[error("this broker does not lead the partition")]
    NotLeader,
    /// `FENCED_LEADER_EPOCH`: the asker lives in an older reign.
    #[error("leader epoch {asked} is over, the current one is {current}")]
    Fenced {
        /// What the asker believes.
        asked: LeaderEpoch,
        /// What is.
        current: LeaderEpoch,
    },
    /// `UNKNOWN_LEADER_EPOCH`: the asker knows of a reign that this replica has not heard of.
    #[error("leader epoch {asked} is not known here yet, the current one is {current}")]
    Unknown {
        /// What the asker believes.
        asked: LeaderEpoch,
        /// What is known here.
        current: LeaderEpoch,
    },
    /// `UNKNOWN_LEADER_EPOCH`: a follower knows of a replica set that this one has not heard of.
    #[error("broker {broker} is not known here as a replica")]
    NotReplica {
        /// Who fetches.
        broker: BrokerId,
    },
    /// `NOT_LEADER_OR_FOLLOWER`: a fetch from before the follower's broker registered anew.
    #[error("broker {broker} has registered anew since it sent this")]
    StaleBroker {
        /// Who fetched.
        broker: BrokerId,
    },
}

/// What kept the log from taking a batch.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StorageFailure {
    /// No space. Retriable: `KAFKA_STORAGE_ERROR`.
    #[error("the disk is full")]
    Full,
    /// The directory failed. `KAFKA_STORAGE_ERROR`.
    #[error("the log directory failed")]
    Failed,
}

/// Why a batch was not written, or is not known to be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProduceError {
    /// The reigns differ.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// `NOT_ENOUGH_REPLICAS`
    #[error("{isr} replicas are in sync, acks=all needs {min}")]
    NotEnoughReplicas {
        /// How many there are.
        isr: u32,
        /// How many are needed.
        min: u32,
    },
    /// `MESSAGE_TOO_LARGE`
    #[error("the batch has {size} bytes, the topic takes at most {max}")]
    TooLarge {
        /// The batch's size.
        size: u32,
        /// The topic's `max.message.bytes`.
        max: u32,
    },
    /// `RECORD_LIST_TOO_LARGE`
    #[error("the batch has {size} bytes, a segment holds at most {max}")]
    LargerThanSegment {
        /// The batch's size.
        size: u32,
        /// The topic's `segment.bytes`.
        max: u32,
    },
    /// `INVALID_RECORD`
    #[error("{0}")]
    InvalidBatch(&'static str),
    /// `INVALID_TXN_STATE`: a transactional batch outside a transaction known here.
    #[error("no transaction of this producer is open on the partition")]
    NoTransaction,
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`
    #[error("producer {producer} sent sequence {got}, expected {expected}")]
    OutOfOrderSequence {
        /// The producer.
        producer: ProducerId,
        /// What would have been in order.
        expected: Sequence,
        /// What came.
        got: Sequence,
    },
    /// `INVALID_PRODUCER_EPOCH`
    #[error("producer {producer} has epoch {current} by now, not {got}")]
    StaleProducerEpoch {
        /// The producer.
        producer: ProducerId,
        /// The newest epoch seen.
        current: ProducerEpoch,
        /// What came.
        got: ProducerEpoch,
    },
    /// `REQUEST_TIMED_OUT`: it may still be committed later.
    #[error("not enough replicas confirmed the write in time")]
    TimedOut,
    /// `REQUEST_TIMED_OUT`: nothing was written.
    #[error("too many writes are waiting on this partition")]
    TooManyWaiting,
    /// `KAFKA_STORAGE_ERROR`
    #[error(transparent)]
    Storage(#[from] StorageFailure),
}

/// Why a read was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// The reigns differ.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// `OFFSET_OUT_OF_RANGE`
    #[error("offset {asked} is outside of {start}..={end}")]
    OutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// The first in the log.
        start: Offset,
        /// The end of the log.
        end: Offset,
    },
    /// `OFFSET_NOT_AVAILABLE`: a new leader has not yet learnt what is committed, or a follower not yet that so much is.
    /// Ask again.
    #[error("it is not known here yet that the log is committed so far")]
    NotYetKnown,
}

/// Why records were not deleted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DeleteRecordsError {
    /// The reigns differ.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// `OFFSET_OUT_OF_RANGE`
    #[error("can not delete up to offset {asked}: the high watermark is {high_watermark}")]
    OutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// What is committed.
        high_watermark: Offset,
    },
    /// `POLICY_VIOLATION`
    #[error("records of a topic whose cleanup.policy does not include delete can not be deleted")]
    NotDeletable,
}

/// Why a follower can not use its leader's answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FollowError {
    /// It answers a question of another reign, or of another state of the log. Drop it.
    #[error("the answer is not to what would be asked now")]
    Stale,
    /// It leaves a hole or overlaps. Drop it, and distrust the connection.
    #[error("expected records from offset {expected} on, got {got}")]
    NotContiguous {
        /// Where the log ends.
        expected: Offset,
        /// Where the records begin.
        got: Offset,
    },
    /// A leader that was elected cleanly lacks what is committed: one of the two disks has lost it. This replica is bad
    /// until somebody has looked: nothing was cut.
    #[error("the leader's log parts at offset {to}, but everything before {high_watermark} is committed")]
    LosesCommitted {
        /// Where it would have to be cut.
        to: Offset,
        /// What is committed.
        high_watermark: Offset,
    },
}
