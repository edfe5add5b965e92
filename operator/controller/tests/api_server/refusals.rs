//! What the API server refuses by itself, and the sentence that it gives.

use serde_json::{Value, json};

use crate::world::World;

async fn refused(world: &World, kind: &str, name: &str, spec: Value) -> String {
    let written = world.apply(kind, name, spec.clone()).await;
    written.err().map_or_else(|| panic!("accepted: {kind} {spec}"), |error| error.to_string())
}

/// Every rule that a person may run into.
pub(crate) async fn are_sentences(world: &World) {
    let cluster = |changes: Value| {
        let mut spec = json!({"replicas": 3, "storage": {"size": "1Gi"}});
        for (name, value) in changes.as_object().cloned().unwrap_or_default() {
            spec[name] = value;
        }
        spec
    };
    let cases = [
        (cluster(json!({"replicas": 0})), "replicas must be at least 1"),
        (cluster(json!({"image": "a", "version": "1"})), "spec.version or spec.image, not both"),
        (cluster(json!({"config": {"listeners": "X"}})), "listeners"),
        (
            cluster(json!({"listeners": [{"name": "a", "port": 9500}, {"name": "b", "port": 9500}]})),
            "two listeners have the same port",
        ),
    ];
    for (spec, sentence) in cases {
        let told = refused(world, "Cluster", "logs", spec).await;
        assert!(told.contains(sentence), "{sentence:?} is not in {told}");
    }
    world.apply_cluster(json!({})).await;
    let told = refused(world, "Cluster", "logs", cluster(json!({"storage": {"size": "1Mi"}}))).await;
    assert!(told.contains("shrink") || told.contains("grow"), "{told}");
    let long = "a".repeat(50);
    let told = refused(world, "Cluster", &long, cluster(json!({}))).await;
    assert!(told.contains("37 characters"), "{told}");

    let topic =
        |partitions: i32, cluster: &str| json!({"clusterRef": {"name": cluster}, "partitions": partitions});
    world.apply("Topic", "orders", topic(6, "logs")).await.expect("a topic");
    let told = refused(world, "Topic", "orders", topic(3, "logs")).await;
    assert!(told.contains("partitions can only grow"), "{told}");
    let told = refused(world, "Topic", "orders", topic(6, "other")).await;
    assert!(told.contains("clusterRef can not be changed"), "{told}");
}
