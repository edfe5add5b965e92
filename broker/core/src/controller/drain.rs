//! Emptying a broker: it gets no new replicas, and each that it has moves to another broker by a reassignment. A
//! little at a time: whoever drains calls [`plan`] until nothing remains. Undraining stops that; moves that run go on
//! and can be cancelled one by one.

use std::collections::BTreeMap;

use weir_model::config::Pairs;
use weir_model::{BrokerId, Incarnation};

use super::image::{Image, Partition};
use super::transition::Rules;
use super::{ControllerError, Decision, PartitionKey, Record, gate, reassign};

/// How one step of a drain is taken.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The broker to empty.
    pub broker: BrokerId,
    /// Partitions to look at, which bounds the work of one call.
    pub look_at: usize,
    /// Moves that may run at the same time in the whole cluster.
    pub in_flight: usize,
    /// The most bytes a second that each move may copy.
    pub throttle: Option<u64>,
    /// Where the last call ended.
    pub after: Option<PartitionKey>,
}

/// How far the drain is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Moves begun by this call.
    pub begun: usize,
    /// Replicas that the broker still holds, those on the move among them.
    pub remaining: usize,
    /// Partitions looked at that no other broker can take.
    pub homeless: Vec<PartitionKey>,
    /// Where to go on; `None` when every partition has been looked at, or enough moves run.
    pub next: Option<PartitionKey>,
}

/// Marks a broker as drained, or no longer. Saying it twice changes nothing.
pub fn decide(
    image: &Image,
    id: BrokerId,
    incarnation: Incarnation,
    drained: bool,
) -> Decision<Result<(), ControllerError>> {
    let allowed = gate::with_disk(image, id, incarnation);
    match allowed.and_then(|broker| gate::many_brokers(image).map(|()| broker)) {
        Err(why) => Decision { records: Vec::new(), reply: Err(why) },
        Ok(broker) => {
            let changes = broker.registration.drained != drained;
            let record = Record::BrokerDrainChanged { id, drained };
            Decision { records: changes.then_some(record).into_iter().collect(), reply: Ok(()) }
        }
    }
}

/// Begins the next moves away from a drained broker.
pub fn plan(image: &Image, step: &Step, defaults: &Pairs) -> Decision<Progress> {
    let id = step.broker;
    let mut progress = Progress { remaining: image.replica_count(id), ..Progress::default() };
    let drained = image.broker(id).is_some_and(|b| b.registration.drained);
    let mut free = step.in_flight.saturating_sub(image.moving_count());
    let (mut records, mut rules, mut homes) = (Vec::new(), Rules::new(image, defaults), Homes::new(image));
    if !drained || gate::many_brokers(image).is_err() {
        return Decision { records, reply: progress };
    }
    for (looked_at, (topic, index, partition)) in image.partitions_after(id, step.after).enumerate() {
        if free == 0 || looked_at == step.look_at {
            // With enough moves running, the next call begins anew.
            progress.next = progress.next.filter(|_| free > 0);
            return Decision { records, reply: progress };
        }
        let key = (topic.id, index);
        progress.next = Some(key);
        // One move at a time for each partition; what is being removed from here needs no other.
        if partition.is_moving() {
            continue;
        }
        let planned = homes.instead_of(id, partition).and_then(|target| {
            let to = reassign::towards(partition, &target, step.throttle);
            reassign::moved(image, topic, index, partition, to, &mut rules).ok().flatten()
        });
        match planned {
            None => progress.homeless.push(key),
            Some(record) => {
                records.push(record);
                progress.begun += 1;
                free -= 1;
            }
        }
    }
    progress.next = None;
    Decision { records, reply: progress }
}

/// Brokers that can take replicas, with how many they have or are about to have.
struct Homes<'a> {
    racks: BTreeMap<BrokerId, &'a str>,
    load: BTreeMap<BrokerId, usize>,
}

impl<'a> Homes<'a> {
    fn new(image: &'a Image) -> Self {
        let rack = |b: &'a super::Broker| b.registration.rack.as_deref().unwrap_or_default();
        let racks = image.brokers().map(|b| (b.registration.id, rack(b))).collect();
        let takers = image.brokers().filter(|b| b.takes_replicas()).map(|b| b.registration.id);
        let load = takers.map(|id| (id, image.replica_count(id))).collect();
        Self { racks, load }
    }

    /// The replicas with another broker in `id`'s place: on the rack with the fewest of them, and among those the
    /// broker with the fewest replicas.
    fn instead_of(&mut self, id: BrokerId, partition: &Partition) -> Option<Vec<BrokerId>> {
        let rack = |b: &BrokerId| self.racks.get(b).copied().unwrap_or_default();
        let others = partition.replicas.iter().filter(|b| **b != id);
        let near = |b: &BrokerId| others.clone().filter(|other| rack(other) == rack(b)).count();
        let free = self.load.iter().filter(|(b, _)| !partition.replicas.contains(b));
        let (home, _) = free.min_by_key(|(b, load)| (near(b), **load, **b))?;
        let home = *home;
        *self.load.entry(home).or_default() += 1;
        Some(partition.replicas.iter().map(|b| if *b == id { home } else { *b }).collect())
    }
}
