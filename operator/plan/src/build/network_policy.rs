//! The NetworkPolicy: anybody may be a client and read metrics; only brokers talk to each other, and only they and the
//! operator administer.

use serde_json::{Value, json};
use weir_operator_api::{label, port};

use super::metadata;
use crate::object::{Kind, Object};
use crate::valid::ValidCluster;

pub(super) fn build(cluster: &ValidCluster) -> Object {
    let name = cluster.names.network_policy();
    let brokers = json!({ "podSelector": { "matchLabels": metadata::selector(cluster) } });
    let operator = json!({
        "namespaceSelector": {
            "matchLabels": { "kubernetes.io/metadata.name": cluster.operator_namespace },
        },
        "podSelector": { "matchLabels": { label::NAME: label::OPERATOR } },
    });
    let mut open: Vec<_> = cluster.listeners.iter().map(|listener| tcp(listener.port)).collect();
    open.push(tcp(port::HTTP));
    let manifest = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata::of(cluster, &name),
        "spec": {
            "podSelector": { "matchLabels": metadata::selector(cluster) },
            "policyTypes": ["Ingress"],
            "ingress": [
                { "ports": open },
                { "ports": [tcp(port::PEERS)], "from": [brokers] },
                { "ports": [tcp(port::ADMIN)], "from": [brokers, operator] },
            ],
        },
    });
    Object::new(Kind::NetworkPolicy, &name, manifest)
}

fn tcp(port: u16) -> Value {
    json!({ "port": port, "protocol": "TCP" })
}
