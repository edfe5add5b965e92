//! Who is restarted next, and who with him. Brokers that share no partition do not miss each other: what the controller says
//! of each of them alone is true of all of them together. Only one of those that vote on metadata at once, and the
//! controller alone and last.

use weir_model::BrokerId;

use crate::observed::PodSeen;
use crate::observed::brokers::{BrokerRef, PartitionState, Snapshot};
use crate::valid::ValidCluster;

type Chosen<'a> = (&'a PodSeen, BrokerRef);

/// The highest first, as StatefulSets do, and the controller last: every other order elects more often. With it, as many of
/// its zone as the user allows.
pub(super) fn choose<'a>(
    cluster: &ValidCluster,
    outdated: &[&'a PodSeen],
    seen: &Snapshot,
) -> Vec<Chosen<'a>> {
    let known = |pod: &&'a PodSeen| {
        let id = pod.broker?;
        let incarnation = seen.brokers.get(&id)?.incarnation;
        Some((*pod, BrokerRef { id, incarnation }))
    };
    let is_controller = |id: BrokerId| seen.controller == Some(id);
    let mut order: Vec<Chosen<'_>> = outdated.iter().filter_map(known).collect();
    order.sort_by_key(|(_, broker)| std::cmp::Reverse((!is_controller(broker.id), broker.id)));
    let mut order = order.into_iter();
    let Some(first) = order.next() else { return Vec::new() };
    let mut chosen = vec![first];
    let Some(partitions) = seen.partitions.as_deref().filter(|_| !is_controller(first.1.id)) else {
        return chosen;
    };
    let rack = |id: BrokerId| seen.brokers.get(&id).and_then(|broker| broker.rack.as_deref());
    for (pod, broker) in order {
        if chosen.len() >= cluster.max_unavailable {
            break;
        }
        let in_the_way = chosen.iter().any(|(_, other)| {
            (cluster.may_vote(broker.id) && cluster.may_vote(other.id))
                || share(broker.id, other.id, partitions)
        });
        if !in_the_way && !is_controller(broker.id) && rack(broker.id) == rack(first.1.id) {
            chosen.push((pod, broker));
        }
    }
    chosen
}

/// Whether some partition lies on both.
fn share(one: BrokerId, other: BrokerId, partitions: &[PartitionState]) -> bool {
    partitions
        .iter()
        .any(|partition| partition.replicas.contains(&one) && partition.replicas.contains(&other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{incarnation, nothing, valid};
    use crate::observed::brokers::BrokerSeen;

    /// Racks by letter, and partitions by the brokers that hold them.
    fn chosen(racks: &str, partitions: &[&[i32]], controller: i32, max: usize) -> Vec<i32> {
        let spec =
            format!("replicas: {}\nstorage: {{size: 10Gi}}\nrollout: {{maxUnavailable: {max}}}", racks.len());
        let cluster = valid(&spec, &nothing());
        let ids = || (0..i32::try_from(racks.len()).unwrap()).map(BrokerId);
        let pods: Vec<_> =
            ids().map(|id| PodSeen { broker: Some(id), ready: true, ..PodSeen::default() }).collect();
        let brokers = ids().zip(racks.chars()).map(|(id, rack)| {
            let rack = (rack != '-').then(|| rack.to_string());
            (id, BrokerSeen { incarnation: incarnation(id, 0), rack, ..BrokerSeen::default() })
        });
        let partition = |on: &&[i32]| PartitionState {
            replicas: on.iter().copied().map(BrokerId).collect(),
            ..PartitionState::default()
        };
        let seen = Snapshot {
            controller: Some(BrokerId(controller)),
            brokers: brokers.collect(),
            partitions: Some(partitions.iter().map(partition).collect()),
            ..Snapshot::default()
        };
        let outdated: Vec<_> = pods.iter().collect();
        choose(&cluster, &outdated, &seen).into_iter().map(|(_, broker)| broker.id.0).collect()
    }

    #[test]
    fn several_of_one_zone_that_share_nothing_are_restarted_at_once() {
        let apart: &[&[i32]] = &[&[0, 1, 5], &[1, 3, 2], &[0, 4, 8]];
        assert_eq!(chosen("abcabcabc", apart, 0, 1), [8]);
        assert_eq!(chosen("abcabcabc", apart, 0, 2), [8, 5]);
        assert_eq!(chosen("abcabcabc", apart, 0, 9), [8, 5, 2]);
    }

    #[test]
    fn brokers_that_share_a_partition_wait_for_each_other() {
        assert_eq!(chosen("abcabcabc", &[&[5, 8]], 0, 9), [8, 2]);
        assert_eq!(chosen("---------", &[&[8, 7, 6], &[5, 4, 3]], 0, 9), [8, 5, 2]);
    }

    #[test]
    fn a_broker_that_is_to_go_has_its_vote_until_it_is_gone() {
        let mut cluster = valid("replicas: 1\nstorage: {size: 10Gi}", &nothing());
        cluster.extent = 4;
        let votes: Vec<_> = (0..4).filter(|id| cluster.may_vote(BrokerId(*id))).collect();
        assert_eq!(votes, [0, 1, 2]);
    }

    #[test]
    fn one_voter_at_once_and_the_controller_alone() {
        assert_eq!(chosen("aaaaa", &[], 4, 9), [3, 2], "one of 0, 1 and 2");
        assert_eq!(chosen("a", &[], 0, 9), [0]);
    }
}
