//! A cluster in the words of scaling: what each broker bears, what it may bear, and what keeps replicas apart. Decides what
//! counts as not known. Pure translation.

use std::collections::BTreeMap;

use weir_model::BrokerId;

use crate::decide::scale_in::is_beyond;
use crate::observed::brokers::{BrokerSeen, Measures, PartitionState, Snapshot};
use crate::scaling::{Bearer, Fleet, Limits, Part};
use crate::valid::{ValidCluster, up_to};

/// None where nobody told of partitions.
pub(super) fn of(cluster: &ValidCluster, seen: &Snapshot) -> Option<Fleet> {
    let partitions = seen.partitions.as_deref()?;
    let largest_logs = largest_logs(partitions);
    let mut fleet = Fleet {
        brokers: cluster.replicas,
        partitions: partitions.len() as u64,
        largest: largest(partitions),
        ..Fleet::default()
    };
    let mut room = Some(u64::MAX);
    for id in up_to(cluster.replicas) {
        match seen.brokers.get(&id) {
            Some(broker) if broker.drained => fleet.idle += 1,
            Some(BrokerSeen { fenced: false, measures: Some(measures), rack, replicas, .. }) => {
                let lump = largest_logs.get(&id).copied().unwrap_or(0);
                fleet.bearers.push(bearer(id, rack.clone(), *replicas, measures, lump));
                room = room.min(room_for_logs(measures));
            }
            Some(_) | None => fleet.unmeasured.push(id),
        }
    }
    take_over(&mut fleet.bearers, cluster, seen);
    fleet.limits = Limits {
        cpu_millicores: cluster.targets.cpu_millicores,
        disk_bytes: room
            .filter(|room| *room < u64::MAX)
            .map(|room| room / 100 * cluster.targets.disk_percent),
        network_bytes: cluster.targets.network_bytes,
    };
    Some(fleet)
}

fn bearer(
    id: BrokerId,
    rack: Option<String>,
    replicas: u64,
    measures: &Measures,
    largest_log: u64,
) -> Bearer {
    // A broker with one replica bears nothing else; what one of several brings, brokers do not say.
    let part = |load: u64| Part { load, lump: if replicas == 1 { load } else { 0 } };
    Bearer {
        id,
        rack,
        cpu: part(measures.cpu_millicores),
        disk: Part { load: measures.log_bytes, lump: largest_log.min(measures.log_bytes) },
        network: part(measures.bytes_in.max(measures.bytes_out)),
    }
}

/// None where the broker does not know its disk.
fn room_for_logs(measures: &Measures) -> Option<u64> {
    let room = measures.log_bytes.saturating_add(measures.free_bytes);
    (room > 0).then_some(room)
}

/// What brokers still bear that are being taken away comes to those that stay.
fn take_over(bearers: &mut [Bearer], cluster: &ValidCluster, seen: &Snapshot) {
    let share = u64::try_from(bearers.len()).unwrap_or(1).max(1);
    let leaving = seen.brokers.iter().filter(|(id, _)| is_beyond(**id, cluster.replicas));
    for measures in leaving.filter_map(|(_, broker)| broker.measures.as_ref()) {
        for bearer in &mut *bearers {
            bearer.cpu.load += measures.cpu_millicores / share;
            bearer.disk.load += measures.log_bytes / share;
            bearer.network.load += measures.bytes_in.max(measures.bytes_out) / share;
        }
    }
}

/// The bytes of the largest log on each broker.
fn largest_logs(partitions: &[PartitionState]) -> BTreeMap<BrokerId, u64> {
    let mut largest = BTreeMap::new();
    for partition in partitions {
        for id in &partition.replicas {
            let bytes = largest.entry(*id).or_insert(0);
            *bytes = partition.bytes.max(*bytes);
        }
    }
    largest
}

fn largest(partitions: &[PartitionState]) -> Option<(String, u32)> {
    let factor =
        |partition: &PartitionState| partition.replicas.len().saturating_sub(partition.removing.len());
    let most = partitions.iter().max_by_key(|partition| factor(partition))?;
    Some((most.topic.clone(), u32::try_from(factor(most)).unwrap_or(u32::MAX)))
}
