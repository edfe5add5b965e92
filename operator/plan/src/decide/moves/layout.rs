//! The cluster in the planner's words. Decides what may be done with each broker, and which partitions stay as they are.

use std::collections::BTreeSet;

use weir_model::BrokerId;

use crate::decide::scale_in::is_beyond;
use crate::observed::brokers::{BrokerSeen, PartitionState, Snapshot};
use crate::rebalance::{Broker, Layout, Partition, Standing};

/// `emptied_from`: brokers from this ordinal on are to go.
pub(in crate::decide) fn of(
    seen: &Snapshot,
    partitions: &[PartitionState],
    lost: &BTreeSet<BrokerId>,
    emptied_from: Option<u32>,
) -> Layout {
    let standing = |id: &BrokerId, broker: &BrokerSeen| {
        let goes = emptied_from.is_some_and(|from| is_beyond(*id, from));
        if goes || broker.drained || lost.contains(id) {
            Standing::Leaves
        } else if broker.fenced {
            Standing::Keeps
        } else {
            Standing::Takes
        }
    };
    let brokers: Vec<_> = seen
        .brokers
        .iter()
        .map(|(id, broker)| Broker {
            id: *id,
            rack: broker.rack.clone(),
            capacity_bytes: broker.disk_bytes,
            standing: standing(id, broker),
        })
        .collect();
    let leaves: BTreeSet<_> =
        brokers.iter().filter(|broker| broker.standing == Standing::Leaves).map(|broker| broker.id).collect();
    Layout {
        partitions: partitions.iter().map(|partition| of_partition(partition, &leaves)).collect(),
        brokers,
    }
}

/// Where a partition that moves will be; it is not moved again, unless it would go where nothing may stay. Nobody could
/// copy one that has no leader.
fn of_partition(partition: &PartitionState, leaves: &BTreeSet<BrokerId>) -> Partition {
    let replicas = partition.target();
    let astray = replicas.iter().any(|id| leaves.contains(id));
    Partition {
        topic_id: partition.topic_id.clone(),
        number: partition.number,
        pinned: partition.leader.is_none() || (partition.is_moving() && !astray),
        bytes: partition.bytes,
        replicas,
        ..Partition::default()
    }
}
