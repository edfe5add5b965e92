//! Scenarios of operators that are killed and cut off while brokers come, go, roll, and replicas move. Chance chooses the
//! moments; what it began with is told.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::clusters::leader;
use crate::door::Door;
use crate::fleet::Fleet;
use crate::waiting::eventually;
use crate::world::{PATIENCE, World, condition};

/// Brokers that never go for good.
const STAYING: i32 = 3;
/// How often the leading one is cut off while brokers come, and while they go.
const CUTS: usize = 2;
const KILLS: u32 = 100;
/// Every second change leaves the number as it is, and is another setting: a roll.
const BROKERS_IN_TURN: [usize; 4] = [5, 5, 3, 3];
/// How long one may lead before it is killed: long enough to begin something, mostly too short to finish.
const LEADS_AT_MOST: Duration = Duration::from_millis(2_500);

/// Moments that nobody foresees, told so that a failure can be read.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let chance = Self(Uuid::new_v4().as_u64_pair().0);
        eprintln!("         chance: {}", chance.0);
        chance
    }

    /// Up to that long.
    fn within(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis((self.0 >> 33) % most.max(1))
    }
}

/// A cluster of three with a topic whose replicas move when brokers come and go.
async fn begin(world: &World) {
    let auto = json!({"rebalance": {"mode": "Auto"}});
    world.apply_cluster(auto).await;
    let topic = json!({"clusterRef": {"name": "logs"}, "partitions": 30, "replicationFactor": 2});
    world.apply("Topic", "orders", topic).await.expect("the topic is accepted");
    until_done(world, 3).await;
}

async fn scale(world: &World, replicas: usize) {
    let patch = json!({"spec": {"replicas": replicas}});
    let clusters = world.own("Cluster");
    clusters.patch_scale("logs", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("scaled");
}

/// Whether so many brokers are there and hold their shares, and nothing goes on.
async fn is_done(world: &World, replicas: usize) -> bool {
    let object = world.own("Cluster").get("logs").await;
    let Ok(object) = object else { return false };
    let status: Value = object.data["status"].clone();
    let held = world.brokers.held();
    status["observedGeneration"].as_i64() == object.metadata.generation
        && status["ready"] == format!("{replicas}/{replicas}")
        && condition(&status, "Progressing") == "False"
        && condition(&status, "Balanced") == "True"
        && held.len() == replicas
        && held.values().all(|count| *count > 0)
}

async fn until_done(world: &World, replicas: usize) {
    eventually(&format!("{replicas} brokers hold their shares"), PATIENCE, || async {
        is_done(world, replicas).await.then_some(())
    })
    .await;
}

/// Nobody was away who was to stay, and nobody is left drained.
fn check(world: &World, fleet: &Fleet, most_away: usize) {
    let away = fleet.seen().most_away;
    assert!(away <= most_away, "{away} brokers were away at once");
    let members = world.brokers.state().members.clone();
    assert!(members.values().all(|member| !member.drained && !member.fenced), "{members:?}");
}

pub(crate) async fn two(world: &World) {
    let (fleet, mut chance) = (Fleet::follow(world, STAYING), Chance::new());
    let (first, _first) = world.operator("first").await;
    let (second, _second) = world.operator("second").await;
    begin(world).await;
    let door = |name: &str| if name == "first" { &first } else { &second };
    for _ in 0..CUTS {
        for replicas in [5, 3] {
            scale(world, replicas).await;
            sleep(chance.within(LEADS_AT_MOST)).await;
            let leading = leader(world).await.expect("somebody leads");
            cut_off(world, door(&leading), &leading).await;
            until_done(world, replicas).await;
            check(world, &fleet, 0);
        }
    }
    assert_eq!(fleet.restarts(STAYING), [0, 0, 0], "nobody is restarted for it");
}

/// The leading one does not reach its lease any more, until another leads; everything else it reaches.
async fn cut_off(world: &World, door: &Door, leading: &str) {
    door.shut_lease(true);
    eventually("another leads", PATIENCE, || async {
        (leader(world).await.as_deref() != Some(leading)).then_some(())
    })
    .await;
    door.forget_writes();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(door.writes(), Vec::<String>::new(), "{leading} writes though another leads");
    door.shut_lease(false);
}

pub(crate) async fn hundred(world: &World) {
    let (fleet, mut chance) = (Fleet::follow(world, STAYING), Chance::new());
    let door = Door::open(world.client.clone()).await;
    let mut operator = world.behind(&door, "one");
    begin(world).await;
    let (mut kills, mut rolls, mut changes, began) = (0, 0_usize, 0_usize, Instant::now());
    while kills < KILLS {
        let replicas = BROKERS_IN_TURN[changes % BROKERS_IN_TURN.len()];
        rolls += changes % 2;
        let retention = (604_900_000 + rolls).to_string();
        let spec = json!({"replicas": replicas, "rebalance": {"mode": "Auto"}, "config": {"log.retention.ms": retention}});
        world.apply_cluster(spec).await;
        changes += 1;
        let asked = Instant::now();
        loop {
            sleep(chance.within(LEADS_AT_MOST)).await;
            if is_done(world, replicas).await || kills >= KILLS {
                break;
            }
            assert!(asked.elapsed() < PATIENCE * 2, "it never gets to the end: {:?}", world.brokers.held());
            operator.kill().await;
            kills += 1;
            set_free(world).await;
            operator = world.behind(&door, "one");
        }
        until_done(world, replicas).await;
        check(world, &fleet, 1);
    }
    let restarts = fleet.restarts(STAYING);
    // The cluster began without that setting: the first value of it is a roll, too.
    rolls += 1;
    assert_eq!(restarts, vec![rolls; restarts.len()], "each roll restarts each broker once");
    let took = began.elapsed().as_secs_f64();
    eprintln!("         {kills} kills, {changes} changes and {rolls} rolls in {took:.0} s");
}

/// The holder is known to be dead: the next one need not wait until that is believed.
async fn set_free(world: &World) {
    let leases: Api<Lease> = Api::namespaced(world.client.clone(), "default");
    let nobody = json!({"spec": {"holderIdentity": ""}});
    let freed = leases.patch(&world.namespace, &PatchParams::default(), &Patch::Merge(&nobody)).await;
    freed.expect("the lease is there");
}
