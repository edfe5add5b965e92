//! A leader says who is in sync. Compare-and-set on both epochs, so that a leader of the past, or one that knows an
//! older state, changes nothing. Each partition of the batch stands for itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;
use weir_model::config::{Pairs, TopicRules};
use weir_model::{BrokerId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId};

use super::image::{Image, Partition};
use super::transition::{Brokers, Rules, Transition, record};
use super::{ControllerError, Decision, PartitionKey, gate};
use crate::partition::IsrCause;

/// The request.
#[derive(Clone, Debug)]
pub struct AlterPartitions {
    /// Who asks.
    pub broker: BrokerId,
    /// The epoch of its registration.
    pub broker_epoch: i64,
    /// What it leads, and who is in sync there.
    pub partitions: Vec<IsrChange>,
}

/// One partition's ISR as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub index: PartitionIndex,
    /// The reign of the leader who asks.
    pub leader_epoch: LeaderEpoch,
    /// The state that it knows.
    pub partition_epoch: PartitionEpoch,
    /// Those in sync, each with the epoch of the registration that was seen to be. Nobody where the cause is damage.
    pub isr: Vec<IsrMember>,
    /// What it is about.
    pub cause: IsrCause,
}

/// A replica of one registration of its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsrMember {
    /// The broker.
    pub broker: BrokerId,
    /// The epoch of its registration.
    pub epoch: i64,
}

/// Why one partition stays as it is. Each variant names the one Kafka error code it is answered with.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum IsrError {
    /// `UNKNOWN_TOPIC_ID`
    #[error("there is no such topic")]
    UnknownTopic,
    /// `UNKNOWN_TOPIC_OR_PARTITION`
    #[error("the topic has no such partition")]
    UnknownPartition,
    /// `FENCED_LEADER_EPOCH`
    #[error("the reign is over: the leader epoch is {0}")]
    FencedLeaderEpoch(LeaderEpoch),
    /// `NOT_CONTROLLER`: the leader knows more than this controller does.
    #[error("the leader is ahead of this controller")]
    Ahead,
    /// `NOT_LEADER_OR_FOLLOWER`
    #[error("the broker does not lead the partition")]
    NotLeader,
    /// `INVALID_UPDATE_VERSION`
    #[error("the partition has changed: its epoch is {0}")]
    InvalidUpdateVersion(PartitionEpoch),
    /// `INVALID_REQUEST`
    #[error("{0}")]
    Invalid(&'static str),
    /// `NOT_LEADER_OR_FOLLOWER`
    #[error("the broker holds no replica")]
    NotReplica,
    /// `INELIGIBLE_REPLICA`: a damaged replica is still better than none.
    #[error("no other replica is in sync: the damaged one can not be done without")]
    NobodyElse,
    /// `INELIGIBLE_REPLICA`
    #[error("broker {0} is fenced, shutting down or has restarted")]
    Ineligible(BrokerId),
}

/// For each partition of the request, in its order: its state from here on, or why it stays as it was.
pub type Outcomes = Vec<(PartitionKey, Result<Arc<Partition>, IsrError>)>;

/// Decides on each partition.
pub fn decide(
    image: &Image,
    command: &AlterPartitions,
    defaults: &Pairs,
) -> Decision<Result<Outcomes, ControllerError>> {
    if let Err(why) = gate::current(image, command.broker, command.broker_epoch) {
        return Decision { records: Vec::new(), reply: Err(why) };
    }
    let (mut records, mut seen) = (Vec::new(), BTreeSet::new());
    let mut rules = Rules::new(image, defaults);
    let reply = command.partitions.iter().map(|change| {
        let key = (change.topic, change.index);
        let outcome = if seen.insert(key) {
            alter(image, command.broker, change, &mut rules)
        } else {
            Err(IsrError::Invalid("the request names the partition more than once"))
        };
        if let Ok(state) = &outcome {
            records.push(record(change.topic, change.index, Partition::clone(state)));
        }
        (key, outcome)
    });
    let reply = Ok(reply.collect());
    Decision { records, reply }
}

