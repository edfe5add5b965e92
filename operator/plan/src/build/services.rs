//! The Services: names for pods, one place to begin for each listener, and an address outside for each broker.

use serde_json::{Value, json};
use weir_model::BrokerId;
use weir_operator_api::{ListenerKind, label, port};

use super::metadata;
use crate::object::{Kind, Object};
use crate::valid::{ValidCluster, ValidListener};

pub(super) fn build(cluster: &ValidCluster) -> Vec<Object> {
    let mut services = vec![headless(cluster)];
    for listener in &cluster.listeners {
        services.push(bootstrap(cluster, listener));
        if listener.is_outside() {
            services.extend(cluster.brokers().map(|broker| of_broker(cluster, listener, broker)));
        }
    }
    services
}

/// Gives every pod a name of its own, ready or not: brokers must find each other before anybody is ready.
fn headless(cluster: &ValidCluster) -> Object {
    let mut ports: Vec<_> = cluster.listeners.iter().map(|l| service_port(&l.name, l.port)).collect();
    ports.push(service_port("peers", port::PEERS));
    ports.push(service_port("admin", port::ADMIN));
    ports.push(service_port("http", port::HTTP));
    let spec = json!({
        "clusterIP": "None",
        "publishNotReadyAddresses": true,
        "selector": metadata::selector(cluster),
        "ports": ports,
    });
    finished(cluster, &cluster.names.headless(), spec, None)
}

/// Where clients begin: any broker that is ready.
fn bootstrap(cluster: &ValidCluster, listener: &ValidListener) -> Object {
    let mut port = service_port(&listener.name, listener.port);
    if let Some(node_port) = listener.node_port {
        port["nodePort"] = json!(node_port);
    }
    let spec = json!({
        "type": service_type(listener.kind),
        "selector": metadata::selector(cluster),
        "ports": [port],
    });
    finished(cluster, &cluster.names.bootstrap(&listener.name), spec, Some(listener))
}

/// One broker for clients outside, ready or not: whoever is told its address by another broker shall get an answer from
/// it, or none, and never one from somebody else.
fn of_broker(cluster: &ValidCluster, listener: &ValidListener, broker: BrokerId) -> Object {
    let mut selector = metadata::selector(cluster);
    selector[label::POD_NAME] = Value::String(cluster.names.pod(broker));
    let spec = json!({
        "type": service_type(listener.kind),
        "publishNotReadyAddresses": true,
        "selector": selector,
        "ports": [service_port(&listener.name, listener.port)],
    });
    finished(cluster, &cluster.names.of_broker(&listener.name, broker), spec, Some(listener))
}

fn service_type(kind: ListenerKind) -> &'static str {
    match kind {
        ListenerKind::Internal => "ClusterIP",
        ListenerKind::NodePort => "NodePort",
        ListenerKind::LoadBalancer => "LoadBalancer",
    }
}

fn service_port(name: &str, port: u16) -> Value {
    json!({ "name": name, "port": port, "targetPort": port, "protocol": "TCP" })
}

fn finished(cluster: &ValidCluster, name: &str, spec: Value, listener: Option<&ValidListener>) -> Object {
    let mut metadata = metadata::of(cluster, name);
    if let Some(listener) = listener {
        metadata["labels"][label::LISTENER] = Value::String(listener.name.clone());
        metadata["annotations"] = json!(listener.annotations);
    }
    let manifest = json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec });
    Object::new(Kind::Service, name, manifest)
}
