//! What the API server would say: the rules of both resources, run on whole objects; and the files that are generated.

mod files;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use kube::core::cel::{CompiledSchema, Validator, WarningKind, compile_schema, estimate_rule_cost};
use serde_json::Value;

use crate::{Cluster, Topic};

fn schema(crd: &CustomResourceDefinition) -> Value {
    let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    serde_json::to_value(schema).unwrap()
}

/// The messages of the rules that an object breaks, when it is created or when it takes another's place.
fn broken(crd: &CustomResourceDefinition, object: &str, before: Option<&str>) -> Vec<String> {
    let read = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    match Validator::new().validate(&schema(crd), &read(object), before.map(read).as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.message.clone()).collect(),
    }
}

fn cluster(spec: &str) -> String {
    object("Cluster", "logs", spec)
}

fn object(kind: &str, name: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: weir.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

const STORAGE: &str = "replicas: 3\nstorage: {size: 10Gi}";

/// One spec each, and words of the sentence that refuses it; none where it is legal.
fn check(crd: &CustomResourceDefinition, cases: &[(String, Option<String>, &str)]) {
    for (after, before, says) in cases {
        let told = broken(crd, after, before.as_deref());
        match says.is_empty() {
            true => assert_eq!(told, Vec::<String>::new(), "{after}"),
            false => assert!(told.iter().any(|message| message.contains(says)), "{says}: {told:?}\n{after}"),
        }
    }
}

#[test]
fn a_cluster_is_refused_with_a_sentence_that_people_understand() {
    let with = |line: &str| cluster(&format!("{STORAGE}\n{line}"));
    let cases = [
        (with(""), ""),
        (
            cluster("replicas: 0\nstorage: {size: 10Gi}"),
            "replicas must be at least 1; delete the Cluster to stop it",
        ),
        (cluster("replicas: 5000\nstorage: {size: 10Gi}"), "at most 1000"),
        (cluster("replicas: 1\nstorage: {size: ten}"), "must be a size such as 10Gi"),
        (cluster("replicas: 1\nstorage: {size: '0'}"), "must be a size such as 10Gi"),
        (with("version: '1'\nimage: i"), "set spec.version or spec.image, not both"),
        (with("config: {num.partitions: '3', retention.ms: '5'}"), ""),
        (with("config: {num.partitions: '3', node.id: '5'}"), "these settings are the operator's"),
        (with("config: {log.dirs: /tmp}"), "spec.storage"),
        (
            with(
                "listeners: [{name: internal, port: 9192, type: Internal}, {name: a, port: 9092, type: Internal}]",
            ),
            "",
        ),
        (with("listeners: [{name: a, port: 9192, type: NodePort, nodePort: 30092}]"), ""),
        (
            with("listeners: [{name: a, port: 9192, type: NodePort}, {name: a, port: 9193, type: NodePort}]"),
            "same name",
        ),
        (
            with("listeners: [{name: a, port: 9192, type: NodePort}, {name: b, port: 9192, type: NodePort}]"),
            "same port",
        ),
        (with("listeners: [{name: a, port: 9092, type: Internal}]"), "taken by the listener internal"),
        (with("listeners: [{name: A_b, port: 9192, type: Internal}]"), "at most 15 lower-case"),
        (with("listeners: [{name: http, port: 9192, type: Internal}]"), "taken by the broker's own ports"),
        (with("listeners: [{name: a, port: 80, type: Internal}]"), "from 1024 to 65535"),
        (with("listeners: [{name: a, port: 9644, type: Internal}]"), "brokers' own"),
        (with("listeners: [{name: internal, port: 9092, type: NodePort}]"), "its type must be Internal"),
        (
            with("listeners: [{name: a, port: 9192, type: Internal, nodePort: 30092}]"),
            "for listeners of type NodePort",
        ),
        (with("rollout: {maxUnavailable: 0}"), "at least 1"),
        (with("autoscaling: {minReplicas: 3, maxReplicas: 2}"), "at most autoscaling.maxReplicas"),
        (with("autoscaling: {minReplicas: 3, maxReplicas: 9}"), ""),
        (with("autoscaling: {minReplicas: 3, maxReplicas: 1001}"), "at most 1000"),
        (
            with("autoscaling: {minReplicas: 3, maxReplicas: 9, targets: {cpuPercent: 60}}"),
            "a share of resources.requests.cpu: set that too",
        ),
        (
            with(
                "resources: {requests: {cpu: '2'}}\nautoscaling: {minReplicas: 3, maxReplicas: 9, targets: {cpuPercent: 60}}",
            ),
            "",
        ),
        (
            with("autoscaling: {minReplicas: 3, maxReplicas: 9, targets: {diskPercent: 95}}"),
            "moves leave 15 % of each disk free",
        ),
        (
            with("autoscaling: {minReplicas: 3, maxReplicas: 9, targets: {networkBytesPerSecond: much}}"),
            "must be a number of bytes such as 100Mi",
        ),
        (with("autoscaling: {minReplicas: 3, maxReplicas: 9, targets: {networkBytesPerSecond: 100Mi}}"), ""),
        (object("Cluster", &"l".repeat(38), STORAGE), "at most 37 characters"),
        (object("Cluster", "1logs", STORAGE), "must begin with a letter"),
    ];
    let cases: Vec<_> = cases.into_iter().map(|(after, says)| (after, None, says)).collect();
    check(&Cluster::crd(), &cases);
}

#[test]
fn what_can_not_be_changed_is_refused_at_once() {
    let sized = |storage: &str| cluster(&format!("replicas: 3\nstorage: {{{storage}}}"));
    let cases = [
        ("size: 10Gi", "size: 20Gi", ""),
        ("size: 10Gi", "size: 10240Mi", ""),
        ("size: 10Gi", "size: 9Gi", "storage.size can only grow"),
        ("size: 1Gi", "size: 1G", "storage.size can only grow"),
        ("size: 10Gi, storageClassName: a", "size: 10Gi, storageClassName: a", ""),
        (
            "size: 10Gi, storageClassName: a",
            "size: 10Gi, storageClassName: b",
            "storageClassName can not be changed",
        ),
        ("size: 10Gi", "size: 10Gi, storageClassName: b", "storageClassName can not be changed"),
        ("size: 10Gi, storageClassName: a", "size: 10Gi", "storageClassName can not be changed"),
    ];
    let cases: Vec<_> =
        cases.iter().map(|(before, after, says)| (sized(after), Some(sized(before)), *says)).collect();
    check(&Cluster::crd(), &cases);
}

#[test]
fn a_topic_is_refused_with_a_sentence_that_people_understand() {
    let topic = |spec: &str| object("Topic", "orders", spec);
    let base = "clusterRef: {name: logs}\npartitions: 3";
    let cases = [
        (base.to_owned(), None, ""),
        ("clusterRef: {name: logs}\npartitions: 0".to_owned(), None, "partitions must be at least 1"),
        ("clusterRef: {name: logs}\npartitions: 200000".to_owned(), None, "at most 100000"),
        (format!("{base}\nreplicationFactor: 0"), None, "replicationFactor must be at least 1"),
        (format!("{base}\nname: Orders_v1.x"), None, ""),
        (format!("{base}\nname: 'a b'"), None, "only letters, digits"),
        (format!("{base}\nname: '..'"), None, "only letters, digits"),
        ("clusterRef: {name: logs}\npartitions: 2".to_owned(), Some(base), "partitions can only grow"),
        ("clusterRef: {name: logs}\npartitions: 4".to_owned(), Some(base), ""),
        ("clusterRef: {name: other}\npartitions: 3".to_owned(), Some(base), "clusterRef can not be changed"),
        (format!("{base}\nname: other"), Some(base), "name can not be changed"),
        (format!("{base}\nreplicationFactor: 3"), Some(base), ""),
    ];
    let cases: Vec<_> =
        cases.into_iter().map(|(after, before, says)| (topic(&after), before.map(topic), says)).collect();
    check(&Topic::crd(), &cases);
}

#[test]
fn what_a_user_writes_is_enough() {
    let text = "apiVersion: weir.dev/v1alpha1\nkind: Cluster\nmetadata: {name: logs}\nspec:\n  storage: {size: 10Gi}\n";
    let cluster: Cluster = serde_yaml::from_str(text).unwrap();
    assert_eq!(cluster.spec.replicas, 3);
    assert_eq!(cluster.spec.topology.key, "topology.kubernetes.io/zone");
    assert_eq!(cluster.spec.storage.when_deleted.word(), "Retain");
}

#[test]
fn both_resources_have_their_names_columns_and_subresources() {
    for (crd, short, columns) in [
        (
            Cluster::crd(),
            "wcl",
            vec!["Ready", "Version", "Operation", "Available", "Balanced", "Degraded", "Message", "Age"],
        ),
        (Topic::crd(), "wtp", vec!["Cluster", "Partitions", "Replicas", "Ready", "Reason", "Message", "Age"]),
    ] {
        assert_eq!(crd.spec.names.short_names, Some(vec![short.to_owned()]));
        assert_eq!(crd.spec.names.categories, Some(vec!["weir".to_owned()]));
        let version = &crd.spec.versions[0];
        let told: Vec<_> =
            version.additional_printer_columns.iter().flatten().map(|c| c.name.as_str()).collect();
        assert_eq!(told, columns);
        let subresources = version.subresources.as_ref().unwrap();
        assert!(subresources.status.is_some());
        assert_eq!(subresources.scale.is_some(), short == "wcl");
    }
}

/// Every field that a user meets says what it is: `kubectl explain` shows it.
#[test]
fn every_field_is_documented() {
    for crd in crate::crds() {
        undocumented(&schema(&crd), &crd.spec.names.kind, 0);
    }
}

fn undocumented(schema: &Value, path: &str, depth: usize) {
    // Kubernetes' own types document themselves below this.
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let own = depth > 0 || name == "spec" || name == "status";
        let described = field["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(!own || described, "{path} has no description");
        undocumented(field, &path, depth + 1);
        undocumented(&field["items"], &path, depth + 1);
    }
}

/// A rule that does not compile is silent here and refused there, and so is one that could cost too much: the API server
/// estimates by the bounds of lists, maps and texts.
#[test]
fn every_rule_compiles_and_is_cheap() {
    for crd in crate::crds() {
        let rules = cheap(&compile_schema(&schema(&crd)));
        assert!(rules >= 6, "{}: {rules} rules were found", crd.spec.names.kind);
    }
}

fn cheap(schema: &CompiledSchema) -> usize {
    assert!(!schema.has_errors(), "{:?}", schema.compilation_errors());
    for rule in schema.validations.iter().flatten() {
        let costly: Vec<_> = estimate_rule_cost(&rule.rule.rule, schema)
            .into_iter()
            .filter(|warning| warning.kind == WarningKind::CostExceeded)
            .collect();
        assert!(costly.is_empty(), "{costly:?}");
    }
    let below = schema.properties.values().chain(schema.items.as_deref()).map(cheap).sum::<usize>();
    schema.validations.len() + below
}
