//! The number of brokers by load: what is thought of it, and what becomes of it. The number is only written into status
//! here; the pass after that carries it out, by the same ways as one that a person has changed. Must never change it while
//! anything else is going on, but for ending what takes brokers away.

mod fleet;

use std::time::Duration;

use weir_operator_api::{AutoscalingChange, AutoscalingStatus, OperationKind, RebalanceMode};

use super::AT_ONCE;
use super::moves::layout;
use crate::observed::Observed;
use crate::observed::brokers::{BrokersView, Snapshot};
use crate::plan::Plan;
use crate::rebalance::{Effort, Settings, Why, propose};
use crate::scaling::{Bounds, Course, Judgement, Quiet, judge, steer};
use crate::status::seconds;
use crate::valid::{ValidAutoscaling, ValidCluster};

/// How often load is looked at where it decides something, and where it is only told.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

/// What is thought of the number of brokers.
#[derive(Debug)]
pub(super) struct Scaling {
    pub(super) judgement: Option<Judgement>,
    pub(super) status: Option<AutoscalingStatus>,
    pub(super) look_again: Duration,
}

/// `plan` is everything else that was decided.
pub(super) fn decide(cluster: &ValidCluster, observed: &Observed, plan: &Plan) -> Scaling {
    let autoscaling = cluster.autoscaling.as_ref();
    let bounds = autoscaling.map_or(Bounds::NONE, |autoscaling| autoscaling.bounds);
    let fleet = observed.brokers.known().and_then(|seen| fleet::of(cluster, seen));
    let judgement = fleet.map(|fleet| judge(&fleet, bounds));
    let Some(autoscaling) = autoscaling else {
        return Scaling { judgement, status: None, look_again: LOOK_ANYWAY };
    };
    let before = &autoscaling.course;
    let course = match (&judgement, &observed.brokers) {
        (Some(judgement), BrokersView::Known(seen)) => {
            let fits = || fits(cluster, seen);
            steer(before, judgement, &quiet(cluster, plan), autoscaling.windows, observed.now, fits)
        }
        // What is known of partitions is a moment behind: it goes on from where it was.
        (None, BrokersView::Known(_)) | (Some(_), BrokersView::Unknown { .. }) => before.clone(),
        (None, BrokersView::Unknown { why }) => before.waits("BrokersUnknown", why.clone(), observed.now),
    };
    let look_again = if course.replicas == before.replicas { LOOK_AGAIN } else { AT_ONCE };
    Scaling { judgement, status: Some(status(autoscaling, &course)), look_again }
}

/// From how many brokers to how many, and why, if load decided that.
pub(super) fn told(cluster: &ValidCluster, there: u32) -> String {
    let why = why(cluster).map(|why| format!(": {why}")).unwrap_or_default();
    format!("from {there} to {} brokers{why}", cluster.replicas)
}

fn why(cluster: &ValidCluster) -> Option<String> {
    let change = cluster.autoscaling.as_ref()?.last_change.as_ref()?;
    let is_that = u32::try_from(change.to).is_ok_and(|to| to == cluster.replicas);
    is_that.then(|| change.message.clone())
}

/// What is going on, in the words of scaling.
fn quiet(cluster: &ValidCluster, plan: &Plan) -> Quiet {
    if let Some(operation) = &plan.operation {
        return match operation.kind {
            OperationKind::ScaleIn => Quiet::ScalingIn,
            kind => Quiet::Busy { reason: kind.word(), why: operation.reason.clone() },
        };
    }
    if let Some(waiting) = plan.waiting.first() {
        return Quiet::Busy { reason: waiting.reason(), why: waiting.to_string() };
    }
    let skewed = plan.balance.as_ref().filter(|balance| balance.moves > 0);
    match skewed {
        Some(balance) if cluster.rebalance.mode != RebalanceMode::Auto => Quiet::Busy {
            reason: "NotBalanced",
            why: format!(
                "{} moves would balance the brokers that there are: let them be done first",
                balance.moves
            ),
        },
        Some(_) | None => Quiet::Calm,
    }
}

/// Whether everything that the last broker holds could go elsewhere, by the planner's word.
fn fits(cluster: &ValidCluster, seen: &Snapshot) -> Result<(), String> {
    if cluster.rebalance.mode == RebalanceMode::Never {
        return Err("rebalance.mode is Never, so nobody would empty the broker".to_owned());
    }
    let partitions = seen.partitions.as_deref().unwrap_or_default();
    let from = cluster.replicas.saturating_sub(1);
    let layout = layout::of(seen, partitions, &std::collections::BTreeSet::new(), Some(from));
    let proposal = propose(&layout, Settings::of(Effort::Evacuate));
    let Some(stuck) = proposal.stuck.first() else { return Ok(()) };
    let partition = &partitions[stuck.partition];
    let why = match stuck.why {
        Why::TooFewBrokers { replicas, brokers } => format!("{replicas} replicas and {brokers} brokers"),
        Why::NoRoom { leaves } => format!("no broker has room for what broker {leaves} holds"),
    };
    Err(format!("{}-{}: {why}", partition.topic, partition.number))
}

fn status(autoscaling: &ValidAutoscaling, course: &Course) -> AutoscalingStatus {
    let count = |brokers: u32| i32::try_from(brokers).unwrap_or(i32::MAX);
    let before = autoscaling.course.replicas;
    let change = (course.replicas != before).then(|| AutoscalingChange {
        from: count(before),
        to: count(course.replicas),
        reason: course.reason.clone(),
        message: course.message.clone(),
        at: Some(seconds(course.since)),
    });
    AutoscalingStatus {
        replicas: count(course.replicas),
        started_from: autoscaling.started_from,
        recommended: count(course.recommended),
        reason: course.reason.clone(),
        message: course.message.clone(),
        since: Some(seconds(course.since)),
        last_change: change.or_else(|| autoscaling.last_change.clone()),
    }
}
