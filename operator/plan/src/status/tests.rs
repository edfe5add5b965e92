//! Each condition by the world that it tells about, and that a status is written only when something has changed.

use k8s_openapi::jiff::SignedDuration;
use weir_model::BrokerId;
use weir_operator_api::{BrokerPhase, Cluster, ClusterStatus, OperationKind};

use super::{Outcome, events, status};
use crate::build::build;
use crate::decide::decide;
use crate::fixtures::{cluster, nothing};
use crate::observed::brokers::{BrokerSeen, BrokerState, BrokersView, Snapshot};
use crate::observed::{Observed, PodSeen, Trouble};
use crate::toy_world::World;
use crate::validate::validate;

const THREE: &str = "replicas: 3\nstorage: {size: 10Gi}";

fn pass(cluster: &Cluster, observed: &Observed) -> ClusterStatus {
    match validate(cluster, observed) {
        Err(wrong) => status(cluster, observed, Outcome::Invalid(&wrong)),
        Ok(valid) => {
            let desired = build(&valid, observed);
            let plan = decide(&valid, &desired, observed);
            status(cluster, observed, Outcome::Planned { cluster: &valid, desired: &desired, plan: &plan })
        }
    }
}

/// `Type=Status/Reason` of every condition.
fn conditions(status: &ClusterStatus) -> String {
    let word = |c: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        format!("{}={}/{}", c.type_, c.status, c.reason)
    };
    status.conditions.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn settled() -> World {
    let mut world = World::new(cluster(THREE));
    world.converge();
    world
}

fn snapshot(observed: &mut Observed) -> &mut Snapshot {
    match &mut observed.brokers {
        BrokersView::Known(seen) => seen,
        BrokersView::Unknown { .. } => panic!("nobody was asked"),
    }
}

#[test]
fn a_settled_cluster_says_so_and_is_not_written_again() {
    let world = settled();
    let mut cluster = world.cluster.clone();
    let mut observed = world.observe();
    let first = pass(&cluster, &observed);
    assert_eq!(
        conditions(&first),
        "Available=True/AllPartitionsAvailable Progressing=False/Settled Degraded=False/AsExpected Balanced=True/Spread"
    );
    assert_eq!((first.replicas, first.ready_replicas, first.ready.as_deref()), (3, 3, Some("3/3")));
    assert_eq!(first.version.as_deref(), Some("0.1.0"));
    assert_eq!(first.cluster_id.as_deref(), Some("toy"));
    assert_eq!(first.selector.as_deref(), Some("weir.dev/cluster=logs,app.kubernetes.io/component=broker"));
    let bootstrap = first.listeners[0].bootstrap_servers.as_deref();
    assert_eq!(bootstrap, Some("logs-bootstrap.default.svc:9092"));
    assert!(first.brokers.iter().all(|broker| broker.phase == BrokerPhase::Active), "{:?}", first.brokers);
    cluster.status = Some(first.clone());
    observed.now += SignedDuration::from_secs(1_000);
    assert_eq!(pass(&cluster, &observed), first, "time alone changes nothing");
    // What the API server gives back is what was written.
    let text = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<ClusterStatus>(&text).unwrap(), first);
}

type Change = fn(&mut Observed);

#[test]
fn conditions_tell_what_is_wrong_with_a_stable_reason() {
    let cases: &[(&str, Change, &str)] = &[
        (
            "partitions have no leader",
            |o| snapshot(o).offline_partitions = 2,
            "Available=False/OfflinePartitions",
        ),
        (
            "partitions are below their min ISR",
            |o| snapshot(o).under_min_isr_partitions = Some(1),
            "Available=False/BelowMinIsr",
        ),
        (
            "nobody answers",
            |o| o.brokers = BrokersView::Unknown { why: "x".to_owned() },
            "Available=Unknown/BrokersUnknown",
        ),
        (
            "no broker is ready",
            |o| o.pods.iter_mut().for_each(|pod| pod.ready = false),
            "Available=False/NoBrokerReady",
        ),
        (
            "an image can not be pulled",
            |o| broken(&mut o.pods[1], "ErrImagePull"),
            "Degraded=True/ErrImagePull",
        ),
        ("a broker needs more memory", |o| broken(&mut o.pods[1], "OOMKilled"), "Degraded=True/OOMKilled"),
        ("no node takes a pod", |o| broken(&mut o.pods[1], "Unschedulable"), "Degraded=True/Unschedulable"),
        (
            "a broker is lost",
            |o| {
                o.pods.remove(1);
                let broker = snapshot(o).brokers.get_mut(&BrokerId(1)).unwrap();
                *broker =
                    BrokerSeen { fenced: true, replicas: 3, state: BrokerState::Fenced, ..broker.clone() };
            },
            "Degraded=True/BrokerLost",
        ),
        (
            "a broker is not heard of while its pod looks well",
            |o| {
                let broker = snapshot(o).brokers.get_mut(&BrokerId(1)).unwrap();
                *broker =
                    BrokerSeen { fenced: true, replicas: 3, state: BrokerState::Fenced, ..broker.clone() };
            },
            "Degraded=True/BrokerLost",
        ),
        (
            "a disk does not work",
            |o| snapshot(o).brokers.get_mut(&BrokerId(1)).unwrap().disk_failed = true,
            "Degraded=True/DiskFailed",
        ),
        (
            "a broker holds far more than another",
            |o| snapshot(o).brokers.get_mut(&BrokerId(1)).unwrap().replicas = 50,
            "Balanced=False/Skewed",
        ),
        ("partitions move", |o| snapshot(o).moving_partitions = 1, "Balanced=False/Moving"),
        ("a pod is not ready", |o| o.pods[1].ready = false, "Progressing=True/PodNotReady"),
    ];
    let world = settled();
    for (name, change, expected) in cases {
        let mut observed = world.observe();
        change(&mut observed);
        let told = conditions(&pass(&world.cluster, &observed));
        assert!(told.contains(expected), "{name}: {told}");
    }
}

