//! Scenarios of Topics.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::waiting::eventually;
use crate::world::{PATIENCE, World, condition, reason};

fn ready(status: &Value) -> bool {
    condition(status, "Ready") == "True"
}

fn spec(changes: Value) -> Value {
    let mut spec = json!({"clusterRef": {"name": "logs"}, "partitions": 2, "replicationFactor": 3});
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        spec[name] = value;
    }
    spec
}

pub(crate) async fn are_kept(world: &World) {
    let (door, _operator) = world.operator("one").await;
    world.apply("Topic", "orders", spec(json!({"config": {"retention.ms": "1000"}}))).await.expect("a topic");
    world
        .until("it waits for its cluster", "Topic", "orders", |status| condition(status, "Ready") == "False")
        .await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    let status = world.until("it is there", "Topic", "orders", ready).await;
    assert_eq!((&status["partitions"], &status["replicationFactor"]), (&json!(2), &json!(3)));
    let config = |name: &str| {
        let state = world.brokers.state();
        let topic = state.topics.get("orders").cloned().unwrap_or_default();
        topic.config.into_iter().find(|setting| setting.name == name).map(|setting| setting.value)
    };
    assert_eq!(config("retention.ms").as_deref(), Some("1000"));

    // Somebody changes it: what is declared is put back, what is not is left.
    world.brokers.set_config("orders", "cleanup.policy", "compact");
    world.brokers.set_config("orders", "retention.ms", "5");
    eventually("the setting is put back", PATIENCE, || async {
        (config("retention.ms").as_deref() == Some("1000")).then_some(())
    })
    .await;
    assert_eq!(config("cleanup.policy").as_deref(), Some("compact"));

    world
        .apply("Topic", "orders", spec(json!({"partitions": 5, "config": {"retention.ms": "1000"}})))
        .await
        .expect("it may grow");
    world.until("it has grown", "Topic", "orders", |status| status["partitions"] == 5 && ready(status)).await;
    world
        .apply(
            "Topic",
            "orders",
            spec(json!({"partitions": 5, "replicationFactor": 2, "config": {"retention.ms": "1000"}})),
        )
        .await
        .expect("it may have fewer replicas");
    world
        .until("it has two replicas", "Topic", "orders", |status| {
            status["replicationFactor"] == 2 && ready(status)
        })
        .await;

    say_what_can_not_be(world).await;
    leave_and_take(world).await;

    door.until_quiet().await;
    let calls = world.brokers.state().calls.len();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(door.writes(), Vec::<String>::new());
    assert_eq!(world.brokers.state().calls.len(), calls, "brokers are not told what is so already");
}

async fn say_what_can_not_be(world: &World) {
    // Two that want one name: the older has it.
    sleep(Duration::from_millis(1_100)).await;
    world
        .apply("Topic", "orders-too", spec(json!({"name": "orders", "partitions": 5})))
        .await
        .expect("a topic");
    world
        .until("the younger says so", "Topic", "orders-too", |status| reason(status, "Ready") == "Conflict")
        .await;

    // What can not be is told.
    world.apply("Topic", "many", spec(json!({"replicationFactor": 4}))).await.expect("a topic");
    world.until("it is told", "Topic", "many", |status| reason(status, "Ready") == "Invalid").await;
    world.apply("Topic", "odd", spec(json!({"config": {"no.such.setting": "1"}}))).await.expect("a topic");
    world.until("it is told", "Topic", "odd", |status| reason(status, "Ready") == "Invalid").await;
}

async fn leave_and_take(world: &World) {
    // Retain keeps the records, Delete takes them.
    world.apply("Topic", "gone", spec(json!({"deletionPolicy": "Delete"}))).await.expect("a topic");
    world.until("it is there", "Topic", "gone", ready).await;
    world.own("Topic").delete("gone", &DeleteParams::default()).await.expect("deleted");
    world.own("Topic").delete("orders", &DeleteParams::default()).await.expect("deleted");
    eventually("it is deleted", PATIENCE, || async {
        (!world.brokers.state().topics.contains_key("gone")).then_some(())
    })
    .await;
    eventually("both objects are gone", PATIENCE, || async {
        let topics = world.own("Topic");
        let gone =
            topics.get_opt("gone").await.ok()?.is_none() && topics.get_opt("orders").await.ok()?.is_none();
        gone.then_some(())
    })
    .await;
    assert!(world.brokers.state().topics.contains_key("orders"));
}

pub(crate) async fn thousand(world: &World) {
    const MEMORY_MAX_MIB: u64 = 64;
    let (door, operator) = world.operator("one").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    door.until_quiet().await;
    let rest = operator.resident_mib();
    let before = (door.requests(), world.brokers.state().calls.len());
    let began = Instant::now();
    let names = (0..1_000).map(|number| format!("topic-{number}"));
    let applied = stream::iter(names).for_each_concurrent(16, |name| async move {
        world.apply("Topic", &name, spec(json!({}))).await.expect("a topic");
    });
    applied.await;
    let written = began.elapsed();
    eventually("all are ready", PATIENCE, || async {
        let topics = world.own("Topic").list(&ListParams::default()).await.ok()?;
        topics.iter().all(|topic| ready(&topic.data["status"])).then_some(())
    })
    .await;
    let took = began.elapsed();
    let calls = world.brokers.state().calls.len() - before.1;
    let writes = door.writes().len();
    eprintln!(
        "         written in {:.1} s, all ready after {:.1} s; {calls} calls to the brokers, {writes} writes, {} requests; \
         {rest} MiB before, {} MiB after",
        written.as_secs_f64(),
        took.as_secs_f64(),
        door.requests() - before.0,
        operator.resident_mib()
    );
    assert_eq!(world.brokers.state().topics.len(), 1_000);
    assert!(calls < 200, "{calls} calls to the brokers are no batches");
    assert!(operator.resident_mib() < MEMORY_MAX_MIB);
    door.until_quiet().await;
    let before = door.requests();
    sleep(Duration::from_secs(20)).await;
    eprintln!("         at rest: {} requests a minute", (door.requests() - before) * 3);
    assert_eq!(door.writes().len(), 0);
}

pub(crate) async fn namespace_goes(world: &World) {
    let (_door, operator) = world.operator("one").await;
    world.apply_cluster(json!({"storage": {"size": "1Gi", "whenDeleted": "Retain"}})).await;
    world.until_settled().await;
    world.apply("Topic", "orders", spec(json!({"deletionPolicy": "Delete"}))).await.expect("a topic");
    world.until("it is there", "Topic", "orders", ready).await;
    operator.kill().await;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    namespaces.delete(&world.namespace, &DeleteParams::default()).await.expect("deleted");
    sleep(Duration::from_secs(3)).await;
    // The Topic waits for an operator; any that comes lets it go, though its cluster is gone.
    let _back = world.operator("two").await;
    eventually("the namespace is gone", PATIENCE, || async {
        namespaces.get_opt(&world.namespace).await.ok()?.is_none().then_some(())
    })
    .await;
}
