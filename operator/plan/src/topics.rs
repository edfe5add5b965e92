//! Topics: from all the Topics of one Cluster and what its brokers say, one batch of changes and statuses. Decides who
//! owns a name, what is created, adopted, changed, moved and deleted, and why not. Work is proportional to the number of
//! topics: ten thousand of them are one look.

mod assignment;
mod change;
mod claim;
mod declaration;
mod leaving;
mod verdict;

#[cfg(test)]
mod tests;

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use weir_model::BrokerId;
use weir_operator_api::TopicStatus;

pub use self::declaration::Declaration;
pub use self::verdict::reason;

use self::assignment::Spread;
use self::verdict::Verdict;

/// What is known of the topics of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum TopicsOnBrokers<'a> {
    /// A broker answered.
    Known(TopicsSnapshot<'a>),
    /// None did. Not knowing is a reason to wait.
    Unknown {
        /// Why, for people.
        why: String,
    },
    /// There is no such Cluster, or it is being deleted: nobody will ever answer.
    ClusterGone,
}

/// The topics of a cluster, and what placing replicas depends on. What there is much of is borrowed from who knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicsSnapshot<'a> {
    /// Every registered broker.
    pub brokers: BTreeMap<BrokerId, TopicBroker>,
    /// How many brokers the Cluster declares: those that are missing will come.
    pub declared: usize,
    /// What moves may take.
    pub moves: MovesAllowed,
    /// Every topic, by name.
    pub topics: BTreeMap<Cow<'a, str>, TopicSeen<'a>>,
    /// What the brokers refused before, by the uid of the Topic: kept by the controller for as long as the Topic's
    /// generation is the same. What is not retriable is not asked for again.
    pub refused: Cow<'a, BTreeMap<String, Refused>>,
}

/// What moves for the sake of a Topic may take: what every other move of the cluster may, and with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovesAllowed {
    /// How many partitions may be moving at once, for whatever reason.
    pub at_once: usize,
    /// The bytes a second that each may take.
    pub throttle: Option<u64>,
    /// What goes on with the brokers, if it is something that copies of replicas would disturb.
    pub busy: Option<String>,
}

/// A broker, as far as replicas are placed on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicBroker {
    /// Where it stands.
    pub rack: Option<String>,
    /// The controller does not hear of it.
    pub fenced: bool,
    /// It was told to give its replicas away.
    pub drained: bool,
}

/// A topic that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSeen<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Whether it belongs to the brokers themselves.
    pub internal: bool,
    /// The settings that were given to it.
    pub config: Cow<'a, BTreeMap<String, String>>,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionSeen>,
}

/// A partition that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionSeen {
    /// Its replicas, the preferred leader first; while it moves, old and new ones.
    pub replicas: Vec<BrokerId>,
    /// Replicas that a move adds.
    pub adding: Vec<BrokerId>,
    /// Replicas that a move takes away.
    pub removing: Vec<BrokerId>,
    /// Grows at every change; a move names the one that was looked at.
    pub epoch: i32,
}

impl PartitionSeen {
    pub(crate) fn is_moving(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// How many replicas it has once no move is left.
    pub(crate) fn factor(&self) -> usize {
        self.replicas.len().saturating_sub(self.removing.len())
    }
}

/// A request that the brokers refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The generation of the Topic that was asked for.
    pub generation: Option<i64>,
    /// What is wrong and what to do about it, in the brokers' words.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retriable: bool,
}

/// Everything that comes next for the topics of one cluster. The controller sends it in order: finalizers, creations,
/// changes, moves, deletions, statuses, each in parts of the size that the brokers take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Finalizers to put on and to take off.
    pub finalizers: Vec<FinalizerChange>,
    /// Topics to create.
    pub create: Vec<CreateTopic>,
    /// Topics to change.
    pub alter: Vec<AlterTopic>,
    /// Partitions to move.
    pub moves: Vec<MovePartition>,
    /// Topics to delete.
    pub delete: Vec<DeleteTopic>,
    /// Statuses that differ from what is written.
    pub statuses: Vec<StatusChange>,
    /// Something waits for what nobody announces: look again in a while.
    pub look_again: bool,
}

