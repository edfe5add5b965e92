//! Scenarios of Clusters.

use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::waiting::eventually;
use crate::world::{PATIENCE, World, condition, reason};

/// How long nothing may be written for it to count as rest. Longer than every pause that the plan asks for.
const REST: Duration = Duration::from_secs(15);

pub(crate) async fn settle(world: &World) {
    let (door, _operator) = world.operator("one").await;
    world.apply_cluster(json!({})).await;
    let status = world.until_settled().await;
    assert_eq!(condition(&status, "Available"), "True", "{status:#}");
    assert_eq!(status["clusterId"], "AAAAAAAAAAAAAAAAAAAAAQ");
    assert_eq!(
        status["listeners"][0]["bootstrapServers"],
        format!("logs-bootstrap.{}.svc:9092", world.namespace)
    );
    let services = world.list::<Service>().await;
    let names: Vec<_> = services.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["logs-bootstrap", "logs-brokers"]);
    for service in &services {
        assert_eq!(service.owner_references().len(), 1);
    }
    for claim in world.list::<PersistentVolumeClaim>().await {
        assert!(claim.owner_references().is_empty(), "volumes outlive their cluster");
    }
    door.forget_writes();
    sleep(REST).await;
    assert_eq!(door.writes(), Vec::<String>::new(), "an idle cluster makes no write");
    // What makes it reconcile again makes no write either.
    let touched = json!({"metadata": {"annotations": {"touched": "yes"}}});
    let clusters = world.own("Cluster");
    clusters.patch("logs", &PatchParams::default(), &Patch::Merge(&touched)).await.expect("touched");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(door.writes(), Vec::<String>::new(), "a second pass over the same object makes no write");
}

pub(crate) async fn put_back(world: &World) {
    let (_door, _operator) = world.operator("one").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    let maps = world.api::<ConfigMap>();
    let before = maps.get("logs-config").await.expect("the map").data;
    let emptied = json!({"data": {"broker.properties": "node.id=77"}});
    maps.patch("logs-config", &PatchParams::default(), &Patch::Merge(&emptied)).await.expect("changed");
    eventually("the map is put back", PATIENCE, || async {
        (maps.get("logs-config").await.ok()?.data == before).then_some(())
    })
    .await;
    let services = world.api::<Service>();
    let first = services.get("logs-bootstrap").await.expect("the service").uid();
    services.delete("logs-bootstrap", &DeleteParams::default()).await.expect("deleted");
    eventually("the service is made again", PATIENCE, || async {
        (services.get_opt("logs-bootstrap").await.ok()??.uid() != first).then_some(())
    })
    .await;
    let sets = world.api::<StatefulSet>();
    let scaled = json!({"spec": {"replicas": 1}});
    sets.patch("logs", &PatchParams::default(), &Patch::Merge(&scaled)).await.expect("scaled");
    eventually("the replicas are put back", PATIENCE, || async {
        (sets.get("logs").await.ok()?.spec?.replicas == Some(3)).then_some(())
    })
    .await;
}

pub(crate) async fn survive_kills(world: &World) {
    let door = crate::door::Door::open(world.client.clone()).await;
    world.apply_cluster(json!({})).await;
    let mut kills = 0;
    loop {
        door.shut(false);
        door.allow_writes(1);
        let operator = world.behind(&door, "one");
        let began = Instant::now();
        let done = loop {
            let status = world.status("Cluster", "logs").await;
            if status["ready"] == "3/3" && condition(&status, "Progressing") == "False" {
                break true;
            }
            // It has made its write, and whatever it does next never arrives.
            if began.elapsed() > Duration::from_secs(3) {
                break false;
            }
            sleep(Duration::from_millis(100)).await;
        };
        operator.kill().await;
        if done {
            break;
        }
        kills += 1;
        assert!(kills < 60, "it never gets to the end: {:#?}", door.writes());
    }
    assert!(kills >= 5, "only {kills} writes were survived");
    assert_eq!(world.list::<Pod>().await.items.len(), 3);
    door.shut(false);
    door.allow_writes(i64::MAX);
    let _operator = world.behind(&door, "one");
    door.until_quiet().await;
}

/// Who holds the lease.
pub(crate) async fn leader(world: &World) -> Option<String> {
    let leases: Api<Lease> = Api::namespaced(world.client.clone(), "default");
    leases.get_opt(&world.namespace).await.ok()??.spec?.holder_identity
}

pub(crate) async fn one_writes(world: &World) {
    let (first_door, first) = world.operator("first").await;
    eventually("the first leads", PATIENCE, || async {
        (leader(world).await.as_deref() == Some("first")).then_some(())
    })
    .await;
    let (second_door, mut second) = world.operator("second").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    assert_eq!(second_door.writes(), Vec::<String>::new());
    assert!(second.is_running());
    first.kill().await;
    let killed = Instant::now();
    eventually("the second leads", PATIENCE, || async {
        (leader(world).await.as_deref() == Some("second")).then_some(())
    })
    .await;
    eprintln!("         the next operator led after {:.1} s", killed.elapsed().as_secs_f64());
    world.apply_cluster(json!({"config": {"log.retention.hours": "1"}})).await;
    eventually("the second writes", PATIENCE, || async { (!second_door.writes().is_empty()).then_some(()) })
        .await;
    drop(first_door);
}

