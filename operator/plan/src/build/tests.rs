//! What is built, as YAML in `golden/`. `WEIR_UPDATE_DOCS=1 cargo test -p weir-operator-plan` writes it anew.

use std::path::Path;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Desired, build};
use crate::fixtures::{desired, nothing, valid};
use crate::object::{Kind, Object};
use crate::observed::{Child, Observed};

/// One broker, as the shortest spec makes it.
const ONE: &str = "replicas: 1\nstorage: {size: 1Gi}";
const THREE: &str = "replicas: 3\nstorage: {size: 10Gi}";
const OUTSIDE: &str = "\
replicas: 2
storage: {size: 10Gi, storageClassName: fast}
listeners:
- {name: external, port: 9192, type: NodePort, nodePort: 30092}
- {name: cloud, port: 9292, type: LoadBalancer, annotations: {cloud.example/scheme: internal}}
- {name: named, port: 9392, type: NodePort, advertisedHost: kafka.example}";
const OVERLAID: &str = "\
replicas: 1
image: registry.example/weir:dev
storage: {size: 1Gi}
resources: {requests: {cpu: '2', memory: 4Gi}, limits: {memory: 4Gi}}
topology: {key: example.com/rack}
config: {num.partitions: '6', log.retention.hours: '24'}
podTemplate:
  metadata: {annotations: {example.com/scrape: 'true'}}
  spec:
    nodeSelector: {disk: ssd}
    tolerations: [{key: dedicated, operator: Exists}]
    containers:
    - name: weir
      env: [{name: WEIR_LOG, value: debug}]
    - {name: side, image: side:1}";

/// A Service as the API server would have it.
fn service(object: &Object, ports: u16, ingress: &Value) -> Child {
    let mut manifest = object.manifest.clone();
    manifest["spec"]["ports"][0]["nodePort"] = json!(ports);
    manifest["status"]["loadBalancer"]["ingress"] = ingress.clone();
    Child::of_manifest(Kind::Service, manifest)
}

/// The world after Kubernetes has chosen every address.
fn with_addresses(spec: &str) -> Observed {
    let mut observed = nothing();
    let services = desired(spec, &observed).objects.into_iter().filter(|object| object.kind == Kind::Service);
    for (at, object) in services.enumerate() {
        let ingress = json!([{ "ip": format!("203.0.113.{at}") }]);
        observed.children.push(service(&object, 31_000 + u16::try_from(at).unwrap(), &ingress));
    }
    observed
}

fn golden(name: &str, desired: &Desired) {
    let text: String = desired
        .objects
        .iter()
        .map(|object| format!("---\n{}", serde_yaml::to_string(&object.manifest).unwrap()))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("WEIR_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{} is stale: run `WEIR_UPDATE_DOCS=1 cargo test -p weir-operator-plan` and look at the difference\n{text}",
        path.display()
    );
}

#[test]
fn one_broker() {
    golden("one-broker.yaml", &desired(ONE, &nothing()));
}

#[test]
fn three_brokers() {
    golden("three-brokers.yaml", &desired(THREE, &nothing()));
}

#[test]
fn listeners_for_clients_outside() {
    golden("external-listeners.yaml", &desired(OUTSIDE, &with_addresses(OUTSIDE)));
}

#[test]
fn what_the_user_merges_over() {
    golden("overlay.yaml", &desired(OVERLAID, &nothing()));
}

fn as_typed<T: Serialize + DeserializeOwned>(manifest: &Value) -> Value {
    let typed: T = serde_json::from_value(manifest.clone()).unwrap();
    serde_json::to_value(typed).unwrap()
}

