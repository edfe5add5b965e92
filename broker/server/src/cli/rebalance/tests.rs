//! What is read of a Cluster, how it is told, and what is written into it: as values, and through a kubectl that was made up.

mod fake_kubectl;

use std::time::Duration;

use serde_json::{Value, json};

use super::cancel::{Then, order};
use super::cluster::{Cluster, Mode};
use super::target::Target;
use super::{Kubectl, approve, cancel, plan, status};
use crate::cli::failure::Failure;
use crate::cli::output::{Format, Output};
use fake_kubectl::FakeKubectl;

/// Everything that is read, in a Cluster that waits for approval.
fn proposed() -> Value {
    let broker = |id: i32, before: u64, after: u64| {
        json!({
            "id": id, "replicasBefore": before, "replicasAfter": after, "leadersBefore": before / 2,
            "leadersAfter": after / 2, "bytesBefore": before << 20, "bytesAfter": after << 20
        })
    };
    json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "Cluster",
        "metadata": {"name": "logs", "namespace": "prod", "generation": 4},
        "spec": {"paused": false, "rebalance": {"mode": "Propose"}},
        "status": {
            "observedGeneration": 4,
            "proposal": {
                "hash": "h1", "moves": 30, "leaderships": 1, "bytes": 30 << 20,
                "brokers": [broker(0, 60, 30), broker(1, 30, 30), broker(2, 0, 30)]
            },
            "conditions": [
                {"type": "Available", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "t"},
                {"type": "Balanced", "status": "False", "reason": "Proposed", "message": "30 moves would even it out",
                 "lastTransitionTime": "2026-11-22T01:00:00Z"}
            ]
        }
    })
}

/// The same, approved and half done.
fn under_way() -> Value {
    let mut cluster = proposed();
    cluster["spec"]["rebalance"]["approved"] = json!("h1");
    let status = cluster["status"].as_object_mut().unwrap();
    status.remove("proposal");
    status.insert("balancing".to_owned(), json!("h1"));
    status.insert(
        "operation".to_owned(),
        json!({
            "type": "Rebalance", "reason": "15 moves and 0 changes of leaders are left", "startedAt": "2026-11-22T01:02:00Z",
            "movesDone": 15, "movesTotal": 30, "bytesDone": 10 << 20, "bytesTotal": 30 << 20,
            "timeLeft": "about 4 minutes", "blockedBy": ["10 partitions are being moved"]
        }),
    );
    cluster
}

fn balanced(mode: &str) -> Value {
    let mut cluster = proposed();
    cluster["spec"]["rebalance"]["mode"] = json!(mode);
    let status = cluster["status"].as_object_mut().unwrap();
    status.remove("proposal");
    let told = json!({
        "type": "Balanced", "status": "True", "reason": "Spread", "message": "replicas and leaders are spread over the brokers",
        "lastTransitionTime": "2026-11-22T01:00:00Z"
    });
    status.insert("conditions".to_owned(), json!([told]));
    cluster
}

fn read(cluster: &Value) -> Cluster {
    serde_json::from_value(cluster.clone()).unwrap()
}

fn target() -> Target {
    Target { kubectl: "kubectl".into(), ..Target::default() }
}

fn told(failure: Failure) -> String {
    let Failure::Refused { message, help } = failure else { panic!("another failure: {failure:?}") };
    format!("{message} | {}", help.unwrap_or_default())
}

fn output() -> Output {
    Output::new(Format::Table)
}

#[test]
fn every_field_that_is_read_is_in_the_definition_of_a_cluster() {
    let definition: Value =
        serde_yaml::from_str(include_str!("../../../../../crds/weir.dev_clusters.yaml")).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for cluster in [proposed(), under_way()] {
        for part in ["spec", "status"] {
            is_defined(&cluster[part], &schema["properties"][part], part);
        }
    }
    let modes = &schema["properties"]["spec"]["properties"]["rebalance"]["properties"]["mode"]["enum"];
    for mode in modes.as_array().unwrap() {
        let known = Mode::from(mode.as_str().unwrap().to_owned());
        assert!(!matches!(known, Mode::Other(_)), "{known}");
    }
}

