//! Every wrong spec with its path and its sentence, and that all that is wrong is told at once.

use super::validate;
use crate::fixtures::{cluster, nothing};

/// The paths that are wrong with a spec, and its messages.
fn wrong(spec: &str) -> Vec<(String, String)> {
    match validate(&cluster(spec), &nothing()) {
        Ok(_) => Vec::new(),
        Err(wrong) => wrong.into_iter().map(|invalid| (invalid.path, invalid.message)).collect(),
    }
}

#[test]
fn the_shortest_spec_is_enough() {
    assert_eq!(wrong("storage: {size: 10Gi}"), []);
}

/// One line beside the storage, the path that is wrong, and words of the sentence.
fn check(cases: &[(&str, &str, &str)]) {
    for (line, path, says) in cases {
        let found = wrong(&format!("storage: {{size: 10Gi}}\n{line}"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert_eq!(found[0].0, *path, "{line}");
        assert!(found[0].1.contains(says), "{line}: {}", found[0].1);
    }
}

#[test]
fn each_problem_has_a_path_and_a_sentence_that_says_what_to_do() {
    check(&[
        ("replicas: 0", "spec.replicas", "say 1 to 1000"),
        ("replicas: 1001", "spec.replicas", "say 1 to 1000"),
        ("image: a\nversion: '1'", "spec.image", "not both"),
        ("image: 'a b'", "spec.image", "registry.example/weir:0.1.0"),
        ("version: 'a b'", "spec.version", "tag of an image"),
        ("topology: {key: ''}", "spec.topology.key", "topology.kubernetes.io/zone"),
        ("topology: {key: 'a b'}", "spec.topology.key", "topology.kubernetes.io/zone"),
        ("config: {node.id: '3'}", "spec.config[node.id]", "ordinal of the pod"),
        ("config: {num.partition: '3'}", "spec.config[num.partition]", "num.partitions"),
        ("config: {num.partitions: many}", "spec.config[num.partitions]", "num.partitions"),
        ("config: {num.partitions: \"1\\nnode.id=7\"}", "spec.config[num.partitions]", "one line"),
        (
            "config: {log.cleaner.min.compaction.lag.ms: '9', log.cleaner.max.compaction.lag.ms: '8'}",
            "spec.config",
            "log.cleaner.max.compaction.lag.ms",
        ),
        ("listeners: [{name: Big, port: 9192}]", "spec.listeners[0].name", "lower-case"),
        ("listeners: [{name: admin, port: 9192}]", "spec.listeners[0].name", "choose another"),
        ("listeners: [{name: a, port: 9644}]", "spec.listeners[0].port", "choose another"),
        ("listeners: [{name: a, port: 80}]", "spec.listeners[0].port", "1024 to 65535"),
        ("listeners: [{name: a, port: 9092}]", "spec.listeners", "both want port 9092"),
        ("listeners: [{name: a, port: 9192}, {name: a, port: 9193}]", "spec.listeners", "named a"),
        (
            "listeners: [{name: a, port: 9192}, {name: b, port: 9192}]",
            "spec.listeners",
            "both want port 9192",
        ),
        ("listeners: [{name: internal, port: 9092, type: NodePort}]", "spec.listeners[0].type", "Internal"),
        ("listeners: [{name: a, port: 9192, nodePort: 30000}]", "spec.listeners[0].nodePort", "NodePort"),
        (
            "listeners: [{name: a, port: 9192, type: NodePort, advertisedHost: 'x,Y://z:1'}]",
            "spec.listeners[0].advertisedHost",
            "host name",
        ),
        (
            "listeners: [{name: a, port: 9192, advertisedHost: x}]",
            "spec.listeners[0].advertisedHost",
            "inside",
        ),
        ("listeners: [{name: a, port: 9192, tls: {}}]", "spec.listeners[0].tls", "take it out"),
    ]);
}

#[test]
fn what_is_not_carried_out_and_what_the_overlay_may_not_touch_is_refused() {
    check(&[
        ("rollout: {maxUnavailable: 0}", "spec.rollout.maxUnavailable", "1 or more"),
        ("resources: {limits: {memory: 2Mi}}", "spec.resources.limits.memory", "64Mi or more"),
        ("rebalance: {throttle: '0'}", "spec.rebalance.throttle", "50Mi"),
        ("rebalance: {maxConcurrentMoves: 0}", "spec.rebalance.maxConcurrentMoves", "1 to 1000"),
        (
            "rebalance: {replaceLostBrokerAfter: 10s}",
            "spec.rebalance.replaceLostBrokerAfter",
            "a minute or more",
        ),
        ("autoscaling: {minReplicas: 4, maxReplicas: 3}", "spec.autoscaling", "at most maxReplicas"),
        (
            "autoscaling: {minReplicas: 1, maxReplicas: 3, targets: {cpuPercent: 50}}",
            "spec.autoscaling.targets.cpuPercent",
            "resources.requests.cpu",
        ),
        (
            "autoscaling: {minReplicas: 1, maxReplicas: 3, targets: {diskPercent: 90}}",
            "spec.autoscaling.targets.diskPercent",
            "1 to 85",
        ),
        (
            "autoscaling: {minReplicas: 1, maxReplicas: 3, targets: {networkBytesPerSecond: '0'}}",
            "spec.autoscaling.targets.networkBytesPerSecond",
            "100Mi",
        ),
        (
            "autoscaling: {minReplicas: 1, maxReplicas: 3, stabilization: {scaleIn: soon}}",
            "spec.autoscaling.stabilization.scaleIn",
            "30m",
        ),
        (
            "autoscaling: {minReplicas: 1, maxReplicas: 3, stabilization: {scaleOut: 1s}}",
            "spec.autoscaling.stabilization.scaleOut",
            "30s or more",
        ),
        ("metadataVersion: 1", "spec.metadataVersion", "take it out"),
        ("podTemplate: 3", "spec.podTemplate", "must be an object"),
        ("podTemplate: {kind: Pod}", "spec.podTemplate.kind", "only metadata and spec"),
        (
            "podTemplate: {metadata: {labels: {weir.dev/cluster: x}}}",
            "spec.podTemplate.metadata.labels[weir.dev/cluster]",
            "take it out",
        ),
        ("podTemplate: {spec: {restartPolicy: Never}}", "spec.podTemplate.spec.restartPolicy", "take it out"),
        ("podTemplate: {spec: {containers: [{image: x}]}}", "spec.podTemplate.spec.containers[0]", "name"),
        (
            "podTemplate: {spec: {containers: [{name: weir, image: x}]}}",
            "spec.podTemplate.spec.containers[0].image",
            "spec.image",
        ),
        (
            "podTemplate: {spec: {containers: [{name: weir, args: [x]}]}}",
            "spec.podTemplate.spec.containers[0].args",
            "spec.config",
        ),
        (
            "podTemplate: {spec: {volumes: [{name: data}]}}",
            "spec.podTemplate.spec.volumes[0]",
            "another name",
        ),
    ]);
}

#[test]
fn sizes_and_names_are_checked() {
    for (spec, path) in [
        ("storage: {size: ten}", "spec.storage.size"),
        ("storage: {size: 1Ki}", "spec.storage.size"),
        ("storage: {size: -1Gi}", "spec.storage.size"),
        ("storage: {size: 1Gi, storageClassName: ''}", "spec.storage.storageClassName"),
    ] {
        assert_eq!(wrong(spec).first().map(|wrong| wrong.0.as_str()), Some(path), "{spec}");
    }
    for name in ["", "1logs", "Logs", "logs-", "lo.gs", &"l".repeat(38)] {
        let mut cluster = cluster("storage: {size: 1Gi}");
        cluster.metadata.name = Some(name.to_owned());
        let wrong = validate(&cluster, &nothing()).unwrap_err();
        assert_eq!(wrong[0].path, "metadata.name", "{name}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let found = wrong("replicas: 0\nstorage: {size: ten}\nrebalance: {throttle: x}\nconfig: {nonsense: x}");
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        ["spec.config[nonsense]", "spec.rebalance.throttle", "spec.replicas", "spec.storage.size"]
    );
}
