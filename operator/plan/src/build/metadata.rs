//! What all children have in common: labels, and the Cluster as their owner.

use serde_json::{Value, json};
use weir_operator_api::label;

use crate::valid::ValidCluster;

/// The labels of every child.
pub(super) fn labels(cluster: &ValidCluster) -> Value {
    json!({
        label::NAME: label::WEIR,
        label::INSTANCE: cluster.name,
        label::MANAGED_BY: label::OPERATOR,
        label::COMPONENT: label::BROKER,
        label::CLUSTER: cluster.name,
    })
}

/// What the StatefulSet, Services and policies select pods by. Can never change: a StatefulSet's selector is immutable.
pub(super) fn selector(cluster: &ValidCluster) -> Value {
    json!({ label::CLUSTER: cluster.name, label::COMPONENT: label::BROKER })
}

/// The metadata of a child of that name. Without `blockOwnerDeletion`: nothing has to wait for children to go.
pub(super) fn of(cluster: &ValidCluster, name: &str) -> Value {
    json!({
        "name": name,
        "namespace": cluster.namespace,
        "labels": labels(cluster),
        "ownerReferences": [{
            "apiVersion": "weir.dev/v1alpha1",
            "kind": "Cluster",
            "name": cluster.name,
            "uid": cluster.uid,
            "controller": true,
        }],
    })
}
