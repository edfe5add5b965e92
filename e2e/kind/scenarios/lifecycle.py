"""A Cluster made, made again, and deleted: what stays, what goes, and that a second apply writes nothing."""

import json
import time

from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect
from kind.scenarios.stage import Stage
from kind.waiting import NotYet, until

_GONE_S = 120.0
_STILL_S = 10.0
_ALL_KINDS = (
    "clusters.weir.dev,topics.weir.dev,statefulsets,services,configmaps,secrets,serviceaccounts,poddisruptionbudgets,networkpolicies,"
    "pvc,pods"
)


@scenario("clusters of one, three and five brokers are made, and a second apply writes nothing", clients=False)
def sizes(stage: Stage) -> None:
    with stage.namespace("sizes") as namespace:
        clusters = [Brokers(stage.there, namespace, f"of-{count}", count) for count in (1, 3, 5)]
        for brokers in clusters:
            brokers.apply()
        for brokers in clusters:
            began = time.monotonic()
            brokers.await_settled()
            stage.note(f"{brokers.replicas} brokers are as declared, {time.monotonic() - began:.1f} s after the one before")
        before = versions(stage, namespace)
        for brokers in clusters:
            brokers.apply()
        time.sleep(_STILL_S)
        expect("nothing is written again", versions(stage, namespace) == before, difference(before, versions(stage, namespace)))
        stage.note(f"{len(before)} objects, none of them written by a second apply")


@scenario("a Cluster is deleted while clients work and made again: its volumes are taken back and clients go on", core=True)
def deleted_and_made_again(stage: Stage) -> None:
    brokers = stage.brokers
    volumes = _claims(brokers)
    brokers.delete()
    until("its pods are gone", _GONE_S, lambda: _gone(brokers, "pods"))
    expect("its volumes stay", _claims(brokers) == volumes)
    brokers.apply()
    brokers.await_settled()
    expect("its volumes are the same", _claims(brokers) == volumes)


@scenario("whenDeleted: Delete takes the volumes with the Cluster", core=True, clients=False)
def volumes_deleted(stage: Stage) -> None:
    with stage.namespace("brief") as namespace:
        brokers = Brokers(stage.there, namespace, "brief", 1, {"storage": {"size": "1Gi", "whenDeleted": "Delete"}})
        brokers.apply()
        brokers.await_settled()
        names = [claim["spec"]["volumeName"] for claim in brokers.get("pvc")["items"]]
        expect("it has a volume", len(names) == 1, names)
        brokers.delete()
        until("its claims are gone", _GONE_S, lambda: _gone(brokers, "pvc"))
        until("its volumes are gone", _GONE_S, lambda: _volumes_gone(stage, names))


def versions(stage: Stage, namespace: str) -> dict[str, str]:
    """The resourceVersion of everything in a namespace that an operator could write."""
    found = json.loads(stage.there.kubectl("get", _ALL_KINDS, "--namespace", namespace, "--output", "json"))["items"]
    return {f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in found}


def difference(before: dict, after: dict) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _claims(brokers: Brokers) -> dict[str, str]:
    found = brokers.get("pvc", "--selector", f"weir.dev/cluster={brokers.name}")["items"]
    return {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in found}


def _gone(brokers: Brokers, kind: str) -> None:
    left = brokers.get(kind, "--selector", f"weir.dev/cluster={brokers.name}")["items"]
    if left:
        raise NotYet(f"{len(left)} {kind} are left")


def _volumes_gone(stage: Stage, names: list[str]) -> None:
    there = {volume["metadata"]["name"] for volume in stage.there.get("pv")["items"]}
    if there & set(names):
        raise NotYet(f"left: {there & set(names)}")
