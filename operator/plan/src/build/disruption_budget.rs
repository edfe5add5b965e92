//! The PodDisruptionBudget: whoever drains nodes takes one broker at a time. A cluster of one broker has none, for it
//! could never be drained.

use serde_json::json;

use super::metadata;
use crate::object::{Kind, Object};
use crate::valid::ValidCluster;

pub(super) fn build(cluster: &ValidCluster) -> Option<Object> {
    if cluster.replicas < 2 {
        return None;
    }
    let name = cluster.names.disruption_budget();
    let manifest = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata::of(cluster, &name),
        "spec": {
            "maxUnavailable": 1,
            "selector": { "matchLabels": metadata::selector(cluster) },
            // A broker that does not come up must not keep its node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    });
    Some(Object::new(Kind::PodDisruptionBudget, &name, manifest))
}
