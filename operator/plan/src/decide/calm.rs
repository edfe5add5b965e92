//! Whether the cluster is calm: every broker there, ready and known to the others, every replica in sync. Only then may
//! anybody be disturbed.

use weir_model::BrokerId;

use crate::observed::brokers::Snapshot;
use crate::observed::{Observed, PodSeen};
use crate::plan::Waiting;
use crate::valid::up_to;

/// What keeps the pods of a StatefulSet of that size from being all there and ready.
pub(super) fn pods(replicas: u32, observed: &Observed) -> Vec<Waiting> {
    let stray = |pod: &&PodSeen| pod.deleting && pod.broker.is_some();
    let mut waiting: Vec<_> = observed
        .pods
        .iter()
        .filter(stray)
        .filter_map(|pod| pod.broker)
        .map(|broker| Waiting::PodStopping { broker })
        .collect();
    for broker in up_to(replicas) {
        match observed.pod(broker) {
            None => waiting.push(Waiting::PodMissing { broker }),
            Some(pod) if pod.deleting || pod.ready => {}
            Some(pod) => waiting.push(Waiting::PodNotReady { broker, trouble: pod.trouble.clone() }),
        }
    }
    // A reason that a person must act on comes first.
    waiting.sort_by_key(|waiting| !matches!(waiting, Waiting::PodNotReady { trouble: Some(_), .. }));
    waiting
}

/// Whether every pod of a StatefulSet of that size is there, ready or not, and none is going.
pub(super) fn all_there(replicas: u32, observed: &Observed) -> bool {
    let is_there = |broker| observed.pod(broker).is_some_and(|pod| !pod.deleting);
    up_to(replicas).all(is_there)
}

/// What keeps the brokers themselves from being calm, by their own word.
pub(super) fn brokers(replicas: u32, seen: &Snapshot) -> Vec<Waiting> {
    let back = |broker: &BrokerId| seen.brokers.get(broker).is_some_and(|seen| !seen.fenced);
    let mut waiting: Vec<_> = up_to(replicas)
        .filter(|broker| !back(broker))
        .map(|broker| Waiting::BrokerNotBack { broker })
        .collect();
    if seen.under_replicated_partitions != Some(0) {
        waiting.push(Waiting::IsrNotWhole { partitions: seen.under_replicated_partitions });
    }
    waiting
}