/// A misspelt field would be dropped on the way through the types.
#[test]
fn every_field_is_one_that_kubernetes_knows() {
    for spec in [ONE, THREE, OUTSIDE, OVERLAID] {
        for object in desired(spec, &with_addresses(spec)).objects {
            let manifest = &object.manifest;
            let typed = match object.kind {
                Kind::ServiceAccount => as_typed::<ServiceAccount>(manifest),
                Kind::ConfigMap => as_typed::<ConfigMap>(manifest),
                Kind::Service => as_typed::<Service>(manifest),
                Kind::NetworkPolicy => as_typed::<NetworkPolicy>(manifest),
                Kind::PodDisruptionBudget => as_typed::<PodDisruptionBudget>(manifest),
                Kind::StatefulSet => as_typed::<StatefulSet>(manifest),
            };
            assert!(
                crate::object::covers(&typed, manifest),
                "{} loses a field:\n{typed:#}\n{manifest:#}",
                object.name
            );
            assert_eq!(manifest["apiVersion"], object.kind.api_version());
            assert_eq!(manifest["kind"], object.kind.kind());
            assert_eq!(manifest["metadata"]["name"], object.name.as_str());
            assert!(object.is_covered_by(&object.manifest));
        }
    }
}

#[test]
fn what_pods_run_is_what_the_user_said_and_nothing_else() {
    let hash = |spec: &str| desired(spec, &nothing()).content_hash;
    let base = hash(THREE);
    let same = [
        "replicas: 5\nstorage: {size: 10Gi}",
        "replicas: 3\nstorage: {size: 20Gi, whenDeleted: Delete}",
        "replicas: 3\nstorage: {size: 10Gi}\nlisteners: [{name: internal, port: 9092}]",
        "replicas: 3\nstorage: {size: 10Gi}\nversion: 0.1.0",
    ];
    for spec in same {
        assert_eq!(hash(spec), base, "{spec}");
    }
    let different = [
        "replicas: 3\nstorage: {size: 10Gi}\nversion: 0.2.0",
        "replicas: 3\nstorage: {size: 10Gi}\nconfig: {num.partitions: '2'}",
        "replicas: 3\nstorage: {size: 10Gi}\nresources: {limits: {memory: 1Gi}}",
        "replicas: 3\nstorage: {size: 10Gi}\nlisteners: [{name: more, port: 9192}]",
        "replicas: 3\nstorage: {size: 10Gi}\npodTemplate: {spec: {priorityClassName: high}}",
    ];
    for spec in different {
        assert_ne!(hash(spec), base, "{spec}");
    }
}

/// An operator that hashes differently restarts every broker of everybody. If this fails, find out why first.
#[test]
fn the_content_hash_outlives_versions_of_the_operator() {
    assert_eq!(desired(THREE, &nothing()).content_hash, "0f47a5b0f95c3681");
}

#[test]
fn a_new_operator_with_another_default_image_restarts_nobody() {
    let mut observed = nothing();
    let before = desired(THREE, &observed);
    let set = before.object(Kind::StatefulSet, "logs").unwrap();
    observed.children.push(Child::of_manifest(Kind::StatefulSet, set.manifest.clone()));
    observed.defaults.image = "ghcr.io/weir/weir:9.9.9".to_owned();
    assert_eq!(desired(THREE, &observed).content_hash, before.content_hash);
    assert_eq!(valid("storage: {size: 10Gi}", &nothing()).replicas, 3, "three is the default");
}

#[test]
fn addresses_that_kubernetes_has_yet_to_choose_are_waited_for() {
    let waiting = |observed: &Observed| build(&valid(OUTSIDE, observed), observed).waiting.len();
    assert_eq!(waiting(&nothing()), 6, "three listeners of two brokers");
    let observed = with_addresses(OUTSIDE);
    assert_eq!(waiting(&observed), 0);
    let told = desired(OUTSIDE, &observed);
    let config = told.object(Kind::ConfigMap, "logs-config").unwrap();
    let of_first = config.manifest["data"]["broker-0.properties"].as_str().unwrap();
    assert!(of_first.contains("EXTERNAL://[${env:HOST_IP}]:310"), "{of_first}");
    assert!(of_first.contains("CLOUD://203.0.113."), "{of_first}");
    assert!(of_first.contains("NAMED://kafka.example:310"), "{of_first}");
    assert!(of_first.contains("INTERNAL://logs-0.logs-brokers.default.svc:9092"), "{of_first}");
}
