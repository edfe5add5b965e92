//! `Cluster.status` from what was observed and decided. The same input gives the same output, to the letter: a time is
//! written only when what it tells about has changed. The controller patches only what differs.

mod brokers;
mod conditions;
mod events;
mod listeners;
mod mistakes;
mod progress;
mod proposal;
pub mod reason;

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use weir_operator_api::{AutoscalingStatus, Cluster, ClusterStatus, OperationStatus, label};

pub use self::events::events;

use crate::build::Desired;
use crate::names::Names;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::valid::ValidCluster;
use crate::validate::{Invalid, image};
use crate::wanted::wanted;
use proposal::proposal;

/// How a pass went.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// The user must change something; nothing was touched.
    Invalid(&'a [Invalid]),
    /// There is a plan.
    Planned {
        /// What the Cluster shall be.
        cluster: &'a ValidCluster,
        /// The children it shall have.
        desired: &'a Desired,
        /// What comes next.
        plan: &'a Plan,
    },
}

impl<'a> Outcome<'a> {
    fn plan(self) -> Option<&'a Plan> {
        match self {
            Self::Invalid(_) => None,
            Self::Planned { plan, .. } => Some(plan),
        }
    }
}

/// How many sentences of what is waited for a status holds.
const BLOCKED_BY_MAX: usize = 5;

/// What the Cluster's status is now.
#[must_use]
pub fn status(cluster: &Cluster, observed: &Observed, outcome: Outcome<'_>) -> ClusterStatus {
    let before = cluster.status.clone().unwrap_or_default();
    let name = cluster.metadata.name.clone().unwrap_or_default();
    let names = Names::new(&name, cluster.metadata.namespace.as_deref().unwrap_or_default());
    let there = observed.pods.iter().filter(|pod| pod.broker.is_some()).count();
    let ready = observed.pods.iter().filter(|pod| pod.broker.is_some() && pod.ready).count();
    let known = observed.brokers.known();
    let wanted = match outcome {
        Outcome::Planned { cluster, .. } => i32::try_from(cluster.replicas).unwrap_or(i32::MAX),
        Outcome::Invalid(_) => wanted(cluster),
    };
    ClusterStatus {
        observed_generation: cluster.metadata.generation,
        replicas: count(there),
        ready_replicas: count(ready),
        ready: Some(format!("{ready}/{wanted}")),
        selector: Some(format!("{}={name},{}={}", label::CLUSTER, label::COMPONENT, label::BROKER)),
        cluster_id: known
            .map(|seen| seen.cluster_id.clone())
            .filter(|id| !id.is_empty())
            .or(before.cluster_id),
        version: version(observed).or(before.version),
        metadata_version: known.map(|seen| seen.metadata_version).or(before.metadata_version),
        listeners: match outcome {
            Outcome::Invalid(_) => before.listeners,
            Outcome::Planned { cluster, .. } => listeners::all(cluster, observed),
        },
        brokers: brokers::all(&names, wanted, observed, &before.brokers),
        operation: operation(outcome, observed.now, before.operation.as_ref()),
        scaling_in_to: match outcome.plan() {
            Some(plan) => plan.scaling_in_to.and_then(|replicas| i32::try_from(replicas).ok()),
            None => before.scaling_in_to,
        },
        autoscaling: autoscaling(cluster, outcome, before.autoscaling),
        proposal: proposal(outcome, before.proposal),
        balancing: match outcome.plan() {
            Some(plan) => plan.balancing.clone(),
            None => before.balancing,
        },
        conditions: conditions::all(cluster, observed, outcome, &before.conditions),
    }
}

/// As it was while nothing is decided: paused, or with a spec that is wrong.
fn autoscaling(
    cluster: &Cluster,
    outcome: Outcome<'_>,
    before: Option<AutoscalingStatus>,
) -> Option<AutoscalingStatus> {
    cluster.spec.autoscaling.as_ref()?;
    outcome.plan().and_then(|plan| plan.autoscaling.clone()).or(before)
}

fn count(things: usize) -> i32 {
    i32::try_from(things).unwrap_or(i32::MAX)
}

/// The version of the pods; both of them while it changes, in the order of their ordinals.
fn version(observed: &Observed) -> Option<String> {
    let mut pods: Vec<_> = observed.pods.iter().filter(|pod| pod.broker.is_some()).collect();
    pods.sort_by_key(|pod| (pod.created, pod.broker));
    let mut versions: Vec<&str> = Vec::new();
    for image in pods.iter().filter_map(|pod| pod.image.as_deref()) {
        let version = image::version(image);
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    (!versions.is_empty()).then(|| versions.join(" -> "))
}

fn operation(
    outcome: Outcome<'_>,
    now: Timestamp,
    before: Option<&OperationStatus>,
) -> Option<OperationStatus> {
    let plan = outcome.plan()?;
    let operation = plan.operation.as_ref()?;
    let before = before.filter(|before| before.kind == operation.kind);
    let since = before.and_then(|before| before.started_at.clone()).unwrap_or_else(|| seconds(now));
    let progress = match operation.left {
        Some(left) => progress::of(left, before, since.0, now),
        None => before.map(progress::as_before).unwrap_or_default(),
    };
    Some(OperationStatus {
        kind: operation.kind,
        broker: operation.broker.map(|broker| broker.0),
        reason: operation.reason.clone(),
        started_at: Some(since),
        moves_done: progress.moves_done,
        moves_total: progress.moves_total,
        bytes_done: progress.bytes_done,
        bytes_total: progress.bytes_total,
        time_left: progress.time_left,
        blocked_by: plan.waiting.iter().take(BLOCKED_BY_MAX).map(ToString::to_string).collect(),
    })
}

/// A time as the API server keeps it: whole seconds.
pub(crate) fn seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}
