//! Reads the spec once, and says everything that is wrong with it: each problem with its path and a sentence that tells
//! what to do. What the API server refuses already is refused here again: objects may be older than its rules.

mod autoscaling;
mod config;
mod duration;
pub(crate) mod image;
mod listeners;
mod overlay;
mod rebalance;
mod storage;
mod unsupported;

use std::fmt;

use serde_json::Value;
use weir_model::BrokerId;
use weir_operator_api::{CLUSTER_NAME_MAX, Cluster, ClusterSpec};

use crate::names::Names;
use crate::observed::Observed;
use crate::quantity::Bytes;
use crate::valid::{Before, ValidCluster};
use crate::wanted;

pub use self::rebalance::moves_allowed;

/// Something that the user must change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invalid {
    /// Where, such as `spec.storage.size`.
    pub path: String,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl Invalid {
    fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What the Cluster shall be, or all that is wrong with it.
pub fn validate(cluster: &Cluster, observed: &Observed) -> Result<ValidCluster, Vec<Invalid>> {
    let spec = &cluster.spec;
    let mut wrong = Vec::new();
    let name = cluster.metadata.name.clone().unwrap_or_default();
    let namespace = cluster.metadata.namespace.clone().unwrap_or_default();
    check_name(&name, &mut wrong);
    let uid = cluster.metadata.uid.clone().unwrap_or_default();
    let there = observed.extent(&uid);
    let replicas = replicas(wanted::of(cluster, there), &mut wrong);
    let autoscaling = autoscaling::read(cluster, replicas, &mut wrong);
    let targets = autoscaling::targets(spec, &mut wrong);
    let storage = storage::read(&spec.storage, &mut wrong);
    let listeners = listeners::read(&spec.listeners, &mut wrong);
    let resources = resources(spec, &mut wrong);
    let image = image::choose(spec, observed, &mut wrong);
    config::check(&spec.config, &mut wrong);
    overlay::check(spec.pod_template.as_ref(), &mut wrong);
    check_topology(&spec.topology.key, &mut wrong);
    let rebalance = rebalance::read(cluster, &mut wrong);
    unsupported::check(spec, &mut wrong);
    let (Some(storage), true) = (storage, wrong.is_empty()) else {
        wrong.sort();
        wrong.dedup();
        return Err(wrong);
    };
    let extent = replicas.max(there);
    Ok(ValidCluster {
        names: Names::new(&name, &namespace),
        name,
        namespace,
        uid,
        image,
        replicas,
        extent,
        storage,
        resources,
        listeners,
        config: spec.config.clone(),
        topology_key: spec.topology.key.clone(),
        max_unavailable: usize::try_from(spec.rollout.max_unavailable).unwrap_or(1).max(1),
        rebalance,
        autoscaling,
        targets,
        before: before(cluster),
        formed: cluster.status.as_ref().is_some_and(|status| status.cluster_id.is_some()),
        paused: spec.paused,
        deleting: cluster.metadata.deletion_timestamp.is_some(),
        overlay: spec.pod_template.clone(),
        operator_namespace: observed.defaults.operator_namespace.clone(),
    })
}

/// What an earlier pass wrote down: what was begun is brought to its end, and time is counted from there.
fn before(cluster: &Cluster) -> Before {
    let Some(status) = &cluster.status else { return Before::default() };
    let operation = status.operation.as_ref();
    let unheard = status
        .brokers
        .iter()
        .filter_map(|broker| Some((BrokerId(broker.id), broker.unheard_since.as_ref()?.0)));
    Before {
        operation: operation.map(|operation| operation.kind),
        scaling_in_to: status.scaling_in_to.and_then(|replicas| u32::try_from(replicas).ok()),
        balancing: status.balancing.clone(),
        unheard_since: unheard.collect(),
    }
}

fn check_name(name: &str, wrong: &mut Vec<Invalid>) {
    let legal = name.len() <= CLUSTER_NAME_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !legal {
        let message = format!(
            "{name:?} can not begin names of Services: it must begin with a letter, have only lower-case letters, digits \
             and hyphens, and at most {CLUSTER_NAME_MAX} characters; make a Cluster of another name"
        );
        wrong.push(Invalid::at("metadata.name", message));
    }
}

/// A label's name: at most 63 characters after an optional prefix.
fn check_topology(key: &str, wrong: &mut Vec<Invalid>) {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let word = |text: &str, max: usize| {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let edge = |c: char| c.is_ascii_alphanumeric();
        text.len() <= max && text.starts_with(edge) && text.ends_with(edge) && text.chars().all(inside)
    };
    if !word(name, 63) || prefix.is_some_and(|prefix| !word(prefix, 253)) {
        let message = format!("{key:?} is no label of nodes: name one such as topology.kubernetes.io/zone");
        wrong.push(Invalid::at("spec.topology.key", message));
    }
}

/// The most brokers that anybody has thought about.
const REPLICAS_MAX: u32 = 1000;

fn replicas(replicas: i32, wrong: &mut Vec<Invalid>) -> u32 {
    match u32::try_from(replicas) {
        Ok(replicas @ 1..=REPLICAS_MAX) => replicas,
        _ => {
            let message = format!("{replicas} brokers can not be: say 1 to {REPLICAS_MAX}");
            wrong.push(Invalid::at("spec.replicas", message));
            0
        }
    }
}

/// Below this no container runtime starts a broker: its pod would be made again and again, and only events would tell.
const MEMORY_MIN: Bytes = Bytes(8 << 20);

fn resources(spec: &ClusterSpec, wrong: &mut Vec<Invalid>) -> Option<Value> {
    let resources = spec.resources.as_ref()?;
    let memory = resources.limits.as_ref().and_then(|limits| limits.get("memory"));
    if let Some(text) = memory.filter(|memory| Bytes::parse(memory).is_some_and(|limit| limit < MEMORY_MIN)) {
        let message = format!("{} is too small for a broker to start: say 64Mi or more", text.0);
        wrong.push(Invalid::at("spec.resources.limits.memory", message));
    }
    match serde_json::to_value(resources) {
        Ok(value) => Some(value),
        Err(error) => {
            wrong.push(Invalid::at("spec.resources", error.to_string()));
            None
        }
    }
}

#[cfg(test)]
mod tests;
