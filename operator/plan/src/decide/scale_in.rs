//! Taking brokers away: once status says so, all that are to go are drained at once, and go one at a time from the top.
//! A pod goes only when the controller says that its broker is drained, holds nothing and may stop. Anything else is a
//! wait with a reason.

use weir_model::BrokerId;
use weir_operator_api::{OperationKind, RebalanceMode};

use super::{autoscale, calm, take_back, tell};
use crate::observed::Observed;
use crate::observed::brokers::{BrokerRef, BrokerSeen, BrokersView, MayStop, PartitionState, Snapshot};
use crate::plan::{Operation, Step, Waiting};
use crate::valid::ValidCluster;

/// How many brokers the StatefulSet may have now, and what leads further.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) replicas: u32,
    pub(super) steps: Vec<Step>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) operation: Option<Operation>,
    /// The brokers from this ordinal on are emptied; those below it stay.
    pub(super) emptied_from: Option<u32>,
    /// What is to be taken back if the user changes his mind.
    pub(super) scaling_in_to: Option<u32>,
}

pub(super) fn decide(cluster: &ValidCluster, observed: &Observed) -> Leaving {
    let there = observed.extent(&cluster.uid);
    if there <= cluster.replicas {
        let steps = observed.brokers.known().map(|seen| forget(cluster, observed, seen)).unwrap_or_default();
        let mut staying = Leaving { replicas: cluster.replicas, steps, ..Leaving::default() };
        staying.scaling_in_to = still_drained(cluster, observed);
        take_back::decide(cluster, observed, cluster.replicas, &mut staying);
        return staying;
    }
    let broker = BrokerId(i32::try_from(there.saturating_sub(1)).unwrap_or(i32::MAX));
    let mut leaving = Leaving { replicas: there, ..Leaving::default() };
    let reason = autoscale::told(cluster, there);
    leaving.operation =
        Some(Operation { broker: Some(broker), ..Operation::new(OperationKind::ScaleIn, reason) });
    leaving.scaling_in_to = Some(cluster.replicas.min(cluster.before.scaling_in_to.unwrap_or(u32::MAX)));
    match &observed.brokers {
        BrokersView::Unknown { why } => leaving.waiting.push(Waiting::BrokersUnknown { why: why.clone() }),
        BrokersView::Known(seen) => {
            leaving.scaling_in_to = Some(cluster.replicas);
            take_back::decide(cluster, observed, there, &mut leaving);
            if let Some(waiting) = would_not_fit(cluster, seen) {
                leaving.waiting.push(waiting);
                return leaving;
            }
            if !is_announced(cluster) {
                leaving.waiting.push(Waiting::BrokerNotDrained { broker });
                return leaving;
            }
            if cluster.rebalance.mode != RebalanceMode::Never {
                leaving.emptied_from = Some(cluster.replicas);
                drain_all(cluster, seen, &mut leaving);
            }
            match seen.brokers.get(&broker) {
                None => go(broker, &mut leaving),
                Some(known) => of_known(broker, known, there, observed, seen, &mut leaving),
            }
        }
    }
    leaving
}

/// Whether status says already that these brokers are to go. Before that nothing is begun: an operator that is killed after
/// it has drained one, and before it has written that down, would leave one that looks as if a person had drained it.
fn is_announced(cluster: &ValidCluster) -> bool {
    cluster.before.scaling_in_to.is_some_and(|target| target <= cluster.replicas)
}

/// What status has to go on remembering: some broker that was to go is drained still, and not forgotten by the others. It
/// may be asked for again before it is.
fn still_drained(cluster: &ValidCluster, observed: &Observed) -> Option<u32> {
    let target = cluster.before.scaling_in_to?;
    let Some(seen) = observed.brokers.known() else { return Some(target) };
    let drained = seen.brokers.iter().any(|(id, broker)| is_beyond(*id, target) && broker.drained);
    drained.then_some(target.min(cluster.replicas))
}

/// The broker that a calm cluster would let go next.
pub(super) fn candidate(cluster: &ValidCluster, observed: &Observed) -> Option<BrokerRef> {
    let there = observed.extent(&cluster.uid);
    let seen = observed.brokers.known()?;
    if there <= cluster.replicas || !is_calm(there, observed, seen) {
        return None;
    }
    let id = BrokerId(i32::try_from(there.checked_sub(1)?).ok()?);
    let known = seen.brokers.get(&id).filter(|known| known.replicas == 0 && known.drained)?;
    Some(BrokerRef { id, incarnation: known.incarnation })
}