fn is_defined(value: &Value, schema: &Value, at: &str) {
    assert!(schema.is_object(), "nobody defines {at}");
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                is_defined(value, &schema["properties"][name], &format!("{at}.{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| is_defined(item, &schema["items"], at)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_plan_is_drawn_broker_by_broker_with_the_next_command() {
    let drawn = plan::text(&output(), &read(&proposed()), &target());
    let expected = "\
Cluster logs in prod, plan h1: 30 moves, 1 change of leaders, 30 MiB to copy

BROKER  REPLICAS  BEFORE        AFTER   LEADERS   BYTES             BEFORE        AFTER
0       60 -> 30  ############  ######  30 -> 15  60 MiB -> 30 MiB  ############  ######
1       30        ######        ######  15        30 MiB            ######        ######
2       0 -> 30                 ######  0 -> 15   0 B -> 30 MiB                   ######

nothing moves until it is approved: weir rebalance approve
";
    assert_eq!(drawn, expected);
}

#[test]
fn where_there_is_no_plan_it_is_said_why() {
    let mut paused = balanced("Propose");
    paused["spec"]["paused"] = json!(true);
    let mut skewed = balanced("Propose");
    skewed["status"]["conditions"] = proposed()["status"]["conditions"].clone();
    let cases = [
        ("Propose", balanced("Propose"), "nothing is to be moved"),
        (
            "Auto",
            balanced("Auto"),
            "the mode is Auto: what is to be moved is moved at once: weir rebalance status",
        ),
        (
            "Never",
            balanced("Never"),
            "the mode is Never: nothing is moved; set spec.rebalance.mode to Propose for a plan",
        ),
        ("newer", balanced("Vote"), "the mode is Vote, which this program does not know"),
        ("begun", under_way(), "plan h1 is being carried out: weir rebalance status"),
        ("paused", paused, "nothing is planned while the Cluster is paused: set spec.paused to false"),
        ("skewed", skewed, "no plan is made at the moment: weir rebalance status"),
    ];
    for (name, cluster, expected) in cases {
        let text = plan::text(&output(), &read(&cluster), &target());
        assert_eq!(text.lines().nth(1), Some(expected), "{name}");
    }
    let text = plan::text(&output(), &read(&balanced("Propose")), &target());
    let since = "Cluster logs in prod: balanced since 2026-11-22T01:00:00Z: replicas and leaders are spread over the brokers";
    assert_eq!(text.lines().next(), Some(since));
}

#[test]
fn the_status_tells_how_far_it_is_what_it_waits_for_and_how_to_stop_it() {
    let expected = "\
Cluster logs in prod, mode Propose
Rebalance since 2026-11-22T01:02:00Z: 15 moves and 0 changes of leaders are left
[##########....................] 15 of 30 moves, 10 MiB of 30 MiB, about 4 minutes left
waits: 10 partitions are being moved
to stop it: weir rebalance cancel
";
    assert_eq!(status::text(&read(&under_way()), &target()), expected);
    let waits = status::text(&read(&proposed()), &target());
    let last =
        "plan h1 waits for approval (30 moves, 1 change of leaders, 30 MiB to copy): weir rebalance plan";
    assert_eq!(waits.lines().last(), Some(last));
    let mut fresh = balanced("Auto");
    fresh["metadata"]["generation"] = json!(5);
    let text = status::text(&read(&fresh), &target());
    assert_eq!(text.lines().nth(1), Some("the operator has not looked at the last change of the spec yet"));
    let unseen = json!({"metadata": {"name": "new", "generation": 1}, "spec": {}});
    let text = status::text(&read(&unseen), &target());
    assert!(text.ends_with("the operator has not looked at the brokers yet\n"), "{text}");
}

#[test]
fn somebody_who_watches_is_let_go_when_nothing_changes_by_itself() {
    let mut approved = proposed();
    approved["metadata"]["generation"] = json!(5);
    let cases = [
        ("balanced", balanced("Auto"), true),
        ("under way", under_way(), false),
        ("a person is waited for", proposed(), true),
        ("approved a moment ago", approved, false),
    ];
    for (name, cluster, expected) in cases {
        assert_eq!(status::is_over(&read(&cluster)), expected, "{name}");
    }
}

#[test]
fn only_the_plan_that_is_there_is_approved_and_only_where_somebody_is_asked() {
    let check = |cluster: &Value, asked: Option<&str>| {
        let cluster = read(cluster);
        let proposal = approve::approvable(&cluster, asked, &target());
        proposal.map(|proposal| proposal.hash.clone()).map_err(told)
    };
    assert_eq!(check(&proposed(), None), Ok("h1".to_owned()));
    assert_eq!(check(&proposed(), Some("h1")), Ok("h1".to_owned()));
    let mut paused = balanced("Propose");
    paused["spec"]["paused"] = json!(true);
    let cases = [
        (proposed(), Some("h0"), "the plan is h1 now, no longer h0: nothing was approved | look at it with"),
        (
            balanced("Auto"),
            None,
            "the mode is Auto: the operator asks nobody | set spec.rebalance.mode to Propose",
        ),
        (
            balanced("Never"),
            None,
            "the mode is Never: nothing is proposed | set spec.rebalance.mode to Propose",
        ),
        (balanced("Propose"), None, "there is no plan to approve: balanced since"),
        (under_way(), None, "there is nothing to approve: plan h1 is being carried out | follow it with"),
        (paused, None, "there is no plan: the Cluster is paused | set spec.paused to false"),
    ];
    for (cluster, asked, expected) in cases {
        let refused = check(&cluster, asked).unwrap_err();
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn an_approval_is_taken_back_and_where_nobody_is_asked_the_mode_has_to_change() {
    let written = |cluster: &Value, then| order(&read(cluster), then, &target()).map_err(told);
    let taken_back = json!({"spec": {"rebalance": {"approved": null}}});
    assert_eq!(written(&under_way(), None), Ok(taken_back));
    let propose = json!({"spec": {"rebalance": {"approved": null, "mode": "Propose"}}});
    assert_eq!(written(&balanced("Auto"), Some(Then::Propose)), Ok(propose));
    let mut never = under_way();
    never["spec"]["rebalance"]["mode"] = json!("Never");
    let mut emptied = balanced("Propose");
    emptied["status"]["operation"] = json!({"type": "ScaleIn", "reason": "from 5 to 3 brokers"});
    let cases = [
        (
            balanced("Auto"),
            "the mode is Auto: the operator would begin the same again | `weir rebalance cancel --mode propose`",
        ),
        (balanced("Propose"), "there is nothing to cancel: no plan is being carried out"),
        (never, "the mode is Never: the operator ends what was begun already"),
        (
            emptied,
            "there is no plan to cancel; what goes on is ScaleIn: from 5 to 3 brokers | set spec.replicas back",
        ),
    ];
    for (cluster, expected) in cases {
        let refused = written(&cluster, None).unwrap_err();
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[tokio::test]
async fn an_approval_names_the_plan_and_goes_through_kubectl() {
    let mut after = proposed();
    after["spec"]["rebalance"]["approved"] = json!("h1");
    let fake = FakeKubectl::new(&json!({"items": [proposed()]}), &after);
    let target = Target { namespace: Some("prod".to_owned()), ..fake.target() };
    let args = approve::Args { plan: None, yes: true, target: target.clone() };
    let kubectl = Kubectl::new(&target, Duration::from_secs(30));
    let (_, proposal) = approve::approve(&output(), &kubectl, &args).await.unwrap();
    assert_eq!(proposal.hash, "h1");
    let expected = [
        "get clusters.weir.dev --output=json --namespace=prod",
        "patch clusters.weir.dev logs --type=merge --patch={\"spec\":{\"rebalance\":{\"approved\":\"h1\"}}} --output=json \
         --namespace=prod",
    ];
    assert_eq!(fake.calls(), expected);
}

#[tokio::test]
async fn a_patch_that_something_undoes_at_once_is_no_approval() {
    let fake = FakeKubectl::new(&json!({"items": [proposed()]}), &proposed());
    let target = fake.target();
    let args = approve::Args { plan: None, yes: true, target: target.clone() };
    let kubectl = Kubectl::new(&target, Duration::from_secs(30));
    let refused = approve::approve(&output(), &kubectl, &args).await.unwrap_err();
    assert!(told(refused).contains("another than it says"));
}

#[tokio::test]
async fn what_is_cancelled_is_the_cluster_that_was_named() {
    let fake = FakeKubectl::new(&under_way(), &proposed());
    let target =
        Target { cluster: Some("logs".to_owned()), context: Some("east".to_owned()), ..fake.target() };
    let args = cancel::Args { target: target.clone(), mode: None };
    let kubectl = Kubectl::new(&target, Duration::from_secs(30));
    let (before, _) = cancel::cancel(&kubectl, &args).await.unwrap();
    assert_eq!(before.status.balancing.as_deref(), Some("h1"));
    let calls = fake.calls();
    assert_eq!(calls[0], "get clusters.weir.dev logs --output=json --context=east");
    assert!(calls[1].contains("--patch={\"spec\":{\"rebalance\":{\"approved\":null}}}"), "{calls:?}");
}

#[tokio::test]
async fn a_kubectl_that_is_missing_fails_or_hangs_is_told_with_what_to_do() {
    let asked = async |target: Target, patience_ms| {
        let kubectl = Kubectl::new(&target, Duration::from_millis(patience_ms));
        told(kubectl.cluster().await.unwrap_err())
    };
    let missing = asked(Target { kubectl: "/nowhere/kubectl".into(), ..target() }, 30_000).await;
    assert!(missing.starts_with("there is no program /nowhere/kubectl | "), "{missing}");
    let complains = FakeKubectl::doing(
        "echo 'error: the server doesn'\"'\"'t have a resource type \"clusters\"' >&2; exit 1",
    );
    let unknown = asked(complains.target(), 30_000).await;
    assert!(unknown.starts_with("this Kubernetes knows no Clusters of Weir | "), "{unknown}");
    let babbles = asked(FakeKubectl::doing("echo hello").target(), 30_000).await;
    assert!(babbles.starts_with("kubectl's answer is no Cluster"), "{babbles}");
    let hangs = asked(FakeKubectl::doing("exec sleep 60").target(), 200).await;
    assert!(hangs.contains("has not answered within 0.2 s | call `kubectl get clusters` by hand"), "{hangs}");
}