pub(crate) async fn cut_off(world: &World) {
    let (first_door, mut first) = world.operator("first").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    let (second_door, _second) = world.operator("second").await;
    first_door.shut(true);
    world.apply_cluster(json!({"config": {"log.retention.hours": "2"}})).await;
    eventually("the second writes", PATIENCE, || async { (!second_door.writes().is_empty()).then_some(()) })
        .await;
    assert!(world.log("first").contains("does not lead any more"), "the first has stopped before");
    first_door.forget_writes();
    first_door.shut(false);
    world.apply_cluster(json!({"config": {"log.retention.hours": "3"}})).await;
    eventually("the second has applied it", PATIENCE, || async {
        let map = world.api::<ConfigMap>().get("logs-config").await.ok()?;
        map.data?["broker.properties"].contains("log.retention.hours=3").then_some(())
    })
    .await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(first_door.writes(), Vec::<String>::new(), "it does not write when it is back");
    assert!(first.is_running(), "it waits for its turn");
}

pub(crate) async fn pause(world: &World) {
    let (_door, _operator) = world.operator("one").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    world.apply_cluster(json!({"paused": true, "config": {"log.retention.hours": "5"}})).await;
    let paused = |status: &Value| reason(status, "Progressing") == "Paused";
    world.until("the pause is told", "Cluster", "logs", paused).await;
    sleep(Duration::from_secs(2)).await;
    let map = world.api::<ConfigMap>().get("logs-config").await.expect("the map");
    assert!(!map.data.expect("data")["broker.properties"].contains("log.retention.hours=5"));
    world.apply_cluster(json!({"config": {"log.retention.hours": "5"}})).await;
    eventually("it goes on", PATIENCE, || async {
        let map = world.api::<ConfigMap>().get("logs-config").await.ok()?;
        map.data?["broker.properties"].contains("log.retention.hours=5").then_some(())
    })
    .await;
}

pub(crate) async fn roll(world: &World) {
    let (_door, _operator) = world.operator("one").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    // A reason to wait is shown and respected.
    world.brokers.state().refuses_stops = Some("partition orders-0 needs it".to_owned());
    world.apply_cluster(json!({"image": "weir:2"})).await;
    world
        .until("the reason is shown", "Cluster", "logs", |status| {
            status["operation"]["type"] == "Roll"
                && status["operation"]["blockedBy"].to_string().contains("orders-0")
        })
        .await;
    assert_eq!(world.images().await, ["weir:1", "weir:1", "weir:1"]);
    world.brokers.state().refuses_stops = None;
    eventually("all run the new image", PATIENCE, || async {
        (world.images().await == ["weir:2", "weir:2", "weir:2"]).then_some(())
    })
    .await;
    world.until_settled().await;
    let asked = world.brokers.state().asked.clone();
    assert_eq!(asked.last(), Some(&0), "the controller goes last: {asked:?}");
    // A bad image stops after one pod, and going back heals.
    world.kubelet.break_image("weir:bad");
    world.apply_cluster(json!({"image": "weir:bad"})).await;
    world
        .until("the trouble is told", "Cluster", "logs", |status| {
            condition(status, "Degraded") == "True"
                && status["conditions"].to_string().contains("ErrImagePull")
        })
        .await;
    sleep(Duration::from_secs(5)).await;
    let bad = world.images().await.iter().filter(|image| *image == "weir:bad").count();
    assert_eq!(bad, 1, "one pod has the bad image, the others run on");
    world.apply_cluster(json!({"image": "weir:2"})).await;
    eventually("all run the good image", PATIENCE, || async {
        (world.images().await == ["weir:2", "weir:2", "weir:2"]).then_some(())
    })
    .await;
    world.until_settled().await;
}

pub(crate) async fn delete(world: &World) {
    let (_door, _operator) = world.operator("one").await;
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    let uids = |claims: &[PersistentVolumeClaim]| claims.iter().map(ResourceExt::uid).collect::<Vec<_>>();
    let before = uids(&world.list().await.items);
    assert_eq!(before.len(), 3);
    world.own("Cluster").delete("logs", &DeleteParams::default()).await.expect("deleted");
    eventually("the children are gone", PATIENCE, || async {
        let gone = world.list::<Pod>().await.items.is_empty()
            && world.list::<StatefulSet>().await.items.is_empty()
            && world.list::<Service>().await.items.is_empty();
        gone.then_some(())
    })
    .await;
    assert_eq!(uids(&world.list().await.items), before, "the volumes stay");
    world.apply_cluster(json!({})).await;
    world.until_settled().await;
    assert_eq!(uids(&world.list().await.items), before, "and are taken again");
}
