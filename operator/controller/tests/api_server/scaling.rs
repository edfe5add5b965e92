//! Scenarios of the number of brokers: what goes through the scale subresource, and what load decides.

use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::waiting::eventually;
use crate::world::{PATIENCE, World};

/// Half a minute of load, two looks at it, and what a busy machine adds.
const LOAD_IS_BELIEVED: Duration = Duration::from_secs(150);

async fn until_stateful_set_has(world: &World, replicas: i32) {
    let sets = world.api::<StatefulSet>();
    eventually(&format!("the StatefulSet has {replicas} replicas"), PATIENCE, || async {
        (sets.get("logs").await.ok()?.spec?.replicas == Some(replicas)).then_some(())
    })
    .await;
}

async fn declared(world: &World) -> Value {
    world.own("Cluster").get("logs").await.expect("the cluster").data["spec"]["replicas"].clone()
}

pub(crate) async fn by_hand(world: &World) {
    let (_door, _operator) = world.operator("one").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    let clusters = world.own("Cluster");
    let scale = clusters.get_scale("logs").await.expect("the scale subresource");
    let status = scale.status.expect("a status");
    assert_eq!((scale.spec.and_then(|spec| spec.replicas), status.replicas), (Some(3), 3));
    assert_eq!(
        status.selector.as_deref(),
        Some("weir.dev/cluster=logs,app.kubernetes.io/component=broker"),
        "what a HorizontalPodAutoscaler finds the pods by"
    );
    for replicas in [4, 3] {
        let patch = json!({"spec": {"replicas": replicas}});
        clusters.patch_scale("logs", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("scaled");
        assert_eq!(declared(world).await, replicas);
        until_stateful_set_has(world, replicas).await;
    }
    let none = json!({"spec": {"replicas": 0}});
    let refused = clusters.patch_scale("logs", &PatchParams::default(), &Patch::Merge(&none)).await;
    let refused = refused.expect_err("no brokers at all").to_string();
    assert!(refused.contains("replicas must be at least 1"), "{refused}");
}

pub(crate) async fn by_load(world: &World) {
    let (_door, _operator) = world.operator("one").await;
    let elastic = || {
        json!({
            "resources": {"requests": {"cpu": "1"}},
            "autoscaling": {
                "minReplicas": 3, "maxReplicas": 5,
                "targets": {"cpuPercent": 50},
                "stabilization": {"scaleOut": "30s"},
            },
        })
    };
    world.apply_cluster(elastic()).await;
    world.until_settled().await;
    let topic = json!({"clusterRef": {"name": "logs"}, "partitions": 12, "replicationFactor": 1});
    world.apply("Topic", "orders", topic).await.expect("the topic is accepted");
    let chosen = |status: &Value| status["autoscaling"]["replicas"].clone();
    world
        .until("the load is judged", "Cluster", "logs", |status| {
            chosen(status) == 3 && status["autoscaling"]["recommended"] == 3
        })
        .await;
    world.brokers.state().cores = 1.5;
    let status = eventually("brokers are added", LOAD_IS_BELIEVED, || async {
        let status = world.status("Cluster", "logs").await;
        (chosen(&status) == 5).then_some(status)
    })
    .await;
    let change = &status["autoscaling"]["lastChange"];
    assert_eq!((&change["from"], &change["to"]), (&json!(3), &json!(5)), "{status:#}");
    assert_eq!(change["reason"], "MaxReplicas", "{status:#}");
    until_stateful_set_has(world, 5).await;
    assert_eq!(declared(world).await, 3, "the spec is the user's");
    eventually("an event tells of it", PATIENCE, || async {
        let events = world.list::<Event>().await;
        events.iter().any(|event| event.reason.as_deref() == Some("AutoscaledOut")).then_some(())
    })
    .await;
    // The same manifest again.
    world.apply_cluster(elastic()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    until_stateful_set_has(world, 5).await;
    // A person's word holds at once.
    world.brokers.state().cores = 0.0;
    let by_hand = json!({"spec": {"replicas": 4}});
    let clusters = world.own("Cluster");
    clusters.patch_scale("logs", &PatchParams::default(), &Patch::Merge(&by_hand)).await.expect("scaled");
    until_stateful_set_has(world, 4).await;
}
