//! The ServiceAccount of the brokers' pods. Brokers have no business with Kubernetes: it has no token and no rights.

use serde_json::json;

use super::metadata;
use crate::object::{Kind, Object};
use crate::valid::ValidCluster;

pub(super) fn build(cluster: &ValidCluster) -> Object {
    let name = cluster.names.service_account();
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata::of(cluster, &name),
        "automountServiceAccountToken": false,
    });
    Object::new(Kind::ServiceAccount, &name, manifest)
}
