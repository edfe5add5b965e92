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
    let lumps = lumps(partitions);
    let lumps_of = |id: BrokerId| lumps.get(&id).copied().unwrap_or_default();
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
                let rack = rack.clone();
                fleet.bearers.push(Bearer { id, rack, ..bearer(*replicas, measures, lumps_of(id)) });
                room = room.min(room_for_logs(measures));
            }
            Some(_) | None => fleet.unmeasured.push(id),
        }
    }
    let leaving = seen.brokers.iter().filter(|(id, _)| is_beyond(**id, cluster.replicas));
    for (id, broker) in leaving {
        if let Some(measures) = &broker.measures {
            take_over(&mut fleet.bearers, &bearer(broker.replicas, measures, lumps_of(*id)));
        }
    }
    fleet.limits = Limits {
        cpu_millicores: cluster.targets.cpu_millicores,
        disk_bytes: room
            .filter(|room| *room < u64::MAX)
            .map(|room| room / 100 * cluster.targets.disk_percent),
        network_bytes: cluster.targets.network_bytes,
    };
    Some(fleet)
}

fn bearer(replicas: u64, measures: &Measures, lumps: Lumps) -> Bearer {
    // A broker with one replica bears nothing else. Of processor time nobody says what one of several brings.
    let part = |load: u64, lump: u64| Part { load, lump: if replicas == 1 { load } else { lump.min(load) } };
    let (comes, goes) = (measures.bytes_in, measures.bytes_out);
    let network = if goes >= comes { part(goes, lumps.bytes_out) } else { part(comes, lumps.bytes_in) };
    Bearer {
        cpu: part(measures.cpu_millicores, 0),
        disk: Part { load: measures.log_bytes, lump: lumps.log_bytes.min(measures.log_bytes) },
        network,
        ..Bearer::default()
    }
}

/// None where the broker does not know its disk.
fn room_for_logs(measures: &Measures) -> Option<u64> {
    let room = measures.log_bytes.saturating_add(measures.free_bytes);
    (room > 0).then_some(room)
}

/// One of the things that brokers bear.
type Of = fn(&mut Bearer) -> &mut Part;

/// What a broker still bears that is being taken away comes to those that stay: an even part to each, and what one partition
/// brings beyond that to the one that bears least.
fn take_over(bearers: &mut [Bearer], leaving: &Bearer) {
    let parts: [(Part, Of); 3] = [
        (leaving.cpu, |bearer| &mut bearer.cpu),
        (leaving.disk, |bearer| &mut bearer.disk),
        (leaving.network, |bearer| &mut bearer.network),
    ];
    let count = u64::try_from(bearers.len()).unwrap_or(1).max(1);
    for (Part { load, lump }, of) in parts {
        let even = |load: u64| load / count;
        let lump = if lump > even(load) { lump } else { 0 };
        let each = even(load.saturating_sub(lump));
        bearers.iter_mut().map(of).for_each(|part| part.load += each);
        if let Some(least) = bearers.iter_mut().map(of).min_by_key(|part| part.load) {
            *least = Part { load: least.load + lump, lump: least.lump.max(lump) };
        }
    }
}

/// What the partition brings to a broker that brings most, of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lumps {
    log_bytes: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// Every replica is written, and the leader alone is read.
fn lumps(partitions: &[PartitionState]) -> BTreeMap<BrokerId, Lumps> {
    let mut lumps: BTreeMap<_, Lumps> = BTreeMap::new();
    for partition in partitions {
        for id in &partition.replicas {
            let lumps = lumps.entry(*id).or_default();
            lumps.log_bytes = lumps.log_bytes.max(partition.bytes);
            lumps.bytes_in = lumps.bytes_in.max(partition.bytes_in);
            if partition.leader == Some(*id) {
                lumps.bytes_out = lumps.bytes_out.max(partition.bytes_out);
            }
        }
    }
    lumps
}

fn largest(partitions: &[PartitionState]) -> Option<(String, u32)> {
    let factor =
        |partition: &PartitionState| partition.replicas.len().saturating_sub(partition.removing.len());
    let most = partitions.iter().max_by_key(|partition| factor(partition))?;
    Some((most.topic.clone(), u32::try_from(factor(most)).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(load: u64, lump: u64) -> Part {
        Part { load, lump }
    }

    #[test]
    fn what_the_hottest_partition_brings_goes_the_way_that_bears_more() {
        let lumps = Lumps { log_bytes: 40, bytes_in: 30, bytes_out: 60 };
        let measures = |bytes_in, bytes_out| Measures {
            cpu_millicores: 500,
            log_bytes: 100,
            bytes_in,
            bytes_out,
            ..Measures::default()
        };
        let table = [
            ("more goes out", 9, measures(50, 90), part(90, 60)),
            ("more comes in", 9, measures(90, 50), part(90, 30)),
            ("averages of minutes that have passed", 9, measures(20, 25), part(25, 25)),
            ("one replica and nothing else", 1, measures(50, 90), part(90, 90)),
        ];
        for (what, replicas, measures, network) in table {
            let bearer = bearer(replicas, &measures, lumps);
            assert_eq!((bearer.network, bearer.disk), (network, part(100, 40)), "{what}");
            assert_eq!(bearer.cpu.lump, if replicas == 1 { 500 } else { 0 }, "{what}");
        }
    }

    #[test]
    fn replicas_are_written_and_leaders_read() {
        let partition = |replicas: &[i32], bytes_in, bytes_out| PartitionState {
            replicas: replicas.iter().copied().map(BrokerId).collect(),
            leader: replicas.first().copied().map(BrokerId),
            bytes_in,
            bytes_out,
            bytes: bytes_in * 100,
            ..PartitionState::default()
        };
        let lumps = lumps(&[partition(&[0, 1], 10, 30), partition(&[1, 0], 7, 50), partition(&[1], 1, 1)]);
        assert_eq!(lumps[&BrokerId(0)], Lumps { log_bytes: 1_000, bytes_in: 10, bytes_out: 30 });
        assert_eq!(lumps[&BrokerId(1)], Lumps { log_bytes: 1_000, bytes_in: 10, bytes_out: 50 });
    }

    #[test]
    fn what_a_broker_leaves_behind_is_divided_and_a_hot_partition_is_not() {
        let bears = |load, lump| Bearer { network: part(load, lump), ..Bearer::default() };
        let after = |leaving: Bearer| {
            let mut stay = [bears(50, 10), bears(20, 10)];
            take_over(&mut stay, &leaving);
            stay.map(|bearer| (bearer.network.load, bearer.network.lump))
        };
        assert_eq!(after(bears(40, 0)), [(70, 10), (40, 10)]);
        assert_eq!(after(bears(40, 15)), [(70, 10), (40, 10)], "half of them would take it");
        assert_eq!(after(bears(40, 30)), [(55, 10), (55, 30)]);
        take_over(&mut [], &bears(40, 30));
    }
}
