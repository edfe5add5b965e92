"""What administrators do to machines and to many brokers: nodes drained one after another, five brokers restarted in three zones."""

import time

from kind import faults
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect
from kind.scenarios.pods_over_time import PodsOverTime
from kind.scenarios.scaling import data, scale
from kind.scenarios.stage import Stage, node_of, workers
from kind.waiting import NotYet, until

_EMPTY_S = 60.0


@scenario("every node is drained in turn by kubectl drain, and given back", hurts_nodes=True)
def drained(stage: Stage) -> None:
    brokers = stage.brokers
    for node in workers(stage.there):
        with PodsOverTime(brokers) as seen:
            began = time.monotonic()
            faults.drain(stage.there, node)
            until("no broker runs on it", _EMPTY_S, lambda on=node: _empty(brokers, on))
            evicted = time.monotonic() - began
            faults.uncordon(stage.there, node)
            brokers.await_settled()
        expect("one broker is away at most", seen.most_away() <= 1, seen.most_away())
        stage.note(
            f"{node} is drained after {evicted:.1f} s; all as declared {time.monotonic() - began - evicted:.1f} s after it was given back"
        )


@scenario("five brokers in three zones are restarted one after another, with data")
def five_restarted(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        scale(stage, 5)
        before = brokers.uids()
        began = time.monotonic()
        with PodsOverTime(brokers) as seen:
            brokers.patch({"config": {"log.retention.ms": "604800006"}})
            brokers.await_settled()
        took = time.monotonic() - began
        expect("all pods are new", not set(brokers.uids().values()) & set(before.values()))
        expect("at most one broker is away at a time", seen.most_away() <= 1, seen.most_away())
        expect("each is restarted once", sorted(seen.restarted()) == [0, 1, 2, 3, 4], seen.restarted())
        stage.note(f"brokers {', '.join(map(str, seen.restarted()))} in {took:.1f} s, {took / 5:.1f} s a broker")


def _empty(brokers: Brokers, node: str) -> None:
    left = [pod["metadata"]["name"] for pod in brokers.pods().values() if pod["spec"].get("nodeName") and node_of(pod) == node]
    if left:
        raise NotYet(f"left: {', '.join(left)}")
