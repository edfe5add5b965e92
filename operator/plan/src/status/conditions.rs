//! The four conditions. Decides each from the same observed world; a transition gets a new time, a new message does not.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use weir_operator_api::{Cluster, condition};

use super::{Outcome, mistakes, reason, seconds};
use crate::observed::Observed;
use crate::observed::brokers::{BrokerState, BrokersView, Snapshot};
use crate::plan::{Balance, Operation, Plan, Waiting};

/// What one condition says.
pub(super) struct Verdict {
    status: &'static str,
    reason: String,
    message: String,
}

impl Verdict {
    fn new(status: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { status, reason: reason.to_owned(), message: message.into() }
    }
}

/// The longest message: the API server refuses more than 32,768 bytes, and nobody reads that much.
const MESSAGE_MAX: usize = 1_000;

pub(super) fn all(
    cluster: &Cluster,
    observed: &Observed,
    outcome: Outcome<'_>,
    before: &[Condition],
) -> Vec<Condition> {
    let verdicts = [
        (condition::AVAILABLE, available(observed)),
        (condition::PROGRESSING, progressing(outcome, cluster)),
        (condition::DEGRADED, degraded(outcome, observed)),
        (condition::BALANCED, balanced(observed, outcome)),
    ];
    verdicts
        .into_iter()
        .map(|(type_, verdict)| {
            let same = before.iter().find(|before| before.type_ == type_ && before.status == verdict.status);
            let since = same.map(|before| before.last_transition_time.clone());
            Condition {
                type_: type_.to_owned(),
                status: verdict.status.to_owned(),
                reason: verdict.reason,
                message: cut(verdict.message),
                observed_generation: cluster.metadata.generation,
                last_transition_time: since.unwrap_or_else(|| seconds(observed.now)),
            }
        })
        .collect()
}

