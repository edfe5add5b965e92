//! Each rule of the roll, of scaling and of volumes as one line: the world, and what comes next.

mod autoscaling;
mod behind;
mod faults;
mod random;
mod scaling_in;
mod stranded;
mod walks;

use weir_model::BrokerId;

use super::{decide, questions};
use crate::build::build;
use crate::fixtures::{incarnation, nothing, now, valid};
use crate::object::Kind;
use crate::observed::brokers::{BrokerSeen, BrokerState, BrokersView, MayStop, Snapshot};
use crate::observed::{Child, Observed, PodSeen, StorageClassSeen, Trouble, VolumeSeen};
use crate::plan::{Plan, Step};
use crate::quantity::Bytes;

const SPEC: &str = "replicas: 3\nstorage: {size: 10Gi}";
const NEWER: &str = "replicas: 3\nstorage: {size: 10Gi}\nversion: 0.2.0";

/// Three brokers that run and do `spec`, in a world where the children are those of `children`.
fn world(spec: &str, children: &str) -> Observed {
    let mut observed = nothing();
    let old = build(&valid(spec, &observed), &observed);
    let new = build(&valid(children, &observed), &observed);
    for object in &new.objects {
        observed.children.push(Child::of_manifest(object.kind, object.manifest.clone()));
    }
    let mut seen = Snapshot {
        controller: Some(BrokerId(2)),
        under_replicated_partitions: Some(0),
        ..Snapshot::default()
    };
    for broker in (0..3).map(BrokerId) {
        observed.pods.push(PodSeen {
            name: format!("logs-{broker}"),
            uid: format!("pod-{broker}"),
            broker: Some(broker),
            ready: true,
            running: true,
            content_hash: Some(old.content_hash.clone()),
            created: Some(now() - k8s_openapi::jiff::SignedDuration::from_secs(3600)),
            ..PodSeen::default()
        });
        observed.volumes.push(VolumeSeen {
            name: format!("data-logs-{broker}"),
            uid: format!("volume-{broker}"),
            broker: Some(broker),
            requested: Some(Bytes(10 << 30)),
            capacity: Some(Bytes(10 << 30)),
            storage_class: Some("standard".to_owned()),
            bound: true,
            when_deleted: Some("Retain".to_owned()),
            cluster_uid: Some("uid-of-logs".to_owned()),
            ..VolumeSeen::default()
        });
        let incarnation = incarnation(broker, 0);
        seen.brokers.insert(broker, BrokerSeen { incarnation, replicas: 4, ..BrokerSeen::default() });
        seen.may_stop.insert(broker, MayStop::Yes { incarnation });
    }
    observed.brokers = BrokersView::Known(seen);
    observed
}

fn plan(spec: &str, observed: &Observed) -> Plan {
    let mut valid = valid(spec, observed);
    if valid.extent > valid.replicas {
        valid.before.scaling_in_to = Some(valid.replicas);
    }
    decide(&valid, &build(&valid, observed), observed)
}

/// The plan in words: steps but events, then what is waited for.
fn told(spec: &str, observed: &Observed) -> String {
    let plan = plan(spec, observed);
    let mut words: Vec<String> = plan.steps.iter().filter_map(word).collect();
    words.extend(plan.waiting.iter().map(|waiting| format!("wait:{}", waiting.reason())));
    words.join(" ")
}

fn word(step: &Step) -> Option<String> {
    Some(match step {
        Step::Event(_) => return None,
        Step::Apply(object) if object.kind == Kind::StatefulSet => {
            format!("apply:StatefulSet/{}", object.manifest["spec"]["replicas"])
        }
        Step::Apply(object) => format!("apply:{}/{}", object.kind.kind(), object.name),
        Step::Orphan(set) => format!("orphan:{}", set.name),
        Step::DeletePod { uid, .. } => format!("delete:{uid}"),
        Step::PatchVolume { name, patch } => {
            let size = patch.pointer("/spec/resources/requests/storage").and_then(serde_json::Value::as_str);
            format!("patch:{name}{}", size.map(|size| format!("={size}")).unwrap_or_default())
        }
        Step::DeleteVolume { name, .. } => format!("delete:{name}"),
        Step::Prune(child) => format!("prune:{}", child.name),
        Step::Drain(broker) => format!("drain:{}", broker.id),
        Step::Unregister(broker) => format!("unregister:{}", broker.id),
        Step::Undrain(broker) => format!("undrain:{}", broker.id),
        Step::Move(moves) => format!("move:{}", moves.len()),
        Step::CancelMoves(moves) => format!("cancel:{}", moves.len()),
        Step::ElectPreferred(partitions) => format!("elect:{}", partitions.len()),
    })
}

