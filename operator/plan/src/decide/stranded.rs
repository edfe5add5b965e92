//! Brokers whose disk has stayed behind on a node that is gone: Kubernetes can start them nowhere. The volume is given up,
//! so that the broker starts anew elsewhere, when the user lets lost brokers be replaced, the controller says that nothing
//! is left on it, and everybody else is there. Otherwise a person is told the command, or what would be lost by it. Must
//! never give up a volume of a broker that holds a replica.

use std::collections::BTreeSet;

use weir_model::BrokerId;

use super::{calm, moves, tell};
use crate::observed::brokers::{PartitionState, Snapshot};
use crate::observed::{Observed, PodSeen, VolumeSeen, Whereabouts};
use crate::plan::{Plan, Step, Waiting};
use crate::valid::ValidCluster;

/// A broker that waits for its volume.
struct Stranded<'a> {
    broker: BrokerId,
    pod: &'a PodSeen,
    claim: &'a VolumeSeen,
    /// The volume behind the claim.
    volume: &'a str,
}

/// The volumes that it has to be known of where they can be reached from, by their names: the controller looks and puts the
/// answers into [`Observed::whereabouts`] before it calls `decide`.
#[must_use]
pub fn stranded_volumes(cluster: &ValidCluster, observed: &Observed) -> Vec<String> {
    if cluster.deleting || cluster.paused {
        return Vec::new();
    }
    waiting_for_volumes(cluster, observed).map(|stranded| stranded.volume.to_owned()).collect()
}

pub(super) fn decide(cluster: &ValidCluster, observed: &Observed, plan: &mut Plan) {
    let mut given_up = false;
    for stranded in waiting_for_volumes(cluster, observed) {
        let Some(Whereabouts::NodeGone { node }) = observed.whereabouts.get(stranded.volume) else {
            continue;
        };
        if !given_up && may_be_given_up(cluster, observed, stranded.broker, plan) {
            given_up = true;
            give_up(&stranded, node, plan);
        }
        plan.waiting.push(Waiting::NodeGone {
            broker: stranded.broker,
            node: node.clone(),
            pod: stranded.pod.name.clone(),
            claim: stranded.claim.name.clone(),
            namespace: cluster.namespace.clone(),
            missing: missing_elsewhere(observed.brokers.known(), stranded.broker),
        });
    }
}

/// Pods that no node takes, with a volume that there is.
fn waiting_for_volumes<'a>(
    cluster: &'a ValidCluster,
    observed: &'a Observed,
) -> impl Iterator<Item = Stranded<'a>> {
    cluster.brokers().filter_map(move |broker| {
        let pod = observed.pod(broker)?;
        let claim = observed.volumes.iter().find(|claim| claim.broker == Some(broker))?;
        let volume = claim.volume.as_deref()?;
        let waits = pod.node.is_none() && !pod.running && !pod.deleting && pod.trouble.is_some();
        let own = claim.cluster_uid.as_deref() == Some(cluster.uid.as_str());
        (waits && own && claim.bound && !claim.deleting).then_some(Stranded { broker, pod, claim, volume })
    })
}

/// Whether the operator may do by itself what can not be taken back.
fn may_be_given_up(cluster: &ValidCluster, observed: &Observed, broker: BrokerId, plan: &Plan) -> bool {
    let Some(seen) = observed.brokers.known() else { return false };
    let lost = moves::lost(cluster, observed, seen).contains(&broker);
    let empty = seen.brokers.get(&broker).is_some_and(|known| known.fenced && known.replicas == 0)
        && seen.partitions.as_ref().is_some_and(|all| !all.iter().any(|p| p.replicas.contains(&broker)));
    let restarted = plan
        .steps
        .iter()
        .any(|step| matches!(step, Step::DeletePod { broker: other, .. } if *other == broker));
    lost && empty
        && !restarted
        && cluster.extent == cluster.replicas
        && others_are_there(cluster, observed, seen, broker)
}

/// With everybody else there, nothing rests on what this one alone has: no partition, and no vote on metadata.
fn others_are_there(cluster: &ValidCluster, observed: &Observed, seen: &Snapshot, broker: BrokerId) -> bool {
    let of_it = |waiting: &Waiting| match waiting {
        Waiting::PodNotReady { broker: other, .. } | Waiting::BrokerNotBack { broker: other } => {
            *other == broker
        }
        _ => false,
    };
    let pods = calm::pods(cluster.extent, observed);
    pods.iter().chain(&calm::brokers(cluster.extent, seen)).all(of_it)
}

fn give_up(stranded: &Stranded<'_>, node: &str, plan: &mut Plan) {
    let Stranded { broker, pod, claim, .. } = stranded;
    let note = format!(
        "node {node} is gone, and broker {broker} holds nothing: its volume {} is given up, so that it starts anew elsewhere",
        claim.name
    );
    plan.steps.push(tell("VolumeGivenUp", "ReplaceBroker", note));
    plan.steps.push(Step::DeleteVolume {
        name: claim.name.clone(),
        uid: claim.uid.clone(),
        resource_version: claim.resource_version.clone(),
    });
    plan.steps.push(Step::DeletePod { name: pod.name.clone(), uid: pod.uid.clone(), broker: *broker });
}

/// A partition that would have too few replicas in sync without the broker; where nobody can tell, that stands for one.
fn missing_elsewhere(seen: Option<&Snapshot>, broker: BrokerId) -> Option<String> {
    let partitions = seen.and_then(|seen| Some((seen, seen.partitions.as_deref()?)));
    let Some((seen, partitions)) = partitions else {
        return Some("what the brokers hold is not known".to_owned());
    };
    let there: BTreeSet<_> =
        seen.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(id, _)| *id).collect();
    let short = |partition: &&PartitionState| {
        let in_sync = partition.in_sync.iter().filter(|id| **id != broker && there.contains(id)).count();
        partition.replicas.contains(&broker) && in_sync < partition.min_in_sync.max(1)
    };
    let short = partitions.iter().find(short)?;
    Some(format!("{}-{} has too few replicas in sync elsewhere", short.topic, short.number))
}
