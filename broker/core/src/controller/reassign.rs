//! AlterPartitionReassignments: other replicas for partitions, by KIP-455. The new ones are added first; when all
//! that shall stay are in sync the same round takes the old ones away. The move is part of the partition's state, so
//! whoever becomes controller goes on with it.

use std::collections::BTreeSet;

use weir_model::config::Pairs;
use weir_model::{BrokerId, PartitionIndex};

use super::image::{Image, Partition, Topic};
use super::transition::{Assignment, Brokers, Rules, Transition, record};
use super::{ControllerError, Decision, Record, assignments, gate};

/// The request.
#[derive(Clone, Debug, Default)]
pub struct Reassign {
    /// What to move. Each stands for itself.
    pub moves: Vec<Move>,
    /// Whether a partition may end up with more or fewer replicas than it has.
    pub allow_replication_factor_change: bool,
}

/// Other replicas for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The topic, by name.
    pub topic: String,
    /// The partition.
    pub index: PartitionIndex,
    /// The replicas it shall have, in order of preference; `None` cancels the running move.
    pub target: Option<Vec<BrokerId>>,
    /// The most bytes a second that may be copied for it; `None` for no limit.
    pub throttle: Option<u64>,
}

/// One outcome for each move of the request, in its order.
pub type Outcomes = Vec<((String, PartitionIndex), Result<(), ControllerError>)>;

/// Decides on each move.
pub fn decide(image: &Image, command: &Reassign, defaults: &Pairs) -> Decision<Outcomes> {
    let mut rules = Rules::new(image, defaults);
    let (mut records, mut reply) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let fits = assignments::check_total(command.moves.len()).and_then(|()| gate::many_brokers(image));
    for one in &command.moves {
        let key = (one.topic.clone(), one.index);
        let outcome = fits.clone().and_then(|()| {
            if seen.insert((one.topic.as_str(), one.index)) {
                reassign(image, one, command.allow_replication_factor_change, &mut rules)
            } else {
                Err(ControllerError::Duplicate(format!("{}-{}", one.topic, one.index)))
            }
        });
        reply.push((key, outcome.map(|changed| records.extend(changed))));
    }
    Decision { records, reply }
}

fn reassign(
    image: &Image,
    one: &Move,
    may_change_factor: bool,
    rules: &mut Rules<'_>,
) -> Result<Option<Record>, ControllerError> {
    let name = || one.topic.chars().take(256).collect::<String>();
    let topic = image.topic(&one.topic).ok_or_else(|| ControllerError::UnknownTopic(name()))?;
    let unknown = || ControllerError::UnknownPartition { topic: name(), index: one.index };
    let partition = topic.partition(one.index).ok_or_else(unknown)?;
    let to = match &one.target {
        None => cancelled(partition)?,
        Some(target) => {
            check(image, partition, target, may_change_factor)?;
            if one.throttle == Some(0) {
                return Err(ControllerError::InvalidRequest("a move that may copy nothing never ends"));
            }
            towards(partition, target, one.throttle)
        }
    };
    moved(image, topic, one.index, partition, to, rules)
}

/// The record that gives the partition these replicas, unless it has them.
pub(super) fn moved(
    image: &Image,
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
    to: Assignment,
    rules: &mut Rules<'_>,
) -> Result<Option<Record>, ControllerError> {
    let stays_in_sync = partition.isr.iter().any(|b| to.replicas.contains(b));
    if !stays_in_sync && !partition.isr.is_empty() {
        return Err(ControllerError::InvalidAssignment(
            "every replica that is in sync would be taken away: the data would be lost".to_owned(),
        ));
    }
    let next = Transition::of(partition, rules.of(topic)).assigned(to).finish(&Brokers::now(image));
    Ok(next.map(|next| record(topic.id, index, next)))
}

/// From the replicas before any running move to `target`. What a running move had begun to add goes at once.
fn towards(partition: &Partition, target: &[BrokerId], throttle: Option<u64>) -> Assignment {
    let origin = partition.origin();
    let adding = target.iter().copied().filter(|b| !origin.contains(b)).collect();
    let removing: Vec<_> = origin.into_iter().filter(|b| !target.contains(b)).collect();
    let replicas = target.iter().chain(&removing).copied().collect();
    Assignment { replicas, adding, removing, throttle }
}

/// Back to the replicas before the running move.
pub(super) fn cancelled(partition: &Partition) -> Result<Assignment, ControllerError> {
    if !partition.is_moving() {
        return Err(ControllerError::NoReassignment);
    }
    let replicas = partition.origin();
    Ok(Assignment { replicas, adding: Vec::new(), removing: Vec::new(), throttle: None })
}

fn check(
    image: &Image,
    partition: &Partition,
    target: &[BrokerId],
    may_change_factor: bool,
) -> Result<(), ControllerError> {
    let origin = partition.origin();
    assignments::check_names(image, target)?;
    if !may_change_factor && target.len() != origin.len() {
        return Err(ControllerError::InvalidReplicationFactor(format!(
            "the assignment holds {} replicas where the partition has {}",
            target.len(),
            origin.len()
        )));
    }
    // A fenced broker may be meant to come back; a drained one is not to be given anything.
    let drained = |b: &&BrokerId| image.broker(**b).is_some_and(|b| b.registration.drained);
    match target.iter().filter(|b| !partition.replicas.contains(b)).find(drained) {
        None => Ok(()),
        Some(b) => Err(ControllerError::InvalidAssignment(format!("broker {b} is drained"))),
    }
}
