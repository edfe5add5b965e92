"""More brokers and fewer again, with records on them: replicas follow by themselves, and no broker goes that holds any."""

import contextlib
import random
import time
from collections.abc import Iterator

from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, condition, expect
from kind.scenarios.clients import apply_topic, await_topic
from kind.scenarios.stage import Stage
from kind.waiting import NotYet, until

_PARTITIONS = 100
_RECORDS = 20_000
_RECORD_BYTES = 1_000
_MOVED_S = 400.0
_SKEW = 2


@scenario("from three brokers to five and back with 300 replicas of data: balanced after, drained before")
def out_and_in(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        scale(stage, 5)
        expect("brokers of one zone hold as much as each other", _skew(brokers) <= _SKEW, held(brokers))
        scale(stage, 3)
        expect("three brokers are left", len(brokers.pods()) == 3, sorted(brokers.pods()))


@contextlib.contextmanager
def data(brokers: Brokers) -> Iterator[None]:
    """Something to move: a topic of many partitions with records in it, as long as it is needed."""
    spec = {"clusterRef": {"name": brokers.name}, "partitions": _PARTITIONS, "replicationFactor": 3, "deletionPolicy": "Delete"}
    apply_topic(brokers, "wide", spec)
    await_topic(brokers, "wide")
    # By chance, and the same every time: no codec makes less of it.
    chance = random.Random(_RECORDS)
    lines = "\n".join(chance.randbytes(_RECORD_BYTES // 2).hex() for _ in range(_RECORDS))
    pod, server = brokers.pod_name(0), f"{brokers.name}-bootstrap:9092"
    brokers.kubectl("exec", "-i", pod, "--", "weir", "--bootstrap", server, "produce", "wide", stdin=lines, timeout_s=120)
    try:
        yield
    finally:
        brokers.kubectl("delete", "topics.weir.dev", "wide", "--wait=false")


def ask(brokers: Brokers, replicas: int) -> None:
    """By the scale subresource, as a person or an autoscaler does it."""
    brokers.kubectl("scale", "clusters.weir.dev", brokers.name, f"--replicas={replicas}")


def scale(stage: Stage, replicas: int) -> None:
    """To that many, until nothing moves any more."""
    began = time.monotonic()
    ask(stage.brokers, replicas)
    told = await_balanced(stage.brokers, replicas)
    moved = f"{told.get('movesTotal', 0)} moves of {told.get('bytesTotal', 0) / 2**20:.1f} MiB"
    stage.note(f"{replicas} brokers after {time.monotonic() - began:.1f} s, {moved}, holding {held(stage.brokers)}")


def await_balanced(brokers: Brokers, replicas: int) -> dict:
    """Until so many brokers run, all is as declared, and nothing is to move; how large the operation said it was."""
    told: dict = {}
    until(f"{replicas} brokers are balanced", _MOVED_S, lambda: _balanced(brokers, told))
    return told


def _balanced(brokers: Brokers, told: dict) -> None:
    now = brokers.object()
    for key, value in (now["status"].get("operation") or {}).items():
        if "Total" in key:
            # What is left is counted anew in each pass: the most is what it was.
            told[key] = max(told.get(key, 0), value)
    brokers.check_settled()
    balanced = condition(now, "Balanced")
    if balanced.get("status") != "True":
        raise NotYet(f"Balanced is {balanced.get('status')}: {balanced.get('message')}")
    if len(brokers.pods()) != now["spec"]["replicas"]:
        raise NotYet("a pod is too many")


def _skew(brokers: Brokers) -> int:
    """The largest difference within a zone: each zone has one replica of every partition, however many brokers it has."""
    zones: dict[str, list[int]] = {}
    for broker in brokers.status().get("brokers", []):
        zones.setdefault(broker.get("zone", ""), []).append(broker.get("replicas", 0))
    return max(max(held) - min(held) for held in zones.values())


def held(brokers: Brokers) -> list[int]:
    return [broker.get("replicas", 0) for broker in brokers.status().get("brokers", [])]
