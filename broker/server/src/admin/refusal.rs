//! How the admin service refuses: what kind it is, what is wrong, what to do. One exhaustive function for each of our
//! enums of errors.

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};
use uuid::Uuid;
use weir_admin::admin::v1;
use weir_admin::admin::v1::RefusalReason as Reason;
use weir_core::controller::ControllerError;
use weir_model::{BrokerId, Incarnation, PartitionIndex, TopicId};

use super::words::topic_text;
use crate::api::cluster_id;
use crate::metadata::MetadataError;

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) advice: String,
    pub(super) retriable: bool,
}

impl Refused {
    pub(super) fn new(reason: Reason, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { reason, message: message.into(), advice: advice.into(), retriable: false }
    }

    fn for_now(reason: Reason, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { retriable: true, ..Self::new(reason, message, advice) }
    }

    /// Of a field that is missing or does not look as it must.
    pub(super) fn argument(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Reason::InvalidArgument, message, advice)
    }

    pub(super) fn unknown_broker(id: BrokerId) -> Self {
        Self::new(
            Reason::UnknownBroker,
            format!("broker {id} is not registered"),
            "look for it with DescribeCluster: it has never joined, or was unregistered",
        )
    }

    pub(super) fn wrong_incarnation(id: BrokerId, current: Incarnation, asked: Incarnation) -> Self {
        Self::new(
            Reason::WrongIncarnation,
            format!("broker {id} has the disk of incarnation {current}, not {asked}"),
            "describe the cluster anew: that broker came back with another disk",
        )
    }

    pub(super) fn wrong_cluster(named: &str, own: Option<Uuid>) -> Self {
        let own = own
            .map_or_else(|| "in no cluster yet".to_owned(), |id| format!("of {}", cluster_id::as_text(id)));
        Self::new(
            Reason::WrongCluster,
            format!("the request is for cluster {named:?}, this broker is {own}"),
            "check the address: it leads to another cluster",
        )
    }

    pub(super) fn unknown_topic(id: TopicId) -> Self {
        Self::new(
            Reason::UnknownTopic,
            format!("there is no topic with id {}", topic_text(id)),
            "describe the cluster anew: it was deleted, or made again with another id",
        )
    }

    pub(super) fn unknown_partition(topic: &str, index: PartitionIndex, count: usize) -> Self {
        Self::new(
            Reason::UnknownPartition,
            format!("topic {topic:?} has no partition {index}, it has {count}"),
            "describe the cluster anew",
        )
    }

    pub(super) fn stale_partition(topic: &str, index: PartitionIndex, current: i32, asked: i32) -> Self {
        Self::new(
            Reason::StalePartition,
            format!("partition {topic}-{index} has epoch {current}, not {asked}"),
            "describe the cluster anew and plan again: it has changed since",
        )
    }

    pub(super) fn too_many(what: &str, asked: usize, most: usize) -> Self {
        Self::new(
            Reason::BatchTooLarge,
            format!("the request names {asked} {what}, the most is {most}"),
            "split it into several requests",
        )
    }

    /// So many look at the cluster already.
    pub(super) fn busy(what: &str, most: usize) -> Self {
        Self::for_now(
            Reason::Busy,
            format!("this broker has {most} {what} open, which is the most"),
            "ask again in a moment, or another broker",
        )
    }

    pub(super) fn duplicate(what: impl std::fmt::Display) -> Self {
        Self::new(
            Reason::DuplicateItem,
            format!("{what} occurs more than once in the request"),
            "name everything once",
        )
    }

    /// The controller can not be reached now.
    pub(super) fn no_controller(message: impl Into<String>) -> Self {
        Self::for_now(
            Reason::NoController,
            message,
            "try again in a moment: a majority of the voters elects one within a second",
        )
    }

    /// The controller was asked and may have done it all the same. Every call can be repeated, so asking again is how to
    /// find out.
    pub(super) fn unanswered(message: impl Into<String>) -> Self {
        Self::for_now(
            Reason::NoController,
            message,
            "ask again: it may have been done already, and asking twice does it once",
        )
    }

    /// For one item of a batch.
    pub(super) fn into_item(self) -> v1::Refusal {
        v1::Refusal {
            reason: self.reason.into(),
            message: self.message,
            advice: self.advice,
            retriable: self.retriable,
        }
    }

    const fn code(&self) -> Code {
        match self.reason {
            Reason::InvalidArgument
            | Reason::InvalidAssignment
            | Reason::InvalidReplicationFactor
            | Reason::InvalidPartitions
            | Reason::InvalidConfig
            | Reason::InvalidTopicName
            | Reason::DuplicateItem => Code::InvalidArgument,
            Reason::UnknownBroker | Reason::UnknownTopic | Reason::UnknownPartition => Code::NotFound,
            Reason::TopicExists => Code::AlreadyExists,
            Reason::BatchTooLarge => Code::OutOfRange,
            Reason::WrongCluster
            | Reason::WrongIncarnation
            | Reason::StalePartition
            | Reason::TopicDeletionDisabled
            | Reason::BrokerAlive
            | Reason::BrokerHoldsReplicas
            | Reason::MetadataVersion
            | Reason::NoEligibleLeader => Code::FailedPrecondition,
            Reason::NoController | Reason::Stopping => Code::Unavailable,
            Reason::Busy => Code::ResourceExhausted,
            Reason::Storage | Reason::Internal | Reason::Unspecified => Code::Internal,
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let (code, message) = (refused.code(), format!("{}: {}", refused.message, refused.advice));
        let details = Bytes::from(refused.into_item().encode_to_vec());
        Self::with_details(code, message, details)
    }
}

