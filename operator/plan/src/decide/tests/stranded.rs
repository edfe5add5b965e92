//! A broker whose volume lies on a node that is gone: each reason for and against giving the volume up as one line.

use k8s_openapi::jiff::SignedDuration;
use weir_model::BrokerId;

use super::{Change, SPEC, decide, snapshot, trouble, word, world};
use crate::build::build;
use crate::fixtures::{now, valid};
use crate::observed::brokers::{BrokersView, PartitionState};
use crate::observed::{Observed, Whereabouts};
use crate::plan::{Plan, Waiting};
use crate::toy_world::World;

const PATIENT: &str = "replicas: 3\nstorage: {size: 10Gi}\nrebalance: {replaceLostBrokerAfter: 30m}";

/// Broker 2 was lost an hour ago with its node, and holds nothing any more.
fn stranded() -> Observed {
    let mut observed = world(SPEC, SPEC);
    let pod = &mut observed.pods[2];
    (pod.ready, pod.running, pod.trouble) = (false, false, trouble("Unschedulable"));
    observed.volumes[2].volume = Some("pv-2".to_owned());
    let gone = Whereabouts::NodeGone { node: "n2".to_owned() };
    observed.whereabouts.insert("pv-2".to_owned(), gone);
    let seen = snapshot(&mut observed);
    let broker = seen.brokers.get_mut(&BrokerId(2)).unwrap();
    (broker.fenced, broker.replicas) = (true, 0);
    seen.partitions = Some(vec![partition(&[0, 1], &[0, 1])]);
    observed
}

fn partition(replicas: &[i32], in_sync: &[i32]) -> PartitionState {
    let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
    PartitionState {
        topic: "t".to_owned(),
        number: 3,
        replicas: brokers(replicas),
        in_sync: brokers(in_sync),
        leader: in_sync.first().copied().map(BrokerId),
        min_in_sync: 2,
        ..PartitionState::default()
    }
}

fn plan(spec: &str, observed: &Observed, gone_min: i64) -> Plan {
    let mut valid = valid(spec, observed);
    let since = now() - SignedDuration::from_mins(gone_min);
    valid.before.unheard_since.insert(BrokerId(2), since);
    decide(&valid, &build(&valid, observed), observed)
}

fn deletes(plan: &Plan) -> Vec<String> {
    plan.steps.iter().filter_map(word).filter(|word| word.starts_with("delete:")).collect()
}

const GIVEN_UP: [&str; 2] = ["delete:data-logs-2", "delete:pod-2"];

