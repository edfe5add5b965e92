//! The StatefulSet and its pods. Kubernetes restarts none of them by itself (`OnDelete`): the plan decides which one is
//! next.

use serde_json::{Value, json};
use weir_operator_api::{annotation, label, port};

use super::{metadata, overlay};
use crate::names::{CONTAINER, VOLUME};
use crate::object::{Kind, Object};
use crate::valid::ValidCluster;

/// The user in the image.
const USER: u32 = 65532;
/// How long a broker may take to stop: giving away what it leads, last answers, syncing its logs. Then it is killed, and
/// recovers when it starts.
const STOPPING_MAX_S: u32 = 120;

pub(super) fn build(cluster: &ValidCluster, content_hash: &str) -> Object {
    let name = cluster.names.stateful_set();
    let manifest = json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata::of(cluster, &name),
        "spec": {
            "replicas": cluster.replicas,
            "serviceName": cluster.names.headless(),
            "podManagementPolicy": "Parallel",
            "updateStrategy": { "type": "OnDelete" },
            "selector": { "matchLabels": metadata::selector(cluster) },
            "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain", "whenScaled": "Retain" },
            "volumeClaimTemplates": [volume_claim(cluster)],
            "template": template(cluster, content_hash),
        },
    });
    Object::new(Kind::StatefulSet, &name, manifest)
}

fn volume_claim(cluster: &ValidCluster) -> Value {
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": cluster.storage.size_text } },
    });
    if let Some(class) = &cluster.storage.class {
        spec["storageClassName"] = Value::String(class.clone());
    }
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": VOLUME, "labels": metadata::labels(cluster) },
        "spec": spec,
    })
}

fn template(cluster: &ValidCluster, content_hash: &str) -> Value {
    let mut template = json!({
        "metadata": {
            "labels": metadata::labels(cluster),
            "annotations": { annotation::CONTENT_HASH: content_hash },
        },
        "spec": {
            "serviceAccountName": cluster.names.service_account(),
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": STOPPING_MAX_S,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                // Changing the owner of every segment at each start would take minutes.
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": cluster.topology_key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": { "matchLabels": metadata::selector(cluster) },
            }],
            "affinity": { "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": { "matchLabels": metadata::selector(cluster) },
                },
            }] } },
            "containers": [container(cluster)],
            "volumes": [{ "name": "config", "configMap": { "name": cluster.names.config() } }],
        },
    });
    if let Some(over) = &cluster.overlay {
        overlay::merge(&mut template, over);
    }
    template
}

fn container(cluster: &ValidCluster) -> Value {
    let resources = cluster
        .resources
        .clone()
        .unwrap_or_else(|| json!({ "requests": { "cpu": "100m", "memory": "256Mi" } }));
    let mut ports: Vec<_> = cluster.listeners.iter().map(|l| container_port(&l.name, l.port)).collect();
    ports.push(container_port("peers", port::PEERS));
    ports.push(container_port("admin", port::ADMIN));
    ports.push(container_port("http", port::HTTP));
    let internal = cluster.listeners.iter().find(|listener| listener.is_between_brokers());
    let between_brokers = internal.map_or(port::INTERNAL, |listener| listener.port);
    json!({
        "name": CONTAINER,
        "image": cluster.image,
        "command": ["weir"],
        "args": [
            "broker",
            "--config", "/etc/weir/broker.properties",
            "--config", "/etc/weir/broker-$(POD_INDEX).properties",
            "--set", "broker.rack=$(ZONE)",
        ],
        "env": [
            from_pod("POD_INDEX", &format!("metadata.labels['{}']", label::POD_INDEX)),
            from_pod("ZONE", &format!("metadata.labels['{}']", label::ZONE)),
            from_pod("HOST_IP", "status.hostIP"),
            // So that `kubectl exec … -- weir cluster top` needs no addresses.
            local("WEIR_BOOTSTRAP", between_brokers),
            local("WEIR_ADMIN", port::ADMIN),
        ],
        "ports": ports,
        "resources": resources,
        "startupProbe": probe("/livez", 2, 30),
        "livenessProbe": probe("/livez", 10, 6),
        "readinessProbe": probe("/readyz", 2, 3),
        // The last lines of a broker that ended are what `kubectl describe` shows.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": [
            { "name": VOLUME, "mountPath": "/var/lib/weir" },
            { "name": "config", "mountPath": "/etc/weir", "readOnly": true },
        ],
    })
}

/// `/livez` answers while logs are recovered, however long that takes: only a process that hangs is killed.
fn probe(path: &str, every_s: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": "http" },
        "periodSeconds": every_s,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    })
}

fn container_port(name: &str, port: u16) -> Value {
    json!({ "name": name, "containerPort": port, "protocol": "TCP" })
}

fn local(name: &str, port: u16) -> Value {
    json!({ "name": name, "value": format!("localhost:{port}") })
}

fn from_pod(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}