impl From<ControllerError> for Refused {
    fn from(error: ControllerError) -> Self {
        let (reason, advice) = meaning(&error);
        Self::new(reason, error.to_string(), advice)
    }
}

/// The kind of each of the controller's refusals, and what to do about it.
const fn meaning(error: &ControllerError) -> (Reason, &'static str) {
    match error {
        ControllerError::BadTopicName(_) => {
            (Reason::InvalidTopicName, "use 1 to 249 ASCII letters, digits, '.', '_' and '-'")
        }
        ControllerError::TopicNameCollides { .. } => (Reason::InvalidTopicName, "choose another name"),
        ControllerError::TopicExists(_) => {
            (Reason::TopicExists, "alter the topic that is there, or choose another name")
        }
        ControllerError::UnknownTopic(_) | ControllerError::UnknownTopicId(_) => (
            Reason::UnknownTopic,
            "describe the cluster anew: the topic is gone, or another one has its name",
        ),
        ControllerError::UnknownPartition { .. } => {
            (Reason::UnknownPartition, "describe the cluster anew: partitions are numbered from 0")
        }
        ControllerError::Duplicate(_) => (Reason::DuplicateItem, "name everything once"),
        ControllerError::InvalidRequest(_) => (Reason::InvalidArgument, "change the request"),
        ControllerError::InvalidPartitions(_) => {
            (Reason::InvalidPartitions, "ask for at least as many partitions as there are")
        }
        ControllerError::InvalidReplicationFactor(_) => {
            (Reason::InvalidReplicationFactor, "ask for fewer replicas, or start more brokers")
        }
        ControllerError::InvalidAssignment(_) => {
            (Reason::InvalidAssignment, "name registered brokers that are not drained, each once")
        }
        ControllerError::InvalidConfig(_) | ControllerError::NotAList(_) => {
            (Reason::InvalidConfig, "see the table of topic settings for names and values")
        }
        ControllerError::TooManyPartitions { .. } => {
            (Reason::BatchTooLarge, "split it into several requests")
        }
        ControllerError::DeletionDisabled => {
            (Reason::TopicDeletionDisabled, "set delete.topic.enable=true on the brokers")
        }
        ControllerError::UnknownBroker(_) => {
            (Reason::UnknownBroker, "look for it with DescribeCluster: it never joined, or was unregistered")
        }
        ControllerError::WrongIncarnation { .. } => {
            (Reason::WrongIncarnation, "describe the cluster anew: that broker came back with another disk")
        }
        ControllerError::DuplicateBroker(_) | ControllerError::StaleBrokerEpoch { .. } => {
            (Reason::WrongIncarnation, "describe the cluster anew: that broker has started again since")
        }
        ControllerError::PreferredLeaderNotAvailable(_) | ControllerError::EligibleLeadersNotAvailable => (
            Reason::NoEligibleLeader,
            "start the brokers that hold the partition, or wait until they are in sync",
        ),
        ControllerError::StillRunning(_) => (Reason::BrokerAlive, "stop the broker first"),
        ControllerError::ShuttingDown(_) => (Reason::BrokerAlive, "wait until the broker has started again"),
        ControllerError::HoldsReplicas { .. } => {
            (Reason::BrokerHoldsReplicas, "drain it, and move its replicas to other brokers first")
        }
        ControllerError::InvalidUpdateVersion(_)
        | ControllerError::MetadataVersion { .. }
        | ControllerError::BrokerVersions { .. } => {
            (Reason::MetadataVersion, "upgrade every broker, then finalise metadata.version")
        }
        // These two are successes where they can happen: what was asked for already is.
        ControllerError::ElectionNotNeeded | ControllerError::NoReassignment => {
            (Reason::InvalidArgument, "nothing is left to do")
        }
        ControllerError::ProducerIdsExhausted | ControllerError::NoFreshId => {
            (Reason::Internal, "report this: it should not happen")
        }
    }
}

impl From<MetadataError> for Refused {
    fn from(error: MetadataError) -> Self {
        let message = error.to_string();
        match error {
            MetadataError::NotController(_) => Self::no_controller("the controller has just changed"),
            MetadataError::Stopping => {
                Self::for_now(Reason::Stopping, message, "ask another broker, or this one when it is back")
            }
            MetadataError::DiskFull => Self::for_now(
                Reason::Storage,
                message,
                "make room on the controller's disk, or delete topics",
            ),
            MetadataError::Failed(_) => Self::for_now(
                Reason::Storage,
                message,
                "see the controller's log, and describe the cluster before trying again",
            ),
            MetadataError::Contradiction(_) => {
                Self::new(Reason::Internal, message, "report this: it should not happen")
            }
        }
    }
}