fn of_known(
    broker: BrokerId,
    known: &BrokerSeen,
    there: u32,
    observed: &Observed,
    seen: &Snapshot,
    leaving: &mut Leaving,
) {
    if known.replicas > 0 {
        let replicas = known.replicas;
        leaving.waiting.push(match leaving.emptied_from {
            Some(_) => Waiting::BrokerDraining { broker, replicas },
            None => Waiting::BrokerHoldsReplicas { broker, replicas },
        });
        return;
    }
    if !known.drained {
        // From here on it gets no new ones either.
        let drain = Step::Drain(BrokerRef { id: broker, incarnation: known.incarnation });
        if !leaving.steps.contains(&drain) {
            leaving.steps.push(drain);
        }
        leaving.waiting.push(Waiting::BrokerNotDrained { broker });
        return;
    }
    if !is_calm(there, observed, seen) {
        leaving.waiting.extend(calm::brokers(there, seen));
        return;
    }
    match seen.may_stop.get(&broker) {
        Some(MayStop::Yes { incarnation }) if *incarnation == known.incarnation => go(broker, leaving),
        Some(MayStop::No { reasons }) => {
            leaving.waiting.push(Waiting::StopRefused { broker, reasons: reasons.clone() });
        }
        Some(MayStop::Unknown { why }) => {
            leaving.waiting.push(Waiting::MayStopUnknown { broker, why: why.clone() });
        }
        Some(MayStop::Yes { .. }) | None => {
            let why = "the controller has not answered for this disk".to_owned();
            leaving.waiting.push(Waiting::MayStopUnknown { broker, why });
        }
    }
}

/// Whether some topic has more replicas than there will be brokers. Then nothing is begun.
fn would_not_fit(cluster: &ValidCluster, seen: &Snapshot) -> Option<Waiting> {
    let stays =
        |(id, broker): &(&BrokerId, &BrokerSeen)| !is_beyond(**id, cluster.replicas) && !broker.drained;
    let brokers = seen.brokers.iter().filter(stays).count();
    let partitions = seen.partitions.as_deref().unwrap_or_default();
    let factor =
        |partition: &PartitionState| partition.replicas.len().saturating_sub(partition.removing.len());
    let largest = partitions.iter().max_by_key(|partition| factor(partition))?;
    (factor(largest) > brokers).then(|| Waiting::ReplicasWouldNotFit {
        topic: largest.topic.clone(),
        factor: factor(largest),
        brokers,
    })
}

/// Whether a broker is one of those that a cluster of that size does not have.
pub(super) fn is_beyond(id: BrokerId, replicas: u32) -> bool {
    u32::try_from(id.0).is_ok_and(|ordinal| ordinal >= replicas)
}

/// All of them, so that no replica moves from one that goes to another one that goes.
fn drain_all(cluster: &ValidCluster, seen: &Snapshot, leaving: &mut Leaving) {
    let going =
        seen.brokers.iter().filter(|(id, broker)| is_beyond(**id, cluster.replicas) && !broker.drained);
    for (id, broker) in going {
        let note = format!("broker {id} gets no new replicas: it is to be taken away");
        leaving.steps.push(tell("BrokerDrains", "ScaleIn", note));
        leaving.steps.push(Step::Drain(BrokerRef { id: *id, incarnation: broker.incarnation }));
    }
}

/// The brokers that stay are all there, and nobody else is on the way out.
fn is_calm(there: u32, observed: &Observed, seen: &Snapshot) -> bool {
    let stay = there.saturating_sub(1);
    calm::pods(stay, observed).is_empty() && calm::brokers(stay, seen).is_empty()
}

fn go(broker: BrokerId, leaving: &mut Leaving) {
    leaving.replicas = leaving.replicas.saturating_sub(1);
    leaving.steps.push(tell(
        "BrokerLeaves",
        "ScaleIn",
        format!("broker {broker} holds nothing and is taken away"),
    ));
}

/// Brokers that were scaled away and are still registered. The controller refuses what it must: one that is alive, or
/// that holds replicas.
fn forget(cluster: &ValidCluster, observed: &Observed, seen: &Snapshot) -> Vec<Step> {
    seen.brokers
        .iter()
        .filter(|(id, broker)| {
            u32::try_from(id.0).is_ok_and(|ordinal| ordinal >= cluster.extent)
                && broker.fenced
                && broker.drained
                && broker.replicas == 0
                && observed.pods.iter().all(|pod| pod.broker != Some(**id))
        })
        .map(|(id, broker)| Step::Unregister(BrokerRef { id: *id, incarnation: broker.incarnation }))
        .collect()
}
