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

/// Why a broker must not be stopped now, or what it costs at any time.
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
    /// Partitions have no other replica: they are away while the broker is, whenever it stops.
    SingleReplica(Affected),
    /// Partitions ask for every one of their replicas in sync: they take no writes with acks=all while the broker is
    /// away, whenever it stops.
    EveryReplicaNeeded(Affected),
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

impl Reason {
    /// Whether waiting does not help: replicas or voters are too few for anybody to take over.
    #[must_use]
    pub const fn is_unavoidable(&self) -> bool {
        match self {
            Self::SingleReplica(_) | Self::EveryReplicaNeeded(_) => true,
            Self::QuorumMajority { voters, .. } => *voters < 3,
            Self::UnknownBroker
            | Self::WrongIncarnation { .. }
            | Self::Offline(_)
            | Self::BelowMinIsr(_)
            | Self::MovesInFlight(_) => false,
        }
    }
}

/// Which partitions, shortly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affected {
    /// How many.
    pub partitions: usize,
    /// One of them.
    pub first: PartitionKey,
}

/// The reasons against stopping the broker; none but unavoidable ones means it may be stopped. Costs as much as it has replicas.
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
    let (mut single, mut needed) = (None, None);
    let mut rules = Rules::new(image, defaults);
    for (topic, index, partition) in image.partitions_on(id) {
        let key = (topic.id, index);
        let min_isr = rules.of(topic).min_isr.min(partition.replicas.len());
        match without(image, partition, id, min_isr) {
            Loss::None => {}
            Loss::Leader => count(&mut offline, key),
            Loss::MinIsr => count(&mut below, key),
            Loss::Only => count(&mut single, key),
            Loss::Needed => count(&mut needed, key),
        }
        if partition.is_moving() {
            count(&mut moving, key);
        }
    }
    let partitions = [
        offline.map(Reason::Offline),
        below.map(Reason::BelowMinIsr),
        single.map(Reason::SingleReplica),
        needed.map(Reason::EveryReplicaNeeded),
        moving.map(Reason::MovesInFlight),
    ];
    partitions.into_iter().flatten().chain(majority(id, quorum)).collect()
}

/// What a partition would lose.
enum Loss {
    None,
    Leader,
    MinIsr,
    /// Its leader, at any time.
    Only,
    /// Its writes, at any time.
    Needed,
}

fn without(image: &Image, partition: &Partition, id: BrokerId, min_isr: usize) -> Loss {
    let others = |members: &[BrokerId]| members.iter().filter(|b| **b != id && image.is_active(**b)).count();
    let left = others(&partition.isr);
    if partition.replicas == [id] {
        return Loss::Only;
    }
    if left == 0 && others(&partition.elr) == 0 {
        // It is the last that can serve the partition, or the one that an offline partition waits for. Where it has
        // no part in what is missing it may go.
        let has_part = partition.isr.contains(&id) || partition.elr.contains(&id);
        return if has_part { Loss::Leader } else { Loss::None };
    }
    if !partition.isr.contains(&id) || left >= min_isr {
        return Loss::None;
    }
    // With all others in sync there is nothing left to wait for.
    let all_needed = min_isr == partition.replicas.len() && left + 1 == min_isr;
    if all_needed { Loss::Needed } else { Loss::MinIsr }
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_model::{LeaderEpoch, PartitionIndex, TopicId, TopicName};

    use super::*;
    use crate::controller::{Record, Registration};

    const DISK: Incarnation = Incarnation(Uuid::from_u128(5));

    /// Four live brokers, and one topic whose partition has these replicas and ISR.
    fn image(replicas: &[i32], isr: &[i32], min_isr: &str) -> Image {
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let mut image = Image::default();
        for id in ids(&[0, 1, 2, 3]) {
            let registration = Registration { id, incarnation: DISK, ..Registration::default() };
            image.apply(&Record::BrokerRegistered(registration)).unwrap();
        }
        let topic = TopicId(Uuid::from_u128(7));
        image.apply(&Record::TopicCreated { id: topic, name: TopicName::new("t").unwrap() }).unwrap();
        let state = Partition {
            replicas: ids(replicas),
            isr: ids(isr),
            leader: isr.first().copied().map(BrokerId),
            leader_epoch: LeaderEpoch(0),
            ..Partition::default()
        };
        image.apply(&Record::PartitionChanged { topic, index: PartitionIndex(0), state }).unwrap();
        let (scope, name) = (super::super::ConfigScope::Topic(topic), "min.insync.replicas".to_owned());
        image.apply(&Record::ConfigChanged { scope, name, value: Some(min_isr.to_owned()) }).unwrap();
        image
    }

    fn reasons(image: &Image, voters: &[i32], live: &[i32]) -> Vec<(&'static str, bool)> {
        let set = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<BTreeSet<_>>();
        let (voters, live) = (set(voters), set(live));
        let quorum = Quorum { voters: &voters, live: &live };
        let word = |reason: &Reason| match reason {
            Reason::UnknownBroker => "unknown",
            Reason::WrongIncarnation { .. } => "disk",
            Reason::Offline(_) => "offline",
            Reason::BelowMinIsr(_) => "below",
            Reason::SingleReplica(_) => "single",
            Reason::EveryReplicaNeeded(_) => "needed",
            Reason::MovesInFlight(_) => "moves",
            Reason::QuorumMajority { .. } => "majority",
        };
        let found = may_stop(image, BrokerId(0), DISK, quorum, &Pairs::new());
        found.iter().map(|reason| (word(reason), reason.is_unavoidable())).collect()
    }

    #[test]
    fn a_broker_may_stop_when_others_can_do_without_it_or_could_never() {
        type Case<'a> = (&'a [i32], &'a [i32], &'a str, &'a [(&'a str, bool)]);
        let cases: [Case<'_>; 8] = [
            (&[0, 1, 2], &[0, 1, 2], "2", &[]),
            (&[0, 1, 2], &[0, 1], "2", &[("below", false)]),
            (&[0, 1, 2], &[1, 2], "2", &[]),
            (&[0, 1, 2], &[0], "1", &[("offline", false)]),
            (&[0], &[0], "1", &[("single", true)]),
            (&[0, 1], &[0, 1], "2", &[("needed", true)]),
            (&[0, 1, 2], &[0, 1], "3", &[("below", false)]),
            (&[1, 2, 3], &[1], "2", &[]),
        ];
        for (replicas, isr, min_isr, wanted) in cases {
            let found = reasons(&image(replicas, isr, min_isr), &[], &[]);
            assert_eq!(found, wanted, "{replicas:?} {isr:?} {min_isr}");
        }
    }

    #[test]
    fn the_quorum_keeps_its_majority_where_it_is_large_enough_to_have_one_to_spare() {
        let image = image(&[1, 2, 3], &[1, 2, 3], "2");
        type Case<'a> = (&'a [i32], &'a [i32], &'a [(&'a str, bool)]);
        let cases: [Case<'_>; 5] = [
            (&[0, 1, 2], &[0, 1, 2], &[]),
            (&[0, 1, 2], &[0, 1], &[("majority", false)]),
            (&[1, 2, 3], &[1, 2], &[]),
            (&[0], &[0], &[("majority", true)]),
            (&[0, 1], &[0, 1], &[("majority", true)]),
        ];
        for (voters, live, wanted) in cases {
            assert_eq!(reasons(&image, voters, live), wanted, "{voters:?} {live:?}");
        }
    }
}
