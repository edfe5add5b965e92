//! Taking brokers away: one at a time, from the top, and a pod goes only when the controller says that its broker is
//! drained, holds nothing and may stop. Anything else is a wait with a reason.

use weir_model::BrokerId;
use weir_operator_api::OperationKind;

use super::{calm, tell};
use crate::observed::Observed;
use crate::observed::brokers::{BrokerRef, BrokerSeen, BrokersView, MayStop, Snapshot};
use crate::plan::{Operation, Step, Waiting};
use crate::valid::ValidCluster;

/// How many brokers the StatefulSet may have now, and what leads further.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) replicas: u32,
    pub(super) steps: Vec<Step>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) operation: Option<Operation>,
}

pub(super) fn decide(cluster: &ValidCluster, observed: &Observed) -> Leaving {
    let there = observed.extent(&cluster.uid);
    if there <= cluster.replicas {
        let steps = observed.brokers.known().map(|seen| forget(cluster, observed, seen)).unwrap_or_default();
        return Leaving { replicas: cluster.replicas, steps, ..Leaving::default() };
    }
    let broker = BrokerId(i32::try_from(there.saturating_sub(1)).unwrap_or(i32::MAX));
    let mut leaving = Leaving { replicas: there, ..Leaving::default() };
    leaving.operation = Some(Operation {
        kind: OperationKind::ScaleIn,
        broker: Some(broker),
        reason: format!("from {there} to {} brokers", cluster.replicas),
    });
    match &observed.brokers {
        BrokersView::Unknown { why } => leaving.waiting.push(Waiting::BrokersUnknown { why: why.clone() }),
        BrokersView::Known(seen) => match seen.brokers.get(&broker) {
            None => go(broker, &mut leaving),
            Some(known) => of_known(broker, known, there, observed, seen, &mut leaving),
        },
    }
    leaving
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
        leaving.waiting.push(Waiting::BrokerHoldsReplicas { broker, replicas: known.replicas });
        return;
    }
    if !known.drained {
        // From here on it gets no new ones either.
        leaving.steps.push(Step::Drain(BrokerRef { id: broker, incarnation: known.incarnation }));
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