impl Batch {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The Topic that something is done for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The name of the object.
    pub name: String,
    /// Its uid; a refusal is remembered by it.
    pub uid: String,
    /// The generation that was looked at.
    pub generation: Option<i64>,
}

impl Owner {
    pub(crate) fn of(topic: &Declaration) -> Self {
        Self { name: (*topic.name).to_owned(), uid: (*topic.uid).to_owned(), generation: topic.generation }
    }
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopic {
    /// For whom.
    pub owner: Owner,
    /// The topic's name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas of each; the brokers' default when `None`.
    pub replication_factor: Option<i32>,
    /// Its settings.
    pub config: BTreeMap<String, String>,
}

/// A topic to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterTopic {
    /// For whom.
    pub owner: Owner,
    /// The topic's name.
    pub name: String,
    /// The topic.
    pub topic_id: String,
    /// How many partitions it has then, if that grows.
    pub partitions: Option<i32>,
    /// Settings that get these values.
    pub set: BTreeMap<String, String>,
}

/// A partition to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovePartition {
    /// For whom.
    pub owner: Owner,
    /// The topic.
    pub topic_id: String,
    /// The partition.
    pub partition: i32,
    /// The partition's epoch: the move is refused if it has changed since.
    pub partition_epoch: i32,
    /// Its replicas when the move is done, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The bytes a second that it may take.
    pub throttle: Option<u64>,
}

/// A topic to delete with all its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTopic {
    /// For whom.
    pub owner: Owner,
    /// The topic's name.
    pub name: String,
    /// The topic.
    pub topic_id: String,
}

/// [`weir_operator_api::TOPIC_FINALIZER`] on one Topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalizerChange {
    /// On which.
    pub owner: Owner,
    /// Whether it is put on or taken off.
    pub present: bool,
}

/// A status to write.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusChange {
    /// Whose.
    pub owner: Owner,
    /// All of it.
    pub status: TopicStatus,
}

/// What comes next for the topics of one cluster. `topics` are all Topics that name it, those that are being deleted too.
#[must_use]
pub fn decide<T: Borrow<Declaration>>(
    topics: &[T],
    on_brokers: &TopicsOnBrokers<'_>,
    now: Timestamp,
) -> Batch {
    let mut batch = Batch::default();
    let claims = claim::oldest(topics.iter().map(Borrow::borrow));
    let mut spread = match on_brokers {
        TopicsOnBrokers::Known(seen) => Spread::of(seen, seen.moves.at_once),
        TopicsOnBrokers::Unknown { .. } | TopicsOnBrokers::ClusterGone => Spread::default(),
    };
    for topic in topics {
        let topic = topic.borrow();
        let older = claims.older_than(topic);
        let verdict = if topic.deleting {
            leaving::decide(topic, older.is_some(), on_brokers, &mut batch)
        } else {
            leaving::keep_finalizer(topic, &mut batch);
            staying(topic, older, on_brokers, &mut spread, &mut batch)
        };
        if let Some(status) = verdict.and_then(|verdict| verdict.status(topic, now)) {
            batch.statuses.push(StatusChange { owner: Owner::of(topic), status });
        }
    }
    batch
}

/// A Topic that nobody has deleted.
fn staying(
    topic: &Declaration,
    older: Option<&Declaration>,
    on_brokers: &TopicsOnBrokers<'_>,
    spread: &mut Spread,
    batch: &mut Batch,
) -> Option<Verdict> {
    if let Some(older) = older {
        return Some(Verdict::conflict(topic, older));
    }
    if let Err(wrong) = change::check(topic) {
        return Some(Verdict::invalid(wrong));
    }
    match on_brokers {
        TopicsOnBrokers::ClusterGone => Some(Verdict::cluster_gone(topic)),
        TopicsOnBrokers::Unknown { why } => {
            Some(Verdict::waiting(format!("the brokers can not be asked: {why}")))
        }
        TopicsOnBrokers::Known(seen) => change::decide(topic, seen, spread, batch),
    }
}
