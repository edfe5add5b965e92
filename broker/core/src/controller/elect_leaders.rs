//! ElectLeaders: back to the preferred leaders, or, where nobody else is left, on to a replica that may miss
//! acknowledged records. The latter is an operator's word; nothing else here says it.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_model::PartitionIndex;
use weir_model::config::Pairs;

use super::image::{Image, Partition, Topic};
use super::transition::{Brokers, Election, Rules, Transition, record};
use super::{ControllerError, Decision, Record};

/// The request.
#[derive(Clone, Debug)]
pub struct ElectLeaders {
    /// Which leader is wanted.
    pub kind: ElectionKind,
    /// Of which partitions, by topic name; `None` for all that need it.
    pub partitions: Option<Vec<(String, PartitionIndex)>>,
}

/// Which leader is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionKind {
    /// The first replica.
    Preferred,
    /// Any replica, where nobody leads; what it misses is lost.
    Unclean,
}

/// One outcome for each partition of the request, in its order; for "all", those that needed an election.
pub type Outcomes = Vec<((String, PartitionIndex), Result<(), ControllerError>)>;

/// Decides on each partition.
pub fn decide(image: &Image, command: &ElectLeaders, defaults: &Pairs) -> Decision<Outcomes> {
    let mut rules = Rules::new(image, defaults);
    let (mut records, mut reply) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let asked = command.partitions.clone().unwrap_or_else(|| all(image, command.kind));
    for key in asked {
        let outcome = if seen.insert(key.clone()) {
            find(image, &key).and_then(|(topic, p)| elect(image, command.kind, (topic, key.1, p), &mut rules))
        } else {
            Err(ControllerError::Duplicate(format!("{}-{}", key.0, key.1)))
        };
        reply.push((key, outcome.map(|elected| records.push(elected))));
    }
    Decision { records, reply }
}

/// The partitions that may need an election of the kind. Costs as much as they are many.
fn all(image: &Image, kind: ElectionKind) -> Vec<(String, PartitionIndex)> {
    let name = |(topic, index, _): (&Arc<Topic>, _, _)| (topic.name.as_str().to_owned(), index);
    match kind {
        ElectionKind::Unclean => image.leaderless().map(name).collect(),
        ElectionKind::Preferred => {
            image.brokers().flat_map(|b| image.unpreferred_of(b.registration.id, None)).map(name).collect()
        }
    }
}

fn find<'a>(
    image: &'a Image,
    (name, index): &(String, PartitionIndex),
) -> Result<(&'a Topic, &'a Partition), ControllerError> {
    let short = || name.chars().take(256).collect::<String>();
    let topic = image.topic(name).ok_or_else(|| ControllerError::UnknownTopic(short()))?;
    let unknown = || ControllerError::UnknownPartition { topic: short(), index: *index };
    Ok((topic, topic.partition(*index).ok_or_else(unknown)?))
}

fn elect(
    image: &Image,
    kind: ElectionKind,
    (topic, index, partition): (&Topic, PartitionIndex, &Partition),
    rules: &mut Rules<'_>,
) -> Result<Record, ControllerError> {
    let preferred = partition.replicas.first().copied().unwrap_or_default();
    let (needed, election, failure) = match kind {
        ElectionKind::Preferred => (
            partition.leader != Some(preferred),
            Election::Preferred,
            ControllerError::PreferredLeaderNotAvailable(preferred),
        ),
        ElectionKind::Unclean => {
            (partition.leader.is_none(), Election::Unclean, ControllerError::EligibleLeadersNotAvailable)
        }
    };
    if !needed {
        return Err(ControllerError::ElectionNotNeeded);
    }
    let next = Transition::of(partition, rules.of(topic)).wanting(election).finish(&Brokers::now(image));
    let served = |next: &Partition| match kind {
        ElectionKind::Preferred => next.leader == Some(preferred),
        ElectionKind::Unclean => next.leader.is_some(),
    };
    let next = next.filter(served).ok_or(failure)?;
    Ok(record(topic.id, index, next))
}
