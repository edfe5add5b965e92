//! What comes next. In order: children as desired, volumes as large as said, what is no longer wanted taken away, broken
//! pods made anew, brokers restarted one after another, brokers taken away one after another, replicas moved. Each of these
//! looks at the same observed world; the ones that disturb a broker run only when nothing else does.

mod advertised;
mod autoscale;
mod calm;
mod children;
mod moves;
mod prune;
mod roll;
mod scale_in;
mod stranded;
mod take_back;
mod volumes;

#[cfg(test)]
mod tests;

use std::time::Duration;

use weir_operator_api::OperationKind;

use crate::build::Desired;
use crate::observed::Observed;
use crate::observed::brokers::BrokerRef;
use crate::plan::{Operation, Plan, Step, Waiting};
use crate::valid::ValidCluster;

pub use children::unseen;
pub use stranded::stranded_volumes;

/// How soon to look again for what brokers do not announce.
const SOON: Duration = Duration::from_secs(3);
/// How soon to look again when status has to say something before it is done.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How soon to look again for what may take longer.
const LATER: Duration = Duration::from_secs(10);

/// What comes next for this cluster.
#[must_use]
pub fn decide(cluster: &ValidCluster, desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    if cluster.deleting {
        return plan;
    }
    if cluster.paused {
        plan.waiting.push(Waiting::Paused);
        // What was begun is remembered: it goes on, or is taken back, after the pause.
        plan.scaling_in_to = cluster.before.scaling_in_to;
        plan.balancing = cluster.before.balancing.clone();
        return plan;
    }
    let leaving = scale_in::decide(cluster, observed);
    children::apply(cluster, desired, observed, leaving.replicas, &mut plan);
    volumes::tend(cluster, observed, &mut plan);
    prune::take_away(cluster, desired, observed, &mut plan);
    roll::decide(cluster, desired, observed, leaving.replicas, &mut plan);
    stranded::decide(cluster, observed, &mut plan);
    let moving = moves::decide(cluster, observed, &leaving, &plan);
    plan.steps.extend(leaving.steps);
    plan.waiting.extend(leaving.waiting);
    plan.steps.extend(moving.steps);
    plan.waiting.extend(moving.waiting);
    plan.balance = moving.balance;
    plan.balancing = moving.balancing;
    plan.scaling_in_to = leaving.scaling_in_to;
    let leaving = leaving.operation.map(|operation| Operation { left: moving.left, ..operation });
    let moved = leaving.or(moving.operation);
    plan.operation = operation(cluster, observed, moved, plan.operation, &plan.waiting);
    plan.moving = observed.brokers.known().and_then(moves::under_way);
    let scaling = autoscale::decide(cluster, observed, &plan);
    plan.requeue = requeue(&plan).or_else(|| moves::next_loss(cluster).then_some(LATER));
    if plan.scaling_in_to != cluster.before.scaling_in_to {
        // What is written down now is acted upon by the next pass.
        plan.requeue = Some(AT_ONCE);
    }
    plan.requeue = Some(plan.requeue.map_or(scaling.look_again, |soon| soon.min(scaling.look_again)));
    plan.judgement = scaling.judgement;
    plan.autoscaling = scaling.status;
    plan
}

/// The brokers that `decide` may want to stop next: the controller asks "may it stop?" of each and puts the answers into
/// [`crate::observed::brokers::Snapshot::may_stop`] before it calls `decide`.
#[must_use]
pub fn questions(cluster: &ValidCluster, desired: &Desired, observed: &Observed) -> Vec<BrokerRef> {
    if cluster.deleting || cluster.paused {
        return Vec::new();
    }
    let rolling = roll::candidates(cluster, desired, observed);
    if rolling.is_empty() { scale_in::candidate(cluster, observed).into_iter().collect() } else { rolling }
}

/// One name for what is going on: what disturbs brokers first.
fn operation(
    cluster: &ValidCluster,
    observed: &Observed,
    moving: Option<Operation>,
    rolling: Option<Operation>,
    waiting: &[Waiting],
) -> Option<Operation> {
    let of = |kind, reason: String| Some(Operation::new(kind, reason));
    let there = observed.stateful_set().map(|set| set.replicas());
    let missing =
        cluster.brokers().filter(|broker| observed.pod(*broker).is_none_or(|pod| !pod.ready)).count();
    let growing = waiting.iter().any(|w| matches!(w, Waiting::VolumeGrowing { .. }));
    match there {
        _ if rolling.is_some() => rolling,
        _ if moving.is_some() => moving,
        None if observed.pods.is_empty() && !cluster.formed => {
            of(OperationKind::Create, "a new cluster".to_owned())
        }
        Some(there) if there < cluster.replicas => {
            of(OperationKind::ScaleOut, autoscale::told(cluster, there))
        }
        Some(_) if missing > 0 && !cluster.formed => {
            of(OperationKind::Create, format!("{missing} brokers are not ready yet"))
        }
        Some(_) if missing > 0 && joining(cluster, observed) => {
            of(OperationKind::ScaleOut, format!("{missing} brokers are not ready yet"))
        }
        _ if growing => of(OperationKind::GrowVolumes, format!("to {}", cluster.storage.size_text)),
        _ => None,
    }
}

/// Whether a broker that is not ready has never been known to the others.
fn joining(cluster: &ValidCluster, observed: &Observed) -> bool {
    let Some(seen) = observed.brokers.known() else { return false };
    cluster.brokers().any(|broker| {
        !seen.brokers.contains_key(&broker) && observed.pod(broker).is_none_or(|pod| !pod.ready)
    })
}

/// Pods, volumes and children announce what happens to them; brokers do not, and neither does time.
fn requeue(plan: &Plan) -> Option<Duration> {
    let restarting = plan.operation.as_ref().is_some_and(|operation| operation.kind == OperationKind::Roll);
    let soon = |waiting: &Waiting| match waiting {
        Waiting::IsrNotWhole { .. }
        | Waiting::StopRefused { .. }
        | Waiting::MayStopUnknown { .. }
        | Waiting::BrokerNotBack { .. }
        | Waiting::BrokerNotDrained { .. }
        | Waiting::NameTaken { .. }
        | Waiting::StatefulSetReplaced => Some(SOON),
        Waiting::BrokersUnknown { .. }
        | Waiting::BrokerHoldsReplicas { .. }
        | Waiting::BrokerDraining { .. }
        | Waiting::MovesInFlight { .. }
        | Waiting::ReplicasWouldNotFit { .. }
        | Waiting::NodeGone { .. }
        // That its node does not get on with it is told by time alone.
        | Waiting::PodNotReady { trouble: None, .. }
        | Waiting::NowhereToGo { .. } => Some(LATER),
        Waiting::Paused
        | Waiting::PodNotReady { trouble: Some(_), .. }
        | Waiting::PodStopping { .. }
        | Waiting::PodMissing { .. }
        | Waiting::ListenerAddress { .. }
        | Waiting::VolumeGrowing { .. }
        | Waiting::VolumeCanNotGrow { .. } => None,
    };
    plan.waiting.iter().filter_map(soon).chain(restarting.then_some(LATER)).min()
}

/// An event next to the step that it tells about.
fn tell(reason: &'static str, action: &'static str, note: String) -> Step {
    Step::Event(crate::plan::Event { level: crate::plan::EventLevel::Normal, reason, action, note })
}