fn cut(message: String) -> String {
    match message.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

fn available(observed: &Observed) -> Verdict {
    let ready = observed.pods.iter().filter(|pod| pod.broker.is_some() && pod.ready).count();
    if ready == 0 {
        return Verdict::new("False", reason::NO_BROKERS, "no broker is ready");
    }
    let seen = match &observed.brokers {
        BrokersView::Known(seen) => seen,
        BrokersView::Unknown { why } => {
            let message = format!("{ready} brokers are ready and can not be asked: {why}");
            return Verdict::new("Unknown", reason::BROKERS_UNKNOWN, message);
        }
    };
    let below = seen.under_min_isr_partitions.unwrap_or(0);
    if seen.offline_partitions > 0 {
        let message = format!("{} partitions have no leader", seen.offline_partitions);
        return Verdict::new("False", reason::OFFLINE_PARTITIONS, message);
    }
    if below > 0 {
        let message =
            format!("{below} partitions have too few replicas in sync to take writes with acks=all");
        return Verdict::new("False", reason::BELOW_MIN_ISR, message);
    }
    // Without a number: a cluster that catches up would be written with every partition that is in sync again.
    let behind = match seen.under_replicated_partitions {
        Some(0) | None => "",
        Some(_) => "; some of their replicas are not in sync",
    };
    Verdict::new("True", reason::ALL_PARTITIONS, format!("clients can use every partition{behind}"))
}

fn progressing(outcome: Outcome<'_>, cluster: &Cluster) -> Verdict {
    if cluster.metadata.deletion_timestamp.is_some() {
        return Verdict::new("True", reason::DELETING, "the Cluster is being deleted");
    }
    let plan = match outcome {
        Outcome::Planned { plan, .. } => plan,
        Outcome::Invalid(_) => {
            let message = "nothing is changed until the spec can be carried out: see Degraded";
            return Verdict::new("False", reason::INVALID_SPEC, message);
        }
    };
    if plan.waiting.contains(&Waiting::Paused) {
        return Verdict::new("False", reason::PAUSED, Waiting::Paused.to_string());
    }
    let message = sentences(plan);
    match (&plan.operation, plan.waiting.first()) {
        (_, Some(first)) => Verdict::new("True", first.reason(), message),
        (Some(operation), None) => Verdict::new("True", &format!("{:?}", operation.kind), message),
        (None, None) if plan.steps.is_empty() => {
            Verdict::new("False", reason::SETTLED, "everything is as declared")
        }
        (None, None) => Verdict::new("True", reason::APPLYING, "children are brought up to date"),
    }
}

fn sentences(plan: &Plan) -> String {
    let reason = plan.operation.iter().map(|operation| operation.reason.clone());
    let waiting = plan.waiting.iter().take(super::BLOCKED_BY_MAX).map(ToString::to_string);
    reason.chain(waiting).collect::<Vec<_>>().join("; ")
}

fn degraded(outcome: Outcome<'_>, observed: &Observed) -> Verdict {
    if let Outcome::Invalid(wrong) = outcome {
        let message = wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return Verdict::new("True", reason::INVALID_SPEC, message);
    }
    let waiting = outcome.plan().map(|plan| plan.waiting.as_slice()).unwrap_or_default();
    let stuck = observed
        .pods
        .iter()
        .filter_map(|pod| pod.broker.zip(pod.trouble.as_ref()))
        .min_by_key(|(broker, _)| *broker);
    if let Some(message) = mistakes::missing_storage_class(observed) {
        return Verdict::new("True", reason::STORAGE_CLASS_MISSING, message);
    }
    if let Some(gone) = waiting.iter().find(|waiting| matches!(waiting, Waiting::NodeGone { .. })) {
        return Verdict::new("True", gone.reason(), gone.to_string());
    }
    if let Some((broker, trouble)) = stuck {
        let message = format!("broker {broker}: {}{}", mistakes::way_out(&trouble.reason), trouble.message);
        return Verdict::new("True", &word(&trouble.reason), message);
    }
    let person = waiting.iter().find(|waiting| {
        matches!(
            waiting,
            Waiting::VolumeCanNotGrow { .. }
                | Waiting::NameTaken { .. }
                | Waiting::ReplicasWouldNotFit { .. }
                | Waiting::NowhereToGo { .. }
                | Waiting::VolumeGrowing { trouble: Some(_), .. }
        )
    });
    if let Some(waiting) = person {
        return Verdict::new("True", waiting.reason(), waiting.to_string());
    }
    let worked_on = outcome.plan().and_then(|plan| plan.operation.as_ref());
    observed
        .brokers
        .known()
        .and_then(|seen| of_brokers(seen, observed, worked_on))
        .unwrap_or_else(|| Verdict::new("False", reason::AS_EXPECTED, "nothing is wrong"))
}

/// What the brokers know to be wrong. What an operation brings about by itself, such as the replicas of a broker that is
/// being replaced, is not: Progressing tells of it.
fn of_brokers(seen: &Snapshot, observed: &Observed, worked_on: Option<&Operation>) -> Option<Verdict> {
    if let Some((broker, _)) = seen.brokers.iter().find(|(_, broker)| broker.disk_failed) {
        let message =
            format!("the disk of broker {broker} does not work: restart the broker, or replace its volume");
        return Some(Verdict::new("True", reason::DISK_FAILED, message));
    }
    let lost = seen.brokers.iter().find(|(id, broker)| {
        broker.fenced && broker.replicas > 0 && worked_on.and_then(|operation| operation.broker) != Some(**id)
    });
    let (id, broker) = lost?;
    let how = match observed.pod(*id) {
        None => "is not there",
        Some(_) if matches!(broker.state, BrokerState::Starting | BrokerState::Recovering) => "is starting",
        Some(_) => "is not heard of, though its pod exists",
    };
    let message = format!("broker {id} holds {} replicas and {how}", broker.replicas);
    Some(Verdict::new("True", reason::BROKER_LOST, message))
}

/// Reasons must be CamelCase words; Kubernetes' own are.
fn word(reason: &str) -> String {
    let legal = reason.starts_with(|c: char| c.is_ascii_alphabetic())
        && reason.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if legal { reason.to_owned() } else { "PodBroken".to_owned() }
}

/// By what the planner would do.
fn of_balance(balance: &Balance) -> Verdict {
    if balance.moves + balance.leaderships == 0 {
        return Verdict::new("True", reason::SPREAD, "replicas and leaders are spread over the brokers");
    }
    let would =
        format!("{} moves and {} changes of leaders would even it out", balance.moves, balance.leaderships);
    if balance.waits_for_approval {
        let message = format!(
            "{would}: `weir rebalance approve`, or spec.rebalance.approved set to {}, begins them",
            balance.hash
        );
        return Verdict::new("False", reason::PROPOSED, message);
    }
    Verdict::new("False", reason::SKEWED, would)
}

/// Differences below this many replicas are no skew.
const SKEW_MIN: u64 = 2;

fn balanced(observed: &Observed, outcome: Outcome<'_>) -> Verdict {
    let seen = match &observed.brokers {
        BrokersView::Known(seen) => seen,
        BrokersView::Unknown { why } => {
            return Verdict::new(
                "Unknown",
                reason::BROKERS_UNKNOWN,
                format!("the brokers can not be asked: {why}"),
            );
        }
    };
    if seen.moving_partitions > 0 {
        let message = format!("{} partitions are being moved", seen.moving_partitions);
        return Verdict::new("False", reason::MOVING, message);
    }
    let plan = outcome.plan();
    if plan.and_then(|plan| plan.operation.as_ref()).is_some_and(|operation| operation.left.is_some()) {
        return Verdict::new("False", reason::MOVING, "replicas are to be moved: see status.operation");
    }
    if let Some(balance) = plan.and_then(|plan| plan.balance.as_ref()) {
        return of_balance(balance);
    }
    let takers = || seen.brokers.iter().filter(|(_, broker)| !broker.drained);
    let least = takers().min_by_key(|(_, broker)| broker.replicas);
    let most = takers().max_by_key(|(_, broker)| broker.replicas);
    let (Some(least), Some(most)) = (least, most) else {
        return Verdict::new("True", reason::SPREAD, "there is nothing to spread");
    };
    let allowed = SKEW_MIN.max(most.1.replicas / 5);
    if most.1.replicas - least.1.replicas > allowed {
        let message = format!(
            "broker {} holds {} replicas and broker {} holds {}",
            most.0, most.1.replicas, least.0, least.1.replicas
        );
        return Verdict::new("False", reason::SKEWED, message);
    }
    Verdict::new("True", reason::SPREAD, "replicas are spread over the brokers")
}
