//! What a Topic's status says: whether the topic is as declared, and if not, why, in one sentence.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use weir_operator_api::{TopicStatus, condition};

use super::{Declaration, TopicSeen};
use crate::status::seconds;

/// Reasons of the condition Ready. Dashboards and alerts are written against them.
pub mod reason {
    /// The topic is as declared.
    pub const AS_DECLARED: &str = "AsDeclared";
    /// The topic belongs to another Topic, or was there before and may not be taken over.
    pub const CONFLICT: &str = "Conflict";
    /// The topic is not as declared, and can not be made so.
    pub const DRIFTED: &str = "Drifted";
    /// Nobody could be asked, or what was asked for may work later.
    pub const WAITING_FOR_BROKERS: &str = "WaitingForBrokers";
    /// There is no Cluster of that name.
    pub const CLUSTER_GONE: &str = "ClusterGone";
    /// What is declared can not be.
    pub const INVALID: &str = "Invalid";
    /// The topic is about to be created.
    pub const CREATING: &str = "Creating";
    /// Replicas are being made or taken away.
    pub const MOVING: &str = "Moving";
}

/// What one pass found of one Topic.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    ready: bool,
    reason: &'static str,
    message: String,
    facts: Facts,
}

/// What status tells about the topic itself.
#[derive(Clone, Debug)]
enum Facts {
    /// As it was: nothing new is known.
    AsBefore,
    /// The topic is not this Topic's.
    NotOurs,
    Seen {
        id: String,
        partitions: i32,
        replication_factor: Option<i32>,
    },
}

impl Verdict {
    fn no(reason: &'static str, message: String) -> Self {
        Self { ready: false, reason, message, facts: Facts::AsBefore }
    }

    pub(super) fn ready() -> Self {
        let message = "the topic is as declared".to_owned();
        Self { ready: true, reason: reason::AS_DECLARED, message, facts: Facts::AsBefore }
    }

    pub(super) fn conflict(topic: &Declaration, older: &Declaration) -> Self {
        let message = format!(
            "topic {} is declared by the older Topic {} already: delete one of them",
            topic.topic(),
            older.name
        );
        Self { facts: Facts::NotOurs, ..Self::no(reason::CONFLICT, message) }
    }

    pub(super) fn exists(message: String) -> Self {
        Self { facts: Facts::NotOurs, ..Self::no(reason::CONFLICT, message) }
    }

    pub(super) fn invalid(message: String) -> Self {
        Self::no(reason::INVALID, message)
    }

    pub(super) fn waiting(message: String) -> Self {
        Self::no(reason::WAITING_FOR_BROKERS, message)
    }

    pub(super) fn drifted(message: String) -> Self {
        Self::no(reason::DRIFTED, message)
    }

    pub(super) fn creating(message: &str) -> Self {
        Self::no(reason::CREATING, message.to_owned())
    }

    pub(super) fn moving(message: String) -> Self {
        Self::no(reason::MOVING, message)
    }

    pub(super) fn cluster_gone(topic: &Declaration) -> Self {
        let cluster = &topic.spec.cluster_ref.name;
        let message = format!("there is no Cluster {cluster} in this namespace, or it is being deleted");
        Self::no(reason::CLUSTER_GONE, message)
    }

    /// With what the topic is.
    pub(super) fn of(self, seen: &TopicSeen<'_>) -> Self {
        let factor = seen.partitions.iter().map(super::PartitionSeen::factor).min();
        let facts = Facts::Seen {
            id: seen.id.to_string(),
            partitions: i32::try_from(seen.partitions.len()).unwrap_or(i32::MAX),
            replication_factor: factor.and_then(|factor| i32::try_from(factor).ok()),
        };
        Self { facts, ..self }
    }

    /// The status, if it is another one than there is.
    pub(super) fn status(self, topic: &Declaration, now: Timestamp) -> Option<TopicStatus> {
        let before = topic.status.as_ref();
        let written = before.and_then(|before| before.conditions.first());
        let word = if self.ready { "True" } else { "False" };
        let since = written.filter(|written| written.status == word);
        let since = since.map_or_else(|| seconds(now), |written| written.last_transition_time.clone());
        let kept = || before.cloned().unwrap_or_default();
        let (topic_id, partitions, replication_factor) = match self.facts {
            Facts::AsBefore => {
                let kept = kept();
                (kept.topic_id, kept.partitions, kept.replication_factor)
            }
            Facts::NotOurs => (None, None, None),
            Facts::Seen { id, partitions, replication_factor } => {
                (Some(id), Some(partitions), replication_factor)
            }
        };
        let status = TopicStatus {
            observed_generation: topic.generation,
            topic_id,
            partitions,
            replication_factor,
            conditions: vec![Condition {
                type_: condition::READY.to_owned(),
                status: word.to_owned(),
                reason: self.reason.to_owned(),
                message: self.message,
                observed_generation: topic.generation,
                last_transition_time: since,
            }],
        };
        (before != Some(&status)).then_some(status)
    }
}