#[test]
fn a_volume_on_a_node_that_is_gone_is_given_up_once_its_broker_was_lost_and_emptied() {
    let done = plan(PATIENT, &stranded(), 60);
    assert_eq!(deletes(&done), GIVEN_UP);
    assert!(deletes(&plan(SPEC, &stranded(), 60)).is_empty(), "nobody said that lost brokers are replaced");
    assert!(deletes(&plan(PATIENT, &stranded(), 20)).is_empty(), "not for long enough");
    let against: &[(&str, Change)] = &[
        ("it holds a replica", |o| {
            snapshot(o).brokers.get_mut(&BrokerId(2)).unwrap().replicas = 1;
        }),
        ("a partition lies on it", |o| snapshot(o).partitions = Some(vec![partition(&[0, 2], &[0])])),
        ("nobody told of partitions", |o| snapshot(o).partitions = None),
        ("nobody answers", |o| o.brokers = BrokersView::Unknown { why: "x".to_owned() }),
        ("it is heard of", |o| snapshot(o).brokers.get_mut(&BrokerId(2)).unwrap().fenced = false),
        ("another broker is away", |o| snapshot(o).brokers.get_mut(&BrokerId(1)).unwrap().fenced = true),
        ("another pod is not ready", |o| o.pods[0].ready = false),
        ("a replica is not in sync", |o| snapshot(o).under_replicated_partitions = Some(1)),
        ("its node is there", |o| drop(o.whereabouts.insert("pv-2".to_owned(), Whereabouts::Reachable))),
        ("nobody could look", |o| {
            o.whereabouts.insert("pv-2".to_owned(), Whereabouts::Unknown { why: "x".to_owned() });
        }),
        ("nobody looked", |o| o.whereabouts.clear()),
        ("its pod is on a node", |o| o.pods[2].node = Some("n1".to_owned())),
        ("its pod runs", |o| o.pods[2].running = true),
        ("its pod is going", |o| o.pods[2].deleting = true),
        ("the claim is another cluster's", |o| o.volumes[2].cluster_uid = Some("other".to_owned())),
        ("the claim is going", |o| o.volumes[2].deleting = true),
    ];
    for (name, change) in against {
        let mut observed = stranded();
        change(&mut observed);
        assert_eq!(deletes(&plan(PATIENT, &observed, 60)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_person_is_told_the_command_or_what_it_would_lose() {
    let told = |change: Change| {
        let mut observed = stranded();
        change(&mut observed);
        let waiting = plan(SPEC, &observed, 60).waiting;
        let gone = waiting.iter().find(|waiting| matches!(waiting, Waiting::NodeGone { .. }));
        gone.map(ToString::to_string).unwrap_or_default()
    };
    let command = "kubectl delete --namespace default pvc/data-logs-2 pod/logs-2";
    let safe = told(|o| snapshot(o).partitions = Some(vec![partition(&[2, 0, 1], &[0, 1])]));
    assert!(safe.contains("node n2 is gone") && safe.ends_with(command), "{safe}");
    let cases: &[(&str, Change)] = &[
        ("too few in sync", |o| snapshot(o).partitions = Some(vec![partition(&[2, 0, 1], &[0])])),
        ("the last copy", |o| snapshot(o).partitions = Some(vec![partition(&[2], &[2])])),
        ("the other one is away, too", |o| {
            let seen = snapshot(o);
            seen.partitions = Some(vec![partition(&[2, 0, 1], &[0, 1])]);
            seen.brokers.get_mut(&BrokerId(1)).unwrap().fenced = true;
        }),
    ];
    for (name, change) in cases {
        let lost = told(*change);
        assert!(lost.contains("t-3 has too few replicas") && !lost.contains("kubectl"), "{name}: {lost}");
    }
    let unknown = told(|o| o.brokers = BrokersView::Unknown { why: "x".to_owned() });
    assert!(unknown.contains("not known") && !unknown.contains("kubectl"), "{unknown}");
}

#[test]
fn a_broker_whose_node_is_gone_for_good_starts_anew_elsewhere_and_gets_its_share() {
    let spec = PATIENT.replace("replicas: 3", "replicas: 4");
    let mut world = World::in_zones(crate::fixtures::cluster(&spec), &['a', 'a', 'a', 'a']);
    world.converge();
    world.partitions.create(40, 4, 2);
    world.lose_node(3);
    world.converge();
    assert!(world.history.contains(&"delete data-logs-3".to_owned()), "{:?}", world.history);
    assert_eq!(world.partitions.counts(4), [20; 4]);
    assert!(world.pod(3).is_some_and(|pod| pod.ready));
}

#[test]
fn a_broker_whose_replicas_have_nowhere_to_go_waits_for_a_person() {
    let mut world = World::in_zones(crate::fixtures::cluster(PATIENT), &['a', 'a', 'a']);
    world.converge();
    world.partitions.create(10, 3, 3);
    world.lose_node(2);
    for _ in 0..100 {
        world.pass();
        world.tick();
    }
    assert!(world.volumes().contains(&"data-logs-2".to_owned()));
    assert!(!world.history.contains(&"delete data-logs-2".to_owned()), "{:?}", world.history);
    let status = world.cluster.status.clone().unwrap();
    let degraded = status.conditions.iter().find(|condition| condition.type_ == "Degraded").unwrap();
    assert_eq!((&*degraded.status, &*degraded.reason), ("True", "NodeGone"));
    assert!(degraded.message.contains("kubectl delete"), "{}", degraded.message);
    world.give_nodes_up();
    world.converge();
    assert_eq!(world.partitions.counts(3), [10; 3]);
}
