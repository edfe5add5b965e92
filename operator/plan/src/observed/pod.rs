//! A broker's pod, and what is wrong with it. Decides which of the many things that a pod's status says is the one that
//! a person must know.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use k8s_openapi::jiff::Timestamp;
use weir_model::BrokerId;
use weir_operator_api::{annotation, label};

use crate::names::{CONTAINER, Names};

/// A pod of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSeen {
    /// Its name.
    pub name: String,
    /// Its uid: a deletion names it, so that its successor is not hit.
    pub uid: String,
    /// The broker in it, by the pod's name.
    pub broker: Option<BrokerId>,
    /// The node it runs on.
    pub node: Option<String>,
    /// That node's address.
    pub host_ip: Option<String>,
    /// The zone, where the pod says it itself.
    pub zone: Option<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether the broker's process runs, ready or not.
    pub running: bool,
    /// Somebody has deleted it, and it is not gone yet.
    pub deleting: bool,
    /// What it runs, by the annotation that it was made with.
    pub content_hash: Option<String>,
    /// The image of the broker's container.
    pub image: Option<String>,
    /// What is wrong with it, if Kubernetes says so.
    pub trouble: Option<Trouble>,
    /// How often its container was restarted.
    pub restarts: i32,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// What is wrong with a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Kubernetes' word for it where it has one: `ErrImagePull`, `CrashLoopBackOff`, `OOMKilled`, `Unschedulable`; else
    /// `NotStarting`.
    pub reason: String,
    /// The sentence.
    pub message: String,
}

impl PodSeen {
    /// What is seen of a pod at that time. `cluster` is the Cluster's name.
    #[must_use]
    pub fn new(cluster: &str, pod: &Pod, now: Timestamp) -> Self {
        let metadata = &pod.metadata;
        let name = metadata.name.clone().unwrap_or_default();
        let namespace = metadata.namespace.clone().unwrap_or_default();
        let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
        let ready = status.and_then(|s| s.conditions.as_deref()).unwrap_or_default();
        let ready = ready.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let container = spec.and_then(|spec| spec.containers.iter().find(|c| c.name == CONTAINER));
        let statuses = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
        let own = statuses.iter().find(|status| status.name == CONTAINER);
        Self {
            broker: Names::new(cluster, &namespace).broker_of_pod(&name),
            name,
            uid: metadata.uid.clone().unwrap_or_default(),
            node: spec.and_then(|spec| spec.node_name.clone()),
            host_ip: status.and_then(|status| status.host_ip.clone()),
            zone: metadata.labels.as_ref().and_then(|labels| labels.get(label::ZONE)).cloned(),
            ready,
            running: own.and_then(|own| own.state.as_ref()).is_some_and(|state| state.running.is_some()),
            deleting: metadata.deletion_timestamp.is_some(),
            content_hash: metadata
                .annotations
                .as_ref()
                .and_then(|a| a.get(annotation::CONTENT_HASH))
                .cloned(),
            image: container.and_then(|container| container.image.clone()),
            trouble: if ready { None } else { trouble(pod, now) },
            restarts: own.map_or(0, |own| own.restart_count),
            created: metadata.creation_timestamp.as_ref().map(|at| at.0),
        }
    }
}

/// The first thing that keeps the pod from running, nearest to its cause.
fn trouble(pod: &Pod, now: Timestamp) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let told = containers.filter_map(of_container).next();
    told.or_else(|| of_scheduling(pod)).or_else(|| evicted(pod)).or_else(|| not_made(pod, now))
}

/// `CrashLoopBackOff` alone says nothing: how the last run ended does.
fn of_container(status: &ContainerStatus) -> Option<Trouble> {
    let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
    let why = waiting.and_then(|waiting| waiting.reason.as_deref());
    let sentence = waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default();
    match why {
        None | Some("CrashLoopBackOff") => {
            let ended = ended(status.state.as_ref()).or_else(|| ended(status.last_state.as_ref()));
            ended.or_else(|| why.map(|why| Trouble { reason: why.to_owned(), message: sentence }))
        }
        Some("ContainerCreating" | "PodInitializing") => None,
        Some(why) => Some(Trouble { reason: why.to_owned(), message: sentence }),
    }
}

fn ended(state: Option<&ContainerState>) -> Option<Trouble> {
    let ended = state?.terminated.as_ref().filter(|ended| ended.exit_code != 0)?;
    let reason = match ended.reason.as_deref() {
        Some("OOMKilled") => "OOMKilled",
        _ => "CrashLoopBackOff",
    };
    let last_words = ended.message.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let message = match (reason, last_words) {
        ("OOMKilled", _) => {
            "the container needed more memory than its limit: raise resources.limits.memory".to_owned()
        }
        (_, Some(words)) => format!("the broker ended with code {}: {words}", ended.exit_code),
        (_, None) => format!("the broker ended with code {}: see its log", ended.exit_code),
    };
    Some(Trouble { reason: reason.to_owned(), message })
}

fn of_scheduling(pod: &Pod) -> Option<Trouble> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let scheduled = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    Some(Trouble {
        reason: scheduled.reason.clone().unwrap_or_else(|| "Unschedulable".to_owned()),
        message: scheduled.message.clone().unwrap_or_default(),
    })
}

/// How long a node may take to make a pod's surroundings: its sandbox, its address, its volumes. Images come after that.
const MAKING_MAX_S: i64 = 120;

/// A limit below what a container can be started with, a volume that is not attached, a network that is not there: of all
/// that only events tell, and the pod just stays as it is.
fn not_made(pod: &Pod, now: Timestamp) -> Option<Trouble> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let waits = conditions.iter().find(|c| c.type_ == "PodReadyToStartContainers" && c.status == "False")?;
    let since = waits.last_transition_time.as_ref()?.0;
    let waited = now.as_second().saturating_sub(since.as_second());
    let is_on_a_node = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    (is_on_a_node && waited >= MAKING_MAX_S).then(|| Trouble {
        reason: NOT_MADE.to_owned(),
        message: format!(
            "its node has not been able to make its sandbox or its volumes for {MAKING_MAX_S} s: \
             `kubectl describe pod {}` says why",
            pod.metadata.name.as_deref().unwrap_or_default()
        ),
    })
}

/// Ours: Kubernetes has no word for it.
const NOT_MADE: &str = "NotStarting";

fn evicted(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Failed"))?;
    Some(Trouble {
        reason: status.reason.clone().unwrap_or_else(|| "Failed".to_owned()),
        message: status.message.clone().unwrap_or_else(|| "the pod has failed".to_owned()),
    })
}

#[cfg(test)]
mod tests;
