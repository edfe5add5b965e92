//! Whether a broker can be stopped without anybody noticing. A question, not a permission: nothing is reserved, so
//! whoever stops brokers asks before each one.

use std::collections::BTreeSet;

use weir_model::config::Pairs;
use weir_model::{BrokerId, Incarnation};

use super::PartitionKey;
use super::image::{Image, Partition};
use super::transition::Rules;

/// The metadata quorum as the caller sees it.
#[derive(Clone, Copy, Debug)]
pub struct Quorum<'a> {
    /// The brokers that vote.
    pub voters: &'a BTreeSet<BrokerId>,
    /// Those of them that are up and follow.
    pub live: &'a BTreeSet<BrokerId>,
}

/// Why a broker must not be stopped now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such broker.
    UnknownBroker,
    /// The broker has another disk than the one that is meant.
    WrongIncarnation {
        /// The one it has.
        current: Incarnation,
    },
    /// Partitions would have no leader.
    Offline(Affected),
    /// Partitions would take no writes with acks=all.
    BelowMinIsr(Affected),
    /// Replicas of the broker are on the move.
    MovesInFlight(Affected),
    /// The metadata quorum would have no majority.
    QuorumMajority {
        /// How many vote.
        voters: usize,
        /// How many of them would be left.
        live: usize,
    },
}

/// Which partitions, shortly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affected {
    /// How many.
    pub partitions: usize,
    /// One of them.
    pub first: PartitionKey,
}

/// The reasons against stopping the broker; none means it may be stopped. Costs as much as it has replicas.
#[must_use]
pub fn may_stop(
    image: &Image,
    id: BrokerId,
    incarnation: Incarnation,
    quorum: Quorum<'_>,
    defaults: &Pairs,
) -> Vec<Reason> {
    let Some(broker) = image.broker(id) else { return vec![Reason::UnknownBroker] };
    let current = broker.registration.incarnation;
    if current != incarnation {
        return vec![Reason::WrongIncarnation { current }];
    }
    let (mut offline, mut below, mut moving) = (None, None, None);
    let mut rules = Rules::new(image, defaults);
    for (topic, index, partition) in image.partitions_on(id) {
        let key = (topic.id, index);
        let min_isr = rules.of(topic).min_isr.min(partition.replicas.len());
        match without(image, partition, id, min_isr) {
            Loss::None => {}
            Loss::Leader => count(&mut offline, key),
            Loss::MinIsr => count(&mut below, key),
        }
        if partition.is_moving() {
            count(&mut moving, key);
        }
    }
    let partitions =
        [offline.map(Reason::Offline), below.map(Reason::BelowMinIsr), moving.map(Reason::MovesInFlight)];
    partitions.into_iter().flatten().chain(majority(id, quorum)).collect()
}

/// What a partition would lose.
enum Loss {
    None,
    Leader,
    MinIsr,
}

fn without(image: &Image, partition: &Partition, id: BrokerId, min_isr: usize) -> Loss {
    let others = |members: &[BrokerId]| members.iter().filter(|b| **b != id && image.is_active(**b)).count();
    let left = others(&partition.isr);
    if left == 0 && others(&partition.elr) == 0 {
        // It is the last that can serve the partition, or the one that an offline partition waits for. Where it has
        // no part in what is missing it may go.
        let has_part = partition.isr.contains(&id) || partition.elr.contains(&id);
        return if has_part { Loss::Leader } else { Loss::None };
    }
    if partition.isr.contains(&id) && left < min_isr { Loss::MinIsr } else { Loss::None }
}

const fn count(affected: &mut Option<Affected>, key: PartitionKey) {
    match affected {
        Some(affected) => affected.partitions += 1,
        None => *affected = Some(Affected { partitions: 1, first: key }),
    }
}

fn majority(id: BrokerId, quorum: Quorum<'_>) -> Option<Reason> {
    if !quorum.voters.contains(&id) {
        return None;
    }
    let voters = quorum.voters.len();
    let live = quorum.voters.iter().filter(|b| **b != id && quorum.live.contains(b)).count();
    (live <= voters / 2).then_some(Reason::QuorumMajority { voters, live })
}