fn snapshot(observed: &mut Observed) -> &mut Snapshot {
    match &mut observed.brokers {
        BrokersView::Known(seen) => seen,
        BrokersView::Unknown { .. } => panic!("nobody was asked"),
    }
}

type Change = fn(&mut Observed);

fn check(spec: &str, children: &str, cases: &[(&str, Change, &str)]) {
    for (name, change, expected) in cases {
        let mut observed = world(SPEC, children);
        change(&mut observed);
        // Fewer brokers are named in the settings at once; that is no part of these stories.
        let told = told(spec, &observed).replace("apply:ConfigMap/logs-config", "");
        assert_eq!(told.trim(), *expected, "{name}");
    }
}

fn trouble(reason: &str) -> Option<Trouble> {
    Some(Trouble { reason: reason.to_owned(), message: "m".to_owned() })
}

#[test]
fn nothing_is_done_to_a_cluster_that_is_as_declared() {
    let observed = world(SPEC, SPEC);
    assert!(plan(SPEC, &observed).is_settled());
    let requeue = Some(std::time::Duration::from_secs(60));
    assert_eq!(
        plan(SPEC, &observed),
        Plan { requeue, ..Plan::default() },
        "only metrics are kept up to date"
    );
}

#[test]
fn a_roll_goes_on_only_when_everything_speaks_for_it() {
    let cases: &[(&str, Change, &str)] = &[
        ("the highest first", |_| {}, "delete:pod-1 wait:PodStopping"),
        (
            "the controller last",
            |o| o.pods.iter_mut().take(2).for_each(|pod| pod.content_hash = Some(new_hash())),
            "delete:pod-2 wait:PodStopping",
        ),
        ("another is not ready", |o| o.pods[0].ready = false, "wait:PodNotReady"),
        (
            "another is not ready and broken, while it runs what it should",
            |o| {
                o.pods[0] = PodSeen {
                    ready: false,
                    running: false,
                    trouble: trouble("ErrImagePull"),
                    content_hash: Some(new_hash()),
                    ..o.pods[0].clone()
                };
            },
            "wait:PodBroken",
        ),
        ("another is stopping", |o| o.pods[0].deleting = true, "wait:PodStopping"),
        ("another is missing", |o| drop(o.pods.remove(0)), "wait:PodMissing"),
        (
            "a replica is not in sync",
            |o| snapshot(o).under_replicated_partitions = Some(1),
            "wait:IsrNotWhole",
        ),
        ("nobody counted replicas", |o| snapshot(o).under_replicated_partitions = None, "wait:IsrNotWhole"),
        (
            "a broker is not back",
            |o| snapshot(o).brokers.get_mut(&BrokerId(0)).unwrap().fenced = true,
            "wait:BrokerNotBack",
        ),
        ("a broker is unknown", |o| drop(snapshot(o).brokers.remove(&BrokerId(0))), "wait:BrokerNotBack"),
        (
            "the controller says no",
            |o| {
                let no = MayStop::No { reasons: vec!["min ISR".to_owned()] };
                snapshot(o).may_stop.insert(BrokerId(1), no);
            },
            "wait:StopRefused",
        ),
        ("the controller was not asked", |o| snapshot(o).may_stop.clear(), "wait:MayStopUnknown"),
        (
            "the controller meant another disk",
            |o| {
                let yes = MayStop::Yes { incarnation: incarnation(BrokerId(1), 9) };
                snapshot(o).may_stop.insert(BrokerId(1), yes);
            },
            "wait:MayStopUnknown",
        ),
        (
            "nobody answers",
            |o| o.brokers = BrokersView::Unknown { why: "x".to_owned() },
            "wait:BrokersUnknown",
        ),
    ];
    check(NEWER, NEWER, cases);
}

