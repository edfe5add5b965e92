//! Why the controller refuses. Each variant names the one Kafka error code that the server answers with; the
//! message goes to the client as it is.

use thiserror::Error;
use weir_model::config::ConfigError;
use weir_model::ids::BadTopicName;
use weir_model::{BrokerId, Incarnation, PartitionIndex, TopicId};

/// Why a command, or one item of it, was refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ControllerError {
    /// `INVALID_TOPIC_EXCEPTION`
    #[error(transparent)]
    BadTopicName(#[from] BadTopicName),
    /// `INVALID_TOPIC_EXCEPTION`
    #[error(
        "topic {name:?} collides with existing topic {existing:?}: '.' and '_' look alike in metric names"
    )]
    TopicNameCollides {
        /// The name asked for.
        name: String,
        /// The one that is there.
        existing: String,
    },
    /// `TOPIC_ALREADY_EXISTS`
    #[error("topic {0:?} already exists")]
    TopicExists(String),
    /// `UNKNOWN_TOPIC_OR_PARTITION`
    #[error("there is no topic {0:?}")]
    UnknownTopic(String),
    /// `UNKNOWN_TOPIC_ID`
    #[error("there is no topic with id {0}")]
    UnknownTopicId(TopicId),
    /// `INVALID_REQUEST`
    #[error("{0:?} occurs more than once in the request")]
    Duplicate(String),
    /// `INVALID_REQUEST`
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// `INVALID_PARTITIONS`
    #[error("{0}")]
    InvalidPartitions(String),
    /// `INVALID_REPLICATION_FACTOR`
    #[error("{0}")]
    InvalidReplicationFactor(String),
    /// `INVALID_REPLICA_ASSIGNMENT`
    #[error("{0}")]
    InvalidAssignment(String),
    /// `INVALID_CONFIG`
    #[error(transparent)]
    InvalidConfig(#[from] ConfigError),
    /// `INVALID_CONFIG`
    #[error("can not append to or subtract from {0}: it is not a list")]
    NotAList(&'static str),
    /// `POLICY_VIOLATION`
    #[error("the request would create {asked} partitions, the most is {most}: split it")]
    TooManyPartitions {
        /// How many.
        asked: usize,
        /// The limit.
        most: usize,
    },
    /// `TOPIC_DELETION_DISABLED`
    #[error("deleting topics is disabled on this cluster: delete.topic.enable is false")]
    DeletionDisabled,
    /// `BROKER_ID_NOT_REGISTERED`
    #[error("broker {0} is not registered")]
    UnknownBroker(BrokerId),
    /// `DUPLICATE_BROKER_REGISTRATION`
    #[error("another broker is running with id {0}")]
    DuplicateBroker(BrokerId),
    /// `STALE_BROKER_EPOCH`
    #[error("broker {broker} has registered again since: its epoch is {current}, not {asked}")]
    StaleBrokerEpoch {
        /// The broker.
        broker: BrokerId,
        /// The epoch of its latest registration.
        current: i64,
        /// The one in the request.
        asked: i64,
    },
    /// `UNKNOWN_TOPIC_OR_PARTITION`
    #[error("topic {topic:?} has no partition {index}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition asked for.
        index: PartitionIndex,
    },
    /// `ELECTION_NOT_NEEDED`
    #[error("the partition is already led as asked")]
    ElectionNotNeeded,
    /// `PREFERRED_LEADER_NOT_AVAILABLE`
    #[error("the preferred leader {0} is not in sync, fenced or shutting down")]
    PreferredLeaderNotAvailable(BrokerId),
    /// `ELIGIBLE_LEADERS_NOT_AVAILABLE`
    #[error("no replica of the partition is on a live broker")]
    EligibleLeadersNotAvailable,
    /// `NO_REASSIGNMENT_IN_PROGRESS`
    #[error("no reassignment of the partition is in progress")]
    NoReassignment,
    /// `INVALID_UPDATE_VERSION`
    #[error("{0}")]
    InvalidUpdateVersion(String),
    /// `UNSUPPORTED_VERSION`
    #[error(
        "this needs metadata.version {needed}, the cluster's is {finalised}: finalise it with UpdateFeatures"
    )]
    MetadataVersion {
        /// The least level.
        needed: i16,
        /// The cluster's.
        finalised: i16,
    },
    /// `UNSUPPORTED_VERSION`
    #[error("broker {broker} understands metadata.version {min} to {max}, the cluster's is {finalised}")]
    BrokerVersions {
        /// The broker.
        broker: BrokerId,
        /// Its lowest level.
        min: i16,
        /// Its highest.
        max: i16,
        /// The cluster's.
        finalised: i16,
    },
    /// `STALE_BROKER_EPOCH`
    #[error("broker {broker} has the disk of incarnation {current}, not {asked}")]
    WrongIncarnation {
        /// The broker.
        broker: BrokerId,
        /// The one that is registered.
        current: Incarnation,
        /// The one in the request.
        asked: Incarnation,
    },
    /// `INVALID_REQUEST`
    #[error("broker {0} is shutting down: it has to start again first")]
    ShuttingDown(BrokerId),
    /// `POLICY_VIOLATION`
    #[error("broker {0} is running: stop it first")]
    StillRunning(BrokerId),
    /// `POLICY_VIOLATION`
    #[error("broker {broker} still holds {replicas} replicas: move them to others first")]
    HoldsReplicas {
        /// The broker.
        broker: BrokerId,
        /// How many.
        replicas: usize,
    },
    /// `UNKNOWN_SERVER_ERROR`
    #[error("every producer id has been given out")]
    ProducerIdsExhausted,
    /// `UNKNOWN_SERVER_ERROR`
    #[error("the random source repeats itself")]
    NoFreshId,
}