/// The partition's state from here on, and whether it is another one.
fn alter(
    image: &Image,
    sender: BrokerId,
    change: &IsrChange,
    rules: &mut Rules<'_>,
) -> Result<Arc<Partition>, IsrError> {
    let topic = image.topic_by_id(change.topic).ok_or(IsrError::UnknownTopic)?;
    let partition = topic.partition(change.index).ok_or(IsrError::UnknownPartition)?;
    check_epochs(partition, change)?;
    if change.cause == IsrCause::Damaged {
        check_version(partition, change)?;
        return let_go(image, partition, sender, rules.of(topic));
    }
    check_leader(partition, sender, change)?;
    check_members(image, partition, sender, &change.isr)?;
    let isr = change.isr.iter().map(|member| member.broker).collect();
    let next = Transition::of(partition, rules.of(topic)).in_sync(isr).finish(&Brokers::now(image));
    Ok(Arc::new(next.unwrap_or_else(|| confirmed(partition))))
}

/// The same members in a later version. A leader that never learnt what became of a proposal takes it back by proposing
/// what is: once that is answered, the earlier attempt is for a version that is over, and can not come true any more.
fn confirmed(partition: &Partition) -> Partition {
    let mut again = partition.clone();
    again.partition_epoch.0 += 1;
    again
}

fn check_epochs(partition: &Partition, change: &IsrChange) -> Result<(), IsrError> {
    if change.leader_epoch < partition.leader_epoch {
        return Err(IsrError::FencedLeaderEpoch(partition.leader_epoch));
    }
    if change.leader_epoch > partition.leader_epoch || change.partition_epoch > partition.partition_epoch {
        return Err(IsrError::Ahead);
    }
    Ok(())
}

fn check_leader(partition: &Partition, sender: BrokerId, change: &IsrChange) -> Result<(), IsrError> {
    if partition.leader != Some(sender) {
        return Err(IsrError::NotLeader);
    }
    check_version(partition, change)
}

fn check_version(partition: &Partition, change: &IsrChange) -> Result<(), IsrError> {
    if change.partition_epoch < partition.partition_epoch {
        return Err(IsrError::InvalidUpdateVersion(partition.partition_epoch));
    }
    Ok(())
}

/// A replica whose log is damaged is counted on no longer, and does not lead, once somebody in sync is there who has
/// everything. The reign ends even where the leader stays: what the replica fetched in it proves nothing any more, so
/// that it can cut its log and is taken for what it is from its first fetch in the next one.
fn let_go(
    image: &Image,
    partition: &Partition,
    sender: BrokerId,
    rules: TopicRules,
) -> Result<Arc<Partition>, IsrError> {
    if !partition.replicas.contains(&sender) {
        return Err(IsrError::NotReplica);
    }
    let brokers = Brokers::now(image);
    if !partition.isr.iter().any(|member| *member != sender && brokers.active(*member)) {
        return Err(IsrError::NobodyElse);
    }
    let next = Transition::of(partition, rules).damaged(sender).finish(&brokers);
    Ok(Arc::new(next.unwrap_or_else(|| confirmed(partition))))
}

fn check_members(
    image: &Image,
    partition: &Partition,
    leader: BrokerId,
    isr: &[IsrMember],
) -> Result<(), IsrError> {
    if !isr.iter().any(|member| member.broker == leader) {
        return Err(IsrError::Invalid("the leader is not among those in sync"));
    }
    for (at, member) in isr.iter().enumerate() {
        if !partition.replicas.contains(&member.broker) {
            return Err(IsrError::Invalid("a broker that holds no replica can not be in sync"));
        }
        if isr[..at].iter().any(|other| other.broker == member.broker) {
            return Err(IsrError::Invalid("a replica is in sync only once"));
        }
        let registered = image.broker(member.broker).ok_or(IsrError::Ineligible(member.broker))?;
        // A leader that is shutting down stays in sync until somebody can take over from it.
        let may_stay = member.broker == leader && !registered.registration.fenced;
        if registered.registration.epoch != member.epoch || !(registered.is_active() || may_stay) {
            return Err(IsrError::Ineligible(member.broker));
        }
    }
    Ok(())
}
