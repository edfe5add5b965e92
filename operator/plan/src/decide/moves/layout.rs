//! The cluster in the planner's words. Decides what may be done with each broker, and which partitions stay as they are.

use std::collections::BTreeSet;

use weir_model::BrokerId;

use crate::decide::scale_in::is_beyond;
use crate::observed::brokers::{BrokerSeen, PartitionState, Snapshot};
use crate::rebalance::{Broker, Layout, Partition, Standing};

/// The part of all partitions whose rates need not be known.
const UNKNOWN_PART_MAX: u64 = 10;

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
    let rated = are_rates_known(seen, partitions);
    let of = |partition| of_partition(partition, &leaves, rated);
    Layout { partitions: partitions.iter().map(of).collect(), brokers }
}

/// Where many leaders are new nobody knows yet who bears what: it would all seem to lie on the others. A few new ones, as
/// there always are where topics come and go, are taken for idle.
fn are_rates_known(seen: &Snapshot, partitions: &[PartitionState]) -> bool {
    seen.rates_unknown <= partitions.len() as u64 / UNKNOWN_PART_MAX
}

/// Where a partition that moves will be; it is not moved again, unless it would go where nothing may stay. Nobody could
/// copy one that has no leader.
fn of_partition(partition: &PartitionState, leaves: &BTreeSet<BrokerId>, rated: bool) -> Partition {
    let replicas = partition.target();
    let astray = replicas.iter().any(|id| leaves.contains(id));
    Partition {
        topic_id: partition.topic_id.clone(),
        number: partition.number,
        pinned: partition.leader.is_none() || (partition.is_moving() && !astray),
        bytes: partition.bytes,
        bytes_in: if rated { partition.bytes_in } else { 0 },
        bytes_out: if rated { partition.bytes_out } else { 0 },
        replicas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_gone_by_unless_many_of_them_are_not_known() {
        let partition = PartitionState { bytes_in: 5, bytes_out: 7, ..PartitionState::default() };
        let partitions = vec![partition; 40];
        for (rates_unknown, expected) in [(0, (5, 7)), (4, (5, 7)), (5, (0, 0)), (40, (0, 0))] {
            let seen = Snapshot { rates_unknown, ..Snapshot::default() };
            let layout = of(&seen, &partitions, &BTreeSet::new(), None);
            let rates = layout.partitions.iter().map(|partition| (partition.bytes_in, partition.bytes_out));
            assert!(rates.into_iter().all(|rates| rates == expected), "{rates_unknown}");
        }
    }
}
