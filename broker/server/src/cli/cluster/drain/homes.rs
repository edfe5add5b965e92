//! Where the replicas of a broker go that drains: for each of them another broker, on the rack that has the fewest of the
//! partition's other replicas, and there the one with the fewest replicas. Pure: from what DescribeCluster tells to moves.

use std::collections::{BTreeMap, BTreeSet};

use weir_admin::admin::v1;

/// The cluster, as far as a drain is concerned.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) brokers: Vec<v1::BrokerDescription>,
    /// Those with partitions on the broker.
    pub(super) topics: Vec<v1::TopicDescription>,
    /// Partitions that are being moved, in the whole cluster.
    pub(super) moving: u64,
}

/// How much may be done at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Moves that may run in the whole cluster.
    pub(super) at_once: u64,
    /// The bytes a second of each move.
    pub(super) throttle: Option<u64>,
}

/// A partition, for people and for the memory of what was refused.
pub(super) type Place = (String, i32);

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Next {
    /// Moves to begin, and where each belongs.
    pub(super) moves: Vec<v1::Move>,
    pub(super) places: Vec<Place>,
    /// Partitions that are on their way.
    pub(super) under_way: usize,
    /// Partitions that no other broker can take, or may not.
    pub(super) homeless: Vec<Place>,
    /// Replicas that the broker still holds.
    pub(super) left: usize,
}

impl View {
    pub(super) fn broker(&self, id: i32) -> Option<&v1::BrokerDescription> {
        self.brokers.iter().find(|row| row.broker.as_ref().is_some_and(|broker| broker.id == id))
    }

    /// The partitions on the broker.
    fn held(&self, id: i32) -> impl Iterator<Item = (&v1::TopicDescription, &v1::PartitionDescription)> {
        let all = self.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |one| (topic, one)));
        all.filter(move |(_, partition)| partition.replicas.contains(&id))
    }

    /// The moves that take something away from the broker.
    pub(super) fn leaving(&self, id: i32) -> Vec<v1::PartitionRef> {
        let leaving = self.held(id).filter(|(_, partition)| partition.removing.contains(&id));
        leaving.map(|(topic, partition)| reference(topic, partition)).collect()
    }
}

/// Plans the next moves away from a broker. What was refused before is not tried again.
pub(super) fn next(view: &View, id: i32, limits: Limits, refused: &BTreeSet<Place>) -> Next {
    let mut homes = Homes::of(view, id);
    let mut next = Next::default();
    let mut free = limits.at_once.saturating_sub(view.moving);
    for (topic, partition) in view.held(id) {
        let place = (topic.name.clone(), partition.partition);
        next.left += 1;
        // One move at a time: whatever moves it now may be what takes it away from here.
        if !partition.adding.is_empty() || !partition.removing.is_empty() {
            next.under_way += 1;
            continue;
        }
        if refused.contains(&place) {
            next.homeless.push(place);
            continue;
        }
        if free == 0 {
            next.under_way += 1;
            continue;
        }
        match homes.instead_of(id, partition) {
            None => next.homeless.push(place),
            Some(replicas) => {
                free -= 1;
                next.under_way += 1;
                next.places.push(place);
                next.moves.push(v1::Move {
                    partition: Some(reference(topic, partition)),
                    replicas,
                    throttle_bytes_per_second: limits.throttle,
                    partition_epoch: Some(partition.partition_epoch),
                });
            }
        }
    }
    next
}

fn reference(topic: &v1::TopicDescription, partition: &v1::PartitionDescription) -> v1::PartitionRef {
    v1::PartitionRef { topic_id: topic.topic_id.clone(), partition: partition.partition }
}

/// Brokers that can take replicas, with how many they have or are about to have.
struct Homes<'a> {
    racks: BTreeMap<i32, &'a str>,
    disks: BTreeMap<i32, &'a str>,
    load: BTreeMap<i32, u64>,
}

impl<'a> Homes<'a> {
    fn of(view: &'a View, drained: i32) -> Self {
        let mut homes = Self { racks: BTreeMap::new(), disks: BTreeMap::new(), load: BTreeMap::new() };
        for row in &view.brokers {
            let Some(broker) = &row.broker else { continue };
            homes.racks.insert(broker.id, row.rack.as_deref().unwrap_or_default());
            homes.disks.insert(broker.id, &broker.incarnation);
            if broker.id != drained && row.state() == v1::BrokerState::Active {
                homes.load.insert(broker.id, row.replicas);
            }
        }
        homes
    }