fn broken(pod: &mut PodSeen, reason: &str) {
    (pod.ready, pod.running) = (false, false);
    pod.trouble = Some(Trouble { reason: reason.to_owned(), message: "m".to_owned() });
}

#[test]
fn an_impossible_spec_is_told_with_all_that_is_wrong_and_keeps_what_was_known() {
    let world = settled();
    let observed = world.observe();
    let mut broken = cluster(&format!("{THREE}\nconfig: {{nonsense: x, num.partitions: many}}"));
    broken.status = Some(pass(&world.cluster, &observed));
    let told = pass(&broken, &observed);
    assert!(
        conditions(&told).contains("Progressing=False/InvalidSpec Degraded=True/InvalidSpec"),
        "{told:?}"
    );
    let degraded = told.conditions.iter().find(|c| c.type_ == "Degraded").unwrap();
    assert!(
        degraded.message.contains("nonsense") && degraded.message.contains("num.partitions"),
        "{degraded:?}"
    );
    assert!(conditions(&told).contains("Available=True"), "the brokers run on");
    assert_eq!(told.listeners, broken.status.unwrap().listeners);
}

#[test]
fn replicas_that_are_behind_are_told_beside_what_clients_can_use() {
    let world = settled();
    let mut observed = world.observe();
    for (behind, told) in [(0, "clients can use every partition"), (16, "not in sync")] {
        snapshot(&mut observed).under_replicated_partitions = Some(behind);
        let status = pass(&world.cluster, &observed);
        let available = status.conditions.iter().find(|c| c.type_ == "Available").unwrap();
        assert!(available.status == "True" && available.message.ends_with(told), "{available:?}");
    }
}

#[test]
fn paused_is_told_while_the_rest_stays_true() {
    let world = settled();
    let paused = cluster(&format!("{THREE}\npaused: true\nversion: 0.2.0"));
    let told = conditions(&pass(&paused, &world.observe()));
    assert!(told.contains("Progressing=False/Paused") && told.contains("Available=True"), "{told}");
}

#[test]
fn an_operation_keeps_its_beginning_and_tells_what_it_waits_for() {
    let mut world = settled();
    world.cluster.spec = cluster(&format!("{THREE}\nversion: 0.2.0")).spec;
    world.pass();
    world.tick();
    world.silent = 9;
    let mut observed = world.observe();
    let first = pass(&world.cluster, &observed);
    let operation = first.operation.clone().unwrap();
    assert_eq!(operation.kind, OperationKind::Roll);
    assert!(operation.blocked_by.iter().any(|why| why.contains("nobody answers")), "{operation:?}");
    world.cluster.status = Some(first.clone());
    observed.now += SignedDuration::from_secs(60);
    assert_eq!(pass(&world.cluster, &observed).operation.unwrap().started_at, operation.started_at);
    assert_eq!(pass(&world.cluster, &observed), first);
}

#[test]
fn a_transition_gets_a_new_time_and_an_event_and_a_new_message_does_not() {
    let world = settled();
    let mut cluster = world.cluster.clone();
    let mut observed = world.observe();
    let well = pass(&cluster, &observed);
    assert_eq!(events(None, &well), [], "a cluster that begins well has nothing to tell");
    cluster.status = Some(well.clone());
    observed.now += SignedDuration::from_secs(60);
    snapshot(&mut observed).offline_partitions = 2;
    let ill = pass(&cluster, &observed);
    assert_ne!(ill.conditions[0].last_transition_time, well.conditions[0].last_transition_time);
    let told: Vec<_> = events(Some(&well), &ill).iter().map(|event| event.reason).collect();
    assert_eq!(told, ["Unavailable"]);
    cluster.status = Some(ill.clone());
    observed.now += SignedDuration::from_secs(60);
    snapshot(&mut observed).offline_partitions = 3;
    let worse = pass(&cluster, &observed);
    assert_eq!(worse.conditions[0].last_transition_time, ill.conditions[0].last_transition_time);
    assert_ne!(worse.conditions[0].message, ill.conditions[0].message);
    assert_eq!(events(Some(&ill), &worse), []);
    let told: Vec<_> = events(Some(&worse), &well).iter().map(|event| event.reason).collect();
    assert_eq!(told, ["Available"]);
}

#[test]
fn a_new_cluster_is_not_available_and_says_what_it_does() {
    let told = pass(&cluster(THREE), &nothing());
    assert!(conditions(&told).contains("Available=False/NoBrokerReady Progressing=True/"), "{told:?}");
    assert_eq!(told.operation.map(|operation| operation.kind), Some(OperationKind::Create));
    assert_eq!(told.brokers.len(), 3);
    assert_eq!(told.ready.as_deref(), Some("0/3"));
}
