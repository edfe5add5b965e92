"""The operator is killed, cut off, or without an API server; brokers and clients go on, and it picks up where it was."""

import contextlib
import time
from collections.abc import Iterator

from kind import cuts, faults
from kind.commands import CommandFailed
from kind.first_steps import OPERATORS_NAMESPACE, install
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect, is_ready
from kind.scenarios.pods_over_time import PodsOverTime
from kind.scenarios.stage import Stage, kill_process, node_of, operator_pods
from kind.telling import step
from kind.waiting import NotYet, until

_AWAY_S = {True: 30.0, False: 120.0}
_CUT_S = 30.0
_STEP_S = 60.0
_TAKES_OVER_S = 60.0


@scenario("the operator is killed each time that it has taken a pod down for a roll, and the roll is finished", core=True)
def killed_while_rolling(stage: Stage) -> None:
    brokers = stage.brokers
    before, kills = brokers.uids(), 0
    with PodsOverTime(brokers) as seen:
        brokers.patch({"config": {"log.retention.ms": "604800003"}})
        for wanted in (1,) if stage.only_core else (1, 2, 3):
            until(f"pod {wanted} of the roll is taken down", _STEP_S, lambda count=wanted: _taken_down(seen, count))
            kill_operator(stage)
            kills += 1
        brokers.await_settled()
    expect("all pods are new", not set(brokers.uids().values()) & set(before.values()))
    expect("at most one broker is away at a time", seen.most_away() <= 1, seen.most_away())
    expect("each is restarted once", sorted(seen.restarted()) == [0, 1, 2], seen.restarted())
    stage.note(f"killed {kills} times; brokers {', '.join(map(str, seen.restarted()))}")


@scenario("the leading operator is cut off from the API server: the second takes over, and the cluster has one will", hurts_nodes=True)
def cut_off(stage: Stage) -> None:
    brokers, there = stage.brokers, stage.there
    before = brokers.uids()
    with two_operators(stage), PodsOverTime(brokers) as seen:
        leader = leading(stage)
        node = node_of(leader)
        cuts.cut_from_api_server(there, node)
        try:
            brokers.patch({"config": {"log.retention.ms": "604800004"}})
            stage.note(f"another operator leads after {await_another(stage, leader):.1f} s")
        finally:
            cuts.heal(there, node)
        brokers.await_settled()
    expect("all pods are new", not set(brokers.uids().values()) & set(before.values()))
    expect("at most one broker is away at a time", seen.most_away() <= 1, seen.most_away())
    expect("each is restarted once", sorted(seen.restarted()) == [0, 1, 2], seen.restarted())


@scenario("the API server is away, the operator is killed and so is a broker: brokers fail over by themselves", hurts_nodes=True)
def without_api_server(stage: Stage) -> None:
    brokers, there = stage.brokers, stage.there
    broker, operator = brokers.pods()[0], operator_pods(there)[0]
    away = _AWAY_S[stage.only_core]
    faults.stop_api_server(there)
    try:
        with step(f"no API server for {away:.0f} s"):
            kill_process(there, operator, "weir-operator")
            kill_process(there, broker, "weir")
            time.sleep(away)
    finally:
        faults.start_api_server(there)
    # At first everything is as it was known before.
    until("the broker's own node tells that it started it again", _TAKES_OVER_S, lambda: _started_again(brokers))
    brokers.await_settled()
    until("the operator is back", _TAKES_OVER_S, lambda: _back(stage))


def _started_again(brokers: Brokers) -> None:
    restarts = brokers.pods()[0]["status"]["containerStatuses"][0]["restartCount"]
    if not restarts:
        raise NotYet(f"{restarts} restarts")


def kill_operator(stage: Stage) -> None:
    """At once, and the next one is started at once."""
    for pod in operator_pods(stage.there):
        kill_process(stage.there, pod, "weir-operator")
        name = pod["metadata"]["name"]
        stage.there.kubectl("delete", "pod", name, "-n", OPERATORS_NAMESPACE, "--grace-period=0", "--force")


def _taken_down(seen: PodsOverTime, count: int) -> None:
    if len(seen.restarted()) < count:
        raise NotYet(f"taken down so far: {seen.restarted()}")


@contextlib.contextmanager
def two_operators(stage: Stage) -> Iterator[None]:
    """As the chart has two of them; one again afterwards."""
    install(stage.there, stage.image, operators=2)
    try:
        until("one of the two leads", _TAKES_OVER_S, lambda: leading(stage))
        yield
    finally:
        install(stage.there, stage.image)


def leading(stage: Stage) -> dict:
    """The pod that holds the lease."""
    name = holder(stage)
    found = [pod for pod in operator_pods(stage.there) if name.startswith(pod["metadata"]["name"])]
    if not found:
        raise CommandFailed(f"{name} holds the lease, and is gone")
    return found[0]


def await_another(stage: Stage, leader: dict) -> float:
    """Until a pod that is there leads, and it is not this one; how long that took."""
    return until("another operator leads", _TAKES_OVER_S, lambda: _another(stage, leader))


def holder(stage: Stage) -> str:
    leases = stage.there.get("leases", "-n", OPERATORS_NAMESPACE)["items"]
    holders = [lease["spec"].get("holderIdentity", "") for lease in leases]
    if len(holders) != 1 or not holders[0]:
        raise CommandFailed(f"one lease with a holder was expected, not {holders}")
    return holders[0]


def _another(stage: Stage, leader: dict) -> None:
    now = leading(stage)["metadata"]
    if now["uid"] == leader["metadata"]["uid"]:
        raise NotYet(f"{now['name']} holds the lease")


def _back(stage: Stage) -> None:
    if not all(map(is_ready, operator_pods(stage.there))):
        raise NotYet("it is not ready")
