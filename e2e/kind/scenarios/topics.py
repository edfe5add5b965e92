"""Topics as resources: drift, conflicts, adoption, what stays and what goes, and a namespace that goes away."""

import json
import time

from kind import paths
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect, refused
from kind.scenarios.clients import apply_topic, await_topic
from kind.scenarios.stage import Stage, scale_operator
from kind.waiting import NotYet, until

_DRIFT_S = 60.0
_GONE_S = 90.0
_STAYS_S = 8.0


@scenario("topics are put back when they drift, conflict, are adopted, kept, and deleted", core=True, clients=False)
def kept_as_declared(stage: Stage) -> None:
    brokers = stage.brokers
    _drift(brokers)
    _conflict(brokers)
    _adopted(brokers)
    _refused(brokers)
    _kept_or_deleted(brokers)


@scenario("namespaces are deleted while no operator runs: one goes by the documented command, the other when one is back", clients=False)
def namespace_without_operator(stage: Stage) -> None:
    with stage.namespace("leaving") as first, stage.namespace("waiting") as second:
        both = [Brokers(stage.there, namespace, "short", 1) for namespace in (first, second)]
        for brokers in both:
            brokers.apply()
        for brokers in both:
            brokers.await_settled()
            apply_topic(brokers, "kept", {"clusterRef": {"name": "short"}, "partitions": 1})
            apply_topic(brokers, "doomed", {"clusterRef": {"name": "short"}, "partitions": 1, "deletionPolicy": "Delete"})
            await_topic(brokers, "doomed")
        scale_operator(stage.there, 0)
        try:
            for brokers in both:
                stage.there.kubectl("delete", "namespace", brokers.namespace, "--wait=false")
            for brokers in both:
                until("nothing is left but the topic that waits", _GONE_S, lambda one=brokers: _only_topic_left(one, "doomed"))
            stage.there.engine.run("sh", "-c", _documented().replace("NAMESPACE", first))
            until("the first namespace is gone", _GONE_S, lambda: _namespace_gone(stage, first))
        finally:
            scale_operator(stage.there, 1)
        took = until("the second namespace is gone", _GONE_S, lambda: _namespace_gone(stage, second))
        stage.note(f"the second is gone {took:.1f} s after an operator was back")


def _documented() -> str:
    """The command as operator/README.md has it."""
    lines = (paths.REPOSITORY / "operator" / "README.md").read_text().splitlines()
    return next(line.strip() for line in lines if line.strip().startswith("kubectl get topics --namespace"))


def _drift(brokers: Brokers) -> None:
    apply_topic(brokers, "steady", _spec(brokers, config={"retention.ms": "3600000"}))
    await_topic(brokers, "steady")
    brokers.weir("topic", "alter", "steady", "--config", "retention.ms=1000")
    until("the setting is put back", _DRIFT_S, lambda: _retention(brokers, "steady", "3600000"))
    brokers.weir("topic", "alter", "steady", "--config", "segment.bytes=20000000")
    apply_topic(brokers, "steady", _spec(brokers, config={"retention.ms": "7200000"}))
    until("a change is made", _DRIFT_S, lambda: _retention(brokers, "steady", "7200000"))
    expect("a setting that is not declared is left alone", _config(brokers, "steady").get("segment.bytes") == "20000000")
    await_topic(brokers, "steady")


def _conflict(brokers: Brokers) -> None:
    time.sleep(1.1)  # the oldest wins, and Kubernetes counts seconds
    apply_topic(brokers, "steady-too", _spec(brokers, name="steady"))
    await_topic(brokers, "steady-too", "False", "Conflict")
    brokers.kubectl("delete", "topics.weir.dev", "steady-too")
    await_topic(brokers, "steady")


def _adopted(brokers: Brokers) -> None:
    brokers.weir("topic", "create", "orphan", "--partitions", "2")
    apply_topic(brokers, "orphan", _spec(brokers, partitions=2))
    await_topic(brokers, "orphan")
    brokers.weir("topic", "create", "strange", "--partitions", "2")
    apply_topic(brokers, "strange", _spec(brokers, partitions=2, adoption="Fail"))
    told = await_topic(brokers, "strange", "False")
    expect(
        "a topic that may not be adopted is left alone, with a reason", "strange" in told["message"] or "exists" in told["message"], told
    )


def _refused(brokers: Brokers) -> None:
    shrunk = refused(lambda: apply_topic(brokers, "orphan", _spec(brokers, partitions=1)))
    expect("partitions can not shrink", "can only grow" in shrunk or "fewer" in shrunk, shrunk)
    apply_topic(brokers, "wide", _spec(brokers, replicationFactor=5))
    told = await_topic(brokers, "wide", "False")
    expect("more replicas than brokers are told of", "5" in told["message"] and "3" in told["message"], told)


def _kept_or_deleted(brokers: Brokers) -> None:
    apply_topic(brokers, "doomed", _spec(brokers, deletionPolicy="Delete"))
    await_topic(brokers, "doomed")
    brokers.kubectl("delete", "topics.weir.dev", "doomed", "steady", "orphan", "strange", "wide", timeout_s=90)
    left = {topic["name"] for topic in json.loads(brokers.weir("topic", "list", "--output", "json"))}
    expect("Delete takes the topic, Retain keeps it", "doomed" not in left and {"steady", "orphan"} <= left, left)
    brokers.weir("topic", "delete", "steady", "orphan", "strange")


def _spec(brokers: Brokers, **fields: object) -> dict:
    return {"clusterRef": {"name": brokers.name}, "partitions": 1, "replicationFactor": 3, **fields}


def _retention(brokers: Brokers, topic: str, wanted: str) -> None:
    found = _config(brokers, topic).get("retention.ms")
    if found != wanted:
        raise NotYet(f"retention.ms is {found}")


def _config(brokers: Brokers, topic: str) -> dict[str, str]:
    told = json.loads(brokers.weir("topic", "describe", topic, "--output", "json"))[0]
    return {one["name"]: one["value"] for one in told["configs"]}


def _only_topic_left(brokers: Brokers, name: str) -> None:
    pods = brokers.get("pods")["items"]
    topics = [topic["metadata"]["name"] for topic in brokers.get("topics.weir.dev")["items"]]
    clusters = brokers.get("clusters.weir.dev")["items"]
    if pods or clusters or topics != [name]:
        raise NotYet(f"{len(pods)} pods, {len(clusters)} clusters, topics {topics}")


def _namespace_gone(stage: Stage, name: str) -> None:
    there = {one["metadata"]["name"] for one in stage.there.get("namespaces")["items"]}
    if name in there:
        raise NotYet("it is there")