fn new_hash() -> String {
    build(&valid(NEWER, &nothing()), &nothing()).content_hash
}

#[test]
fn a_broken_pod_is_made_anew_at_once_and_one_that_recovers_never() {
    fn broken(o: &mut Observed, running: bool, reason: Option<Trouble>) {
        o.pods[0] = PodSeen { ready: false, running, trouble: reason, ..o.pods[0].clone() };
    }
    fn fenced(o: &mut Observed, state: BrokerState, recovery: Option<(u64, u64)>) {
        let broker = snapshot(o).brokers.get_mut(&BrokerId(0)).unwrap();
        *broker = BrokerSeen { fenced: true, state, recovery, ..broker.clone() };
    }
    let cases: &[(&str, Change, &str)] = &[
        (
            "its image can not be pulled",
            |o| broken(o, false, trouble("ErrImagePull")),
            "delete:pod-0 wait:PodBroken wait:PodStopping",
        ),
        (
            "the same when nobody can be asked",
            |o| {
                broken(o, false, trouble("ErrImagePull"));
                o.brokers = BrokersView::Unknown { why: "x".to_owned() };
            },
            "delete:pod-0 wait:PodBroken wait:PodStopping",
        ),
        ("it does not run, for no reason that is known", |o| broken(o, false, None), "wait:PodNotReady"),
        (
            "it runs, and the others do not count on it",
            |o| {
                broken(o, true, None);
                fenced(o, BrokerState::Fenced, None);
            },
            "delete:pod-0 wait:PodNotReady wait:PodStopping",
        ),
        (
            "it runs, and was made a moment ago",
            |o| {
                broken(o, true, None);
                fenced(o, BrokerState::Fenced, None);
                o.pods[0].created = Some(o.now);
            },
            "wait:PodNotReady",
        ),
        (
            "it recovers",
            |o| {
                broken(o, true, trouble("OOMKilled"));
                fenced(o, BrokerState::Recovering, Some((1, 9)));
            },
            "wait:PodBroken",
        ),
        ("it only misses its probe", |o| broken(o, true, None), "wait:PodNotReady"),
        (
            "nobody can tell whether it recovers",
            |o| {
                broken(o, true, None);
                o.brokers = BrokersView::Unknown { why: "x".to_owned() };
            },
            "wait:PodNotReady wait:BrokersUnknown",
        ),
    ];
    check(NEWER, NEWER, cases);
}

#[test]
fn no_pod_is_stopped_before_what_it_shall_run_is_in_place() {
    let observed = world(SPEC, SPEC);
    assert_eq!(told(NEWER, &observed), "apply:StatefulSet/3");
    let configured = "replicas: 3\nstorage: {size: 10Gi}\nconfig: {num.partitions: '2'}";
    assert_eq!(told(configured, &observed), "apply:ConfigMap/logs-config apply:StatefulSet/3");
}

#[test]
fn a_broker_that_tells_clients_a_wrong_address_is_restarted() {
    let mut observed = world(SPEC, SPEC);
    let told_by = |host: &str| {
        let at = crate::observed::brokers::HostPort { host: host.to_owned(), port: 9092 };
        std::collections::BTreeMap::from([("INTERNAL".to_owned(), at)])
    };
    let broker = |observed: &mut Observed, host: &str| {
        snapshot(observed).brokers.get_mut(&BrokerId(1)).unwrap().listeners = told_by(host);
    };
    broker(&mut observed, "logs-1.logs-brokers.default.svc");
    assert_eq!(told(SPEC, &observed), "");
    broker(&mut observed, "elsewhere");
    assert_eq!(told(SPEC, &observed), "delete:pod-1 wait:PodStopping");
}

#[test]
fn a_cluster_that_is_paused_or_deleted_is_left_alone() {
    let mut observed = world(SPEC, SPEC);
    observed.pods.clear();
    assert_eq!(told(&format!("{NEWER}\npaused: true"), &observed), "wait:Paused");
    let mut deleted = valid(NEWER, &observed);
    deleted.deleting = true;
    let plan = decide(&deleted, &build(&deleted, &observed), &observed);
    assert_eq!(plan, Plan::default());
    assert_eq!(questions(&deleted, &build(&deleted, &observed), &observed), []);
}

