//! The roll: pods that run something else than they should are made anew. One that is broken at once, for nobody misses
//! it; the others one after another, or several of one zone that share no partition (`batch.rs`), the controller last, each
//! only when the cluster is calm and the controller says that the broker may stop. A pod that does not come up stops the
//! roll by not being ready.

mod batch;

use weir_model::BrokerId;
use weir_operator_api::OperationKind;

use super::{advertised, calm, tell};
use crate::build::Desired;
use crate::object::Kind;
use crate::observed::brokers::{BrokerRef, BrokerState, BrokersView, MayStop, Snapshot};
use crate::observed::{Observed, PodSeen};
use crate::plan::{Operation, Plan, Step, Waiting};
use crate::valid::ValidCluster;

/// `replicas` is how many brokers the StatefulSet may have now: while that changes, nobody else is disturbed.
pub(super) fn decide(
    cluster: &ValidCluster,
    desired: &Desired,
    observed: &Observed,
    replicas: u32,
    plan: &mut Plan,
) {
    let Some(set) = observed.stateful_set().filter(|set| !set.child.deleting) else {
        plan.waiting.extend(calm::pods(cluster.extent, observed));
        return;
    };
    plan.waiting.extend(calm::pods(set.replicas(), observed));
    let outdated = outdated(desired, observed);
    if outdated.is_empty() {
        return;
    }
    let reason = format!("{} brokers run something else than they should", outdated.len());
    plan.operation = Some(Operation::new(OperationKind::Roll, reason));
    if !is_in_place(cluster, desired, observed) {
        return;
    }
    let broken: Vec<_> = outdated.iter().filter(|pod| is_broken(pod, observed)).collect();
    for pod in &broken {
        delete(pod, "it does not run, and what it would run has changed", plan);
    }
    if !broken.is_empty() {
        return;
    }
    let at_rest = set.replicas() == replicas && calm::pods(replicas, observed).is_empty();
    match &observed.brokers {
        BrokersView::Unknown { why } => plan.waiting.push(Waiting::BrokersUnknown { why: why.clone() }),
        BrokersView::Known(_) if !at_rest => {}
        BrokersView::Known(seen) => next(cluster, replicas, &outdated, seen, plan),
    }
}

/// The brokers that a calm cluster would restart next.
pub(super) fn candidates(cluster: &ValidCluster, desired: &Desired, observed: &Observed) -> Vec<BrokerRef> {
    let Some(set) = observed.stateful_set().filter(|set| !set.child.deleting) else { return Vec::new() };
    let Some(seen) = observed.brokers.known() else { return Vec::new() };
    let at_rest = calm::pods(set.replicas(), observed).is_empty();
    let calm = at_rest && calm::brokers(set.replicas(), seen).is_empty();
    let outdated = outdated(desired, observed);
    if !calm || !is_in_place(cluster, desired, observed) {
        return Vec::new();
    }
    batch::choose(cluster, &outdated, seen).into_iter().map(|(_, broker)| broker).collect()
}

/// Stops the next brokers, if everything speaks for it.
fn next(cluster: &ValidCluster, replicas: u32, outdated: &[&PodSeen], seen: &Snapshot, plan: &mut Plan) {
    let restless = calm::brokers(replicas, seen);
    if !restless.is_empty() {
        plan.waiting.extend(restless);
        return;
    }
    let batch = batch::choose(cluster, outdated, seen);
    if let (Some(operation), Some((_, first))) = (&mut plan.operation, batch.first()) {
        operation.broker = Some(first.id);
    }
    for (pod, broker) in batch {
        stop(pod, broker, seen, plan);
    }
}

/// Stops one broker, if the controller says that it may.
fn stop(pod: &PodSeen, broker: BrokerRef, seen: &Snapshot, plan: &mut Plan) {
    match seen.may_stop.get(&broker.id) {
        Some(MayStop::Yes { incarnation }) if *incarnation == broker.incarnation => {
            delete(pod, "what it runs has changed", plan);
        }
        Some(MayStop::No { reasons }) => {
            plan.waiting.push(Waiting::StopRefused { broker: broker.id, reasons: reasons.clone() });
        }
        Some(MayStop::Unknown { why }) => {
            plan.waiting.push(Waiting::MayStopUnknown { broker: broker.id, why: why.clone() });
        }
        Some(MayStop::Yes { .. }) | None => {
            let why = "the controller has not answered for this disk".to_owned();
            plan.waiting.push(Waiting::MayStopUnknown { broker: broker.id, why });
        }
    }
}

/// Pods that run something else than they should.
fn outdated<'a>(desired: &Desired, observed: &'a Observed) -> Vec<&'a PodSeen> {
    let differs = |pod: &&PodSeen| {
        pod.broker.is_some_and(|broker| {
            pod.content_hash.as_deref() != Some(desired.content_hash.as_str())
                || advertised::is_stale(broker, desired, observed)
        })
    };
    observed.pods.iter().filter(|pod| !pod.deleting).filter(differs).collect()
}

/// Whether a pod that is made now would run what it should: the StatefulSet and the settings are there.
fn is_in_place(cluster: &ValidCluster, desired: &Desired, observed: &Observed) -> bool {
    let set = observed.stateful_set().and_then(|set| set.content_hash());
    let config = cluster.names.config();
    let settings = desired.object(Kind::ConfigMap, &config).zip(observed.child(Kind::ConfigMap, &config));
    set == Some(desired.content_hash.as_str())
        && settings.is_some_and(|(desired, live)| desired.is_covered_by(&live.manifest))
}

/// How long a process that runs may take until it is heard of.
const STARTING_MAX_S: i64 = 60;

/// Not ready, and nobody misses it: its process does not run, or it has run for a while and the others do not count on
/// it. A broker that recovers is not broken: it is never stopped for being slow. Nor is one that nobody can tell about.
fn is_broken(pod: &PodSeen, observed: &Observed) -> bool {
    if pod.ready || pod.running {
        return !pod.ready && is_unheard(pod, observed);
    }
    pod.trouble.is_some()
}

fn is_unheard(pod: &PodSeen, observed: &Observed) -> bool {
    let (Some(seen), Some(broker), Some(created)) = (observed.brokers.known(), pod.broker, pod.created)
    else {
        return false;
    };
    let waited = observed.now.as_second().saturating_sub(created.as_second()) >= STARTING_MAX_S;
    let missed = seen.brokers.get(&broker).is_some_and(|broker| {
        !broker.fenced || broker.state == BrokerState::Recovering || broker.recovery.is_some()
    });
    waited && !missed
}

fn delete(pod: &PodSeen, why: &str, plan: &mut Plan) {
    let broker = pod.broker.unwrap_or(BrokerId(-1));
    plan.steps.push(tell("BrokerRestarts", "RestartBroker", format!("broker {broker} is restarted: {why}")));
    plan.steps.push(Step::DeletePod { name: pod.name.clone(), uid: pod.uid.clone(), broker });
    plan.waiting.push(Waiting::PodStopping { broker });
}
