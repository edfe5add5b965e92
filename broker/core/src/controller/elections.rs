//! Who leads a partition after a broker came or went. Only members of the ISR are elected: an unclean election is
//! never made here.

use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::Record;
use super::image::{Image, Partition};

/// Every partition that has a replica on the broker.
pub(super) fn partitions_on(
    image: &Image,
    broker: BrokerId,
) -> impl Iterator<Item = (TopicId, PartitionIndex, &Partition)> {
    image
        .topics()
        .flat_map(|topic| topic.numbered().map(move |(index, p)| (topic.id, index, &**p)))
        .filter(move |(_, _, p)| p.replicas.contains(&broker))
}

/// The first replica in the order of preference that is in sync and may lead.
fn elect(partition: &Partition, may_lead: impl Fn(BrokerId) -> bool) -> Option<BrokerId> {
    let mut candidates = partition.replicas.iter().copied();
    candidates.find(|b| partition.isr.contains(b) && may_lead(*b))
}

/// The partition in a new reign, led by whoever can.
pub(super) fn new_reign(partition: &Partition, may_lead: impl Fn(BrokerId) -> bool) -> Partition {
    let mut next = partition.clone();
    next.leader = elect(partition, may_lead);
    next.leader_epoch = partition.leader_epoch.next();
    next.partition_epoch.0 += 1;
    next
}

/// The partition without `broker` in its ISR, unless it is the last member: then it stays, so that it is known who
/// holds the data. A reign that it led ends.
pub(super) fn without(
    partition: &Partition,
    broker: BrokerId,
    may_lead: impl Fn(BrokerId) -> bool,
) -> Option<Partition> {
    let in_sync = partition.isr.contains(&broker);
    let leads = partition.leader == Some(broker);
    let shrinks = in_sync && partition.isr.len() > 1;
    if !leads && !shrinks {
        return None;
    }
    let mut next = partition.clone();
    if shrinks {
        next.isr.retain(|b| *b != broker);
    }
    if leads {
        return Some(new_reign(&next, |b| b != broker && may_lead(b)));
    }
    next.partition_epoch.0 += 1;
    Some(next)
}

pub(super) fn record(topic: TopicId, index: PartitionIndex, state: Partition) -> Record {
    Record::PartitionChanged { topic, index, state }
}