#[test]
fn brokers_leave_one_at_a_time_and_only_empty() {
    const TWO: &str = "replicas: 2\nstorage: {size: 10Gi}";
    fn leaving(o: &mut Observed, replicas: u64, drained: bool) {
        let broker = snapshot(o).brokers.get_mut(&BrokerId(2)).unwrap();
        (broker.replicas, broker.drained) = (replicas, drained);
    }
    let cases: &[(&str, Change, &str)] = &[
        ("it holds replicas", |_| {}, "drain:2 wait:BrokerDraining"),
        ("it is empty", |o| leaving(o, 0, false), "drain:2 wait:BrokerNotDrained"),
        ("it is drained and empty", |o| leaving(o, 0, true), "apply:StatefulSet/2"),
        ("it is drained and still holds some", |o| leaving(o, 1, true), "wait:BrokerDraining"),
        (
            "the controller was not asked",
            |o| {
                leaving(o, 0, true);
                snapshot(o).may_stop.clear();
            },
            "wait:MayStopUnknown",
        ),
        (
            "the controller says no",
            |o| {
                leaving(o, 0, true);
                snapshot(o)
                    .may_stop
                    .insert(BrokerId(2), MayStop::No { reasons: vec!["majority".to_owned()] });
            },
            "wait:StopRefused",
        ),
        (
            "it was never registered",
            |o| drop(snapshot(o).brokers.remove(&BrokerId(2))),
            "apply:StatefulSet/2",
        ),
        (
            "nobody answers",
            |o| o.brokers = BrokersView::Unknown { why: "x".to_owned() },
            "wait:BrokersUnknown",
        ),
        (
            "another replica is not in sync",
            |o| {
                leaving(o, 0, true);
                snapshot(o).under_replicated_partitions = Some(3);
            },
            "wait:IsrNotWhole",
        ),
    ];
    check(TWO, SPEC, cases);
}

#[test]
fn a_broker_that_is_gone_is_forgotten_and_its_volume_goes_where_the_user_wants_it() {
    const TWO: &str = "replicas: 2\nstorage: {size: 10Gi, whenScaled: Delete}";
    fn gone(o: &mut Observed) {
        o.pods.pop();
        let broker = snapshot(o).brokers.get_mut(&BrokerId(2)).unwrap();
        *broker = BrokerSeen { fenced: true, drained: true, replicas: 0, ..broker.clone() };
    }
    let cases: &[(&str, Change, &str)] = &[
        ("it is registered", gone, "unregister:2"),
        (
            "it is forgotten",
            |o| {
                gone(o);
                snapshot(o).brokers.remove(&BrokerId(2));
            },
            "delete:data-logs-2",
        ),
        (
            "its pod is still there",
            |o| {
                snapshot(o).brokers.remove(&BrokerId(2));
                o.pods[2].deleting = true;
            },
            "wait:PodStopping",
        ),
        (
            "the volume was another cluster's",
            |o| {
                gone(o);
                snapshot(o).brokers.remove(&BrokerId(2));
                o.volumes[2].cluster_uid = Some("other".to_owned());
            },
            "patch:data-logs-2",
        ),
        (
            "nobody answers",
            |o| {
                gone(o);
                o.brokers = BrokersView::Unknown { why: "x".to_owned() };
            },
            "",
        ),
    ];
    check(TWO, TWO, cases);
    let kept: &[(&str, Change, &str)] = &[(
        "it is forgotten, and volumes are retained",
        |o| {
            gone(o);
            snapshot(o).brokers.remove(&BrokerId(2));
        },
        "",
    )];
    check("replicas: 2\nstorage: {size: 10Gi}", "replicas: 2\nstorage: {size: 10Gi}", kept);
}