    /// The replicas with another broker in `id`'s place, so that what it led first is led first by the other.
    fn instead_of(&mut self, id: i32, partition: &v1::PartitionDescription) -> Option<Vec<v1::MoveTarget>> {
        let rack = |broker: &i32| self.racks.get(broker).copied().unwrap_or_default();
        let others = || partition.replicas.iter().filter(|broker| **broker != id);
        let near = |broker: &i32| others().filter(|other| rack(other) == rack(broker)).count();
        let free = self.load.iter().filter(|(broker, _)| !partition.replicas.contains(broker));
        let (home, _) = free.min_by_key(|(broker, load)| (near(broker), **load, **broker))?;
        let home = *home;
        *self.load.entry(home).or_default() += 1;
        let target = |broker: &i32| {
            let chosen = if *broker == id { home } else { *broker };
            // The new one must still be the broker that was looked at; the others hold the partition already.
            let disk = self.disks.get(&chosen).filter(|_| chosen == home).copied().unwrap_or_default();
            v1::MoveTarget { id: chosen, incarnation: disk.to_owned() }
        };
        Some(partition.replicas.iter().map(target).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(id: i32, rack: &str, replicas: u64, state: v1::BrokerState) -> v1::BrokerDescription {
        v1::BrokerDescription {
            broker: Some(v1::BrokerRef { id, incarnation: format!("disk-{id}") }),
            rack: Some(rack.to_owned()),
            replicas,
            state: state.into(),
            ..Default::default()
        }
    }

    fn topic(name: &str, partitions: &[&[i32]]) -> v1::TopicDescription {
        let partition = |(number, replicas): (i32, &&[i32])| v1::PartitionDescription {
            partition: number,
            replicas: replicas.to_vec(),
            ..Default::default()
        };
        v1::TopicDescription {
            name: name.to_owned(),
            topic_id: format!("id-of-{name}"),
            partitions: (0..).zip(partitions).map(partition).collect(),
            ..Default::default()
        }
    }

    /// Broker 0 drains; 3 stands beside it, 4 beside 1.
    fn view(partitions: &[&[i32]]) -> View {
        use v1::BrokerState::{Active, Draining};
        let brokers = vec![
            broker(0, "a", 9, Draining),
            broker(1, "b", 5, Active),
            broker(2, "c", 2, Active),
            broker(3, "a", 1, Active),
            broker(4, "b", 0, Active),
        ];
        View { brokers, topics: vec![topic("t", partitions)], moving: 0 }
    }

    const LIMITS: Limits = Limits { at_once: 100, throttle: None };

    fn targets(next: &Next) -> Vec<Vec<i32>> {
        next.moves.iter().map(|one| one.replicas.iter().map(|target| target.id).collect()).collect()
    }

    fn plan(view: &View) -> Next {
        next(view, 0, LIMITS, &BTreeSet::new())
    }

    #[test]
    fn replicas_go_to_another_rack_than_their_fellows_and_there_to_who_has_least() {
        // 4 has nothing, but stands on the rack of 1.
        let next = plan(&view(&[&[0, 1], &[0, 1], &[0, 1], &[1, 0]]));
        assert_eq!(targets(&next), [[3, 1], [2, 1], [3, 1], [1, 2]]);
        assert_eq!((next.left, next.under_way, next.homeless.len()), (4, 4, 0));
        let first = &next.moves[0];
        assert_eq!((&*first.replicas[0].incarnation, &*first.replicas[1].incarnation), ("disk-3", ""));
        assert_eq!(first.partition_epoch, Some(0));
    }

    #[test]
    fn only_brokers_that_serve_and_are_not_drained_take_replicas() {
        use v1::BrokerState::{Draining, Fenced, Recovering, ShuttingDown};
        for state in [Draining, Fenced, Recovering, ShuttingDown] {
            let mut view = view(&[&[0, 1]]);
            view.brokers[2].set_state(state);
            view.brokers[3].set_state(state);
            assert_eq!(targets(&plan(&view)), [[4, 1]], "{state:?}");
        }
    }

    #[test]
    fn what_nobody_can_take_is_named_and_the_rest_moves() {
        let mut view = view(&[&[0, 1, 2, 3, 4], &[0]]);
        let planned = plan(&view);
        assert_eq!(
            (planned.homeless, planned.places),
            (vec![("t".to_owned(), 0)], vec![("t".to_owned(), 1)])
        );
        view.topics[0].partitions.remove(0);
        let refused = BTreeSet::from([("t".to_owned(), 1)]);
        let planned = next(&view, 0, LIMITS, &refused);
        assert_eq!((planned.moves.len(), planned.homeless.len(), planned.left), (0, 1, 1));
    }

    #[test]
    fn no_more_moves_run_than_may_and_none_twice() {
        let mut view = view(&[&[0, 1], &[0, 1], &[0, 1], &[1, 2]]);
        view.topics[0].partitions[0].removing = vec![0];
        view.moving = 2;
        let limits = Limits { at_once: 3, throttle: Some(7) };
        let planned = next(&view, 0, limits, &BTreeSet::new());
        assert_eq!((planned.places, planned.left), (vec![("t".to_owned(), 1)], 3));
        assert_eq!(planned.moves[0].throttle_bytes_per_second, Some(7));
        assert_eq!(view.leaving(0).len(), 1);
        view.moving = 3;
        assert!(next(&view, 0, limits, &BTreeSet::new()).moves.is_empty());
    }
}
