//! What is picked out of a pod: the trouble nearest to its cause, and which broker it runs.

use serde_json::{Value, json};

use super::*;
use crate::fixtures::now;

fn seen(status: Value) -> PodSeen {
    let pod = json!({
        "metadata": {
            "name": "logs-2", "uid": "u", "annotations": {"weir.dev/content-hash": "h"},
            "labels": {"topology.kubernetes.io/zone": "b"},
        },
        "spec": {"nodeName": "n", "containers": [{"name": "weir", "image": "weir:1"}]},
        "status": status,
    });
    PodSeen::new("logs", &serde_json::from_value(pod).unwrap(), now())
}

fn container(state: Value, last: Value) -> Value {
    json!({"containerStatuses": [{
        "name": "weir", "image": "i", "imageID": "", "ready": false, "restartCount": 4,
        "state": state, "lastState": last,
    }]})
}

#[test]
fn a_pod_is_known_by_its_name_and_what_it_runs() {
    let pod = seen(json!({"conditions": [{"type": "Ready", "status": "True"}], "hostIP": "10.0.0.1"}));
    assert_eq!(pod.broker, Some(BrokerId(2)));
    assert_eq!(pod.content_hash.as_deref(), Some("h"));
    assert_eq!(pod.zone.as_deref(), Some("b"));
    assert_eq!(pod.image.as_deref(), Some("weir:1"));
    assert!(pod.ready && pod.trouble.is_none());
}

#[test]
fn the_trouble_nearest_to_its_cause_is_told() {
    let waiting = |reason: &str, message: &str| json!({"waiting": {"reason": reason, "message": message}});
    let ended = |code: i32, reason: &str, message: &str| json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
    let unschedulable = json!({"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/4 nodes",
    }]});
    let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"});
    let back_off = || waiting("CrashLoopBackOff", "back-off 5m0s");
    let cases = [
        (container(waiting("ErrImagePull", "no such tag"), json!({})), Some(("ErrImagePull", "no such tag"))),
        (container(waiting("ContainerCreating", ""), json!({})), None),
        (
            container(back_off(), ended(137, "OOMKilled", "")),
            Some((
                "OOMKilled",
                "the container needed more memory than its limit: raise resources.limits.memory",
            )),
        ),
        (
            container(back_off(), ended(1, "Error", "weir: bad setting\n")),
            Some(("CrashLoopBackOff", "the broker ended with code 1: weir: bad setting")),
        ),
        (container(back_off(), json!({})), Some(("CrashLoopBackOff", "back-off 5m0s"))),
        (container(json!({"running": {}}), json!({})), None),
        (container(json!({"running": {}}), ended(0, "Completed", "")), None),
        (unschedulable, Some(("Unschedulable", "0/4 nodes"))),
        (evicted, Some(("Evicted", "low on memory"))),
        (json!({}), None),
    ];
    for (status, expected) in cases {
        let pod = seen(status.clone());
        let found = pod.trouble.as_ref().map(|t| (t.reason.as_str(), t.message.as_str()));
        assert_eq!(found, expected, "{status}");
    }
}

#[test]
fn a_node_that_can_not_make_the_pod_is_told_of_after_a_while() {
    let unmade = |kind: &str, seconds: i64| {
        let since = Timestamp::from_second(now().as_second() - seconds).unwrap();
        let mut status = container(json!({"waiting": {"reason": "ContainerCreating"}}), json!({}));
        status["conditions"] =
            json!([{"type": kind, "status": "False", "lastTransitionTime": since.to_string()}]);
        seen(status).trouble.map(|trouble| (trouble.reason, trouble.message))
    };
    assert_eq!(unmade("PodReadyToStartContainers", 119), None, "volumes take their time");
    assert_eq!(unmade("Initialized", 120), None, "it pulls an image, or waits for its init containers");
    let (reason, message) = unmade("PodReadyToStartContainers", 120).unwrap();
    assert_eq!(reason, "NotStarting");
    assert!(message.ends_with("`kubectl describe pod logs-2` says why"), "{message}");
}