#[test]
fn volumes_grow_where_their_class_lets_them_and_never_shrink() {
    const LARGER: &str = "replicas: 3\nstorage: {size: 20Gi}";
    fn class(o: &mut Observed, expandable: bool) {
        let name = "standard".to_owned();
        o.storage_classes = Some(vec![StorageClassSeen { name, expandable, default: true }]);
    }
    fn sized(o: &mut Observed, requested: u64, capacity: u64) {
        for volume in &mut o.volumes {
            (volume.requested, volume.capacity) = (Some(Bytes(requested << 30)), Some(Bytes(capacity << 30)));
        }
    }
    let grow = "patch:data-logs-0=20Gi patch:data-logs-1=20Gi patch:data-logs-2=20Gi \
                wait:VolumeGrowing wait:VolumeGrowing wait:VolumeGrowing";
    let cases: &[(&str, Change, &str)] = &[
        ("the class allows it", |o| class(o, true), grow),
        ("classes can not be read", |o| o.storage_classes = None, grow),
        (
            "the class does not allow it",
            |o| class(o, false),
            "wait:VolumeCanNotGrow wait:VolumeCanNotGrow wait:VolumeCanNotGrow",
        ),
        ("it grows", |o| sized(o, 20, 10), "wait:VolumeGrowing wait:VolumeGrowing wait:VolumeGrowing"),
        ("it has grown", |o| sized(o, 20, 20), ""),
        ("somebody has made it larger still", |o| sized(o, 30, 30), ""),
    ];
    check(LARGER, LARGER, cases);
    let replaced = told(LARGER, &world(SPEC, SPEC));
    assert!(
        replaced.starts_with("orphan:logs ") && replaced.contains("wait:StatefulSetReplaced"),
        "{replaced}"
    );
}

#[test]
fn what_is_no_longer_wanted_is_taken_away_and_what_is_not_ours_is_not() {
    const OUTSIDE: &str = "replicas: 3\nstorage: {size: 10Gi}\nlisteners: [{name: more, port: 9192}]";
    let mut observed = world(SPEC, SPEC);
    let valid_outside = valid(OUTSIDE, &nothing());
    let service = build(&valid_outside, &nothing());
    let service = service.object(Kind::Service, "logs-more-bootstrap").unwrap();
    observed.children.push(Child::of_manifest(Kind::Service, service.manifest.clone()));
    assert_eq!(told(SPEC, &observed), "prune:logs-more-bootstrap");
    let last = observed.children.last_mut().unwrap();
    last.manifest["metadata"]["ownerReferences"][0]["uid"] = "somebody".into();
    assert_eq!(told(SPEC, &observed), "");
}

#[test]
fn drift_is_put_back_and_somebody_elses_object_is_not_touched() {
    let mut observed = world(SPEC, SPEC);
    let at = observed.children.iter().position(|child| child.name == "logs-bootstrap").unwrap();
    observed.children[at].manifest["spec"]["ports"][0]["port"] = 1.into();
    assert_eq!(told(SPEC, &observed), "apply:Service/logs-bootstrap");
    observed.children[at].manifest["metadata"]["ownerReferences"][0]["uid"] = "somebody".into();
    assert_eq!(told(SPEC, &observed), "wait:NameTaken");
    // Nobody controls it, and it has no label of ours: somebody made it by hand.
    let metadata = observed.children[at].manifest["metadata"].as_object_mut().unwrap();
    metadata.remove("ownerReferences");
    let labels = metadata.remove("labels").unwrap();
    assert_eq!(told(SPEC, &observed), "wait:NameTaken");
    observed.children[at].manifest["metadata"]["labels"] = labels;
    assert_eq!(told(SPEC, &observed), "apply:Service/logs-bootstrap", "ours, that lost its owner");
    observed.children.remove(at);
    assert_eq!(told(SPEC, &observed), "apply:Service/logs-bootstrap");
}

#[test]
fn only_the_next_broker_is_asked_about() {
    let asked = |observed: &Observed| {
        let valid = valid(NEWER, observed);
        questions(&valid, &build(&valid, observed), observed).first().map(|broker| broker.id.0)
    };
    let mut observed = world(SPEC, NEWER);
    assert_eq!(asked(&observed), Some(1));
    observed.pods[1].ready = false;
    assert_eq!(asked(&observed), None);
    assert_eq!(asked(&world(NEWER, NEWER)), None);
}
