//! Which brokers get the replicas of new partitions: leaders in turn over all brokers, the other replicas on other
//! racks first. Brokers that are fenced, shutting down or drained get none. Deterministic for a given [`Entropy`].

use std::collections::BTreeMap;

use weir_model::{BrokerId, LeaderEpoch, PartitionEpoch};

use super::image::{Image, Partition};
use super::{ControllerError, Entropy};

/// Places `partitions` partitions of `factor` replicas each.
pub(super) fn place(
    image: &Image,
    partitions: usize,
    factor: usize,
    entropy: &mut Entropy<'_>,
) -> Result<Vec<Partition>, ControllerError> {
    let ring = ring(image, factor, entropy)?;
    let racks = ring.iter().map(|b| rack(image, *b)).collect::<Vec<_>>();
    let start = entropy.below(ring.len());
    let step = entropy.below(ring.len());
    let placed = (0..partitions).map(|number| {
        let first = (start + number) % ring.len();
        // Each time round the ring the followers are taken from another distance, so that the load of a lost
        // leader is spread over all others and not only over its neighbour.
        let distance = step + number / ring.len();
        let replicas = replicas_from(&ring, &racks, first, distance, factor);
        new_partition(image, replicas)
    });
    Ok(placed.collect())
}

/// A partition in its first reign: led by the first replica that can lead, in sync where brokers are active.
pub(super) fn new_partition(image: &Image, replicas: Vec<BrokerId>) -> Partition {
    let isr: Vec<_> = replicas.iter().copied().filter(|b| image.is_active(*b)).collect();
    Partition {
        leader: isr.first().copied(),
        isr,
        elr: Vec::new(),
        replicas,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        ..Partition::default()
    }
}

/// The brokers in an order that changes rack at every step where it can.
fn ring(image: &Image, factor: usize, entropy: &mut Entropy<'_>) -> Result<Vec<BrokerId>, ControllerError> {
    let registered = image.brokers().count();
    let active = image.brokers().filter(|b| b.takes_replicas()).count();
    if active == 0 {
        return Err(refused("no broker is active to hold a replica".to_owned()));
    }
    if factor > registered {
        return Err(refused(format!(
            "replication factor {factor} is more than the {registered} registered brokers"
        )));
    }
    if factor > active {
        return Err(refused(format!("replication factor {factor} is more than the {active} active brokers")));
    }
    let mut by_rack: BTreeMap<&str, Vec<BrokerId>> = BTreeMap::new();
    for broker in image.brokers().filter(|b| b.takes_replicas()) {
        let rack = broker.registration.rack.as_deref().unwrap_or_default();
        by_rack.entry(rack).or_default().push(broker.registration.id);
    }
    let mut racks: Vec<_> = by_rack.into_values().collect();
    racks.iter_mut().for_each(|brokers| entropy.shuffle(brokers));
    entropy.shuffle(&mut racks);
    let longest = racks.iter().map(Vec::len).max().unwrap_or_default();
    let rounds = (0..longest).flat_map(|n| racks.iter().filter_map(move |brokers| brokers.get(n).copied()));
    Ok(rounds.collect())
}

/// The leader, then others from `distance` further on: those on racks without a replica first.
fn replicas_from(
    ring: &[BrokerId],
    racks: &[&str],
    first: usize,
    distance: usize,
    factor: usize,
) -> Vec<BrokerId> {
    let others = ring.len() - 1;
    let mut rest: Vec<usize> =
        (0..others).map(|n| (first + 1 + (distance + n) % others.max(1)) % ring.len()).collect();
    let mut chosen = vec![first];
    while chosen.len() < factor && !rest.is_empty() {
        let count = |rack: &str| chosen.iter().filter(|at| racks[**at] == rack).count();
        let best = (0..rest.len()).min_by_key(|n| count(racks[rest[*n]])).unwrap_or_default();
        chosen.push(rest.remove(best));
    }
    chosen.into_iter().map(|at| ring[at]).collect()
}

fn rack(image: &Image, id: BrokerId) -> &str {
    image.broker(id).and_then(|b| b.registration.rack.as_deref()).unwrap_or_default()
}

const fn refused(why: String) -> ControllerError {
    ControllerError::InvalidReplicationFactor(why)
}
