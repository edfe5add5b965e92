"""Changes that restart brokers: one pod at a time, never below the ISR, and a bad one goes no further than one pod."""

import time

from kind import faults
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect
from kind.scenarios.pods_over_time import PodsOverTime
from kind.scenarios.stage import Stage, node_of
from kind.waiting import NotYet, until

_SEEN_S = 60.0
_STANDS_S = 8.0
_STUCK_S = 90.0


@scenario("a changed setting restarts one broker at a time, each when all replicas are in sync", core=True)
def settings(stage: Stage) -> None:
    _rolls(stage, {"config": {"log.retention.ms": "604800001"}})
    told = stage.brokers.kubectl("get", "configmaps", "--output", "yaml")
    expect("brokers start with the setting", "604800001" in told)


@scenario("a new image restarts one broker at a time")
def image(stage: Stage) -> None:
    wanted = stage.another_image("next")
    _rolls(stage, {"image": wanted})
    images = {pod["spec"]["containers"][0]["image"] for pod in stage.brokers.pods().values()}
    expect(f"all run {wanted}", images == {wanted}, images)


@scenario("topics at their min ISR make a roll wait, and status says for what", core=True, hurts_nodes=True)
def at_min_isr(stage: Stage) -> None:
    """One of three replicas stands still with its node: two are left, and two must have what is acknowledged."""
    brokers = stage.brokers
    before = brokers.pods()
    node = node_of(before[0])
    faults.pause(stage.there, node)
    try:
        until("the brokers miss the one that stands still", _SEEN_S, lambda: _missed(brokers))
        brokers.patch({"config": {"log.retention.ms": "604800002"}})
        until("status says what the roll waits for", _SEEN_S, lambda: _blocked(brokers))
        stage.note(f"blockedBy: {'; '.join(brokers.blocked_by())}")
        time.sleep(_STANDS_S)
        now = brokers.uids()
        expect("no pod is touched", all(now[broker] == pod["metadata"]["uid"] for broker, pod in before.items()))
    finally:
        faults.unpause(stage.there, node)
    brokers.await_settled()
    expect("all pods are new once it may", not set(brokers.uids().values()) & {pod["metadata"]["uid"] for pod in before.values()})


@scenario("an image that can not be pulled stops after one pod, and a revert heals it", core=True)
def bad_image(stage: Stage) -> None:
    brokers = stage.brokers
    before = brokers.uids()
    brokers.patch({"image": "registry.invalid/weir:none"})
    until("Degraded tells of it", _STUCK_S, lambda: _degraded_by_image(brokers))
    stage.note(f"Degraded: {brokers.condition('Degraded')['message'][:160]}")
    time.sleep(_STANDS_S)
    brokers.patch({"image": None})
    brokers.await_settled()
    changed = [broker for broker, uid in brokers.uids().items() if uid != before[broker]]
    # Which one depends on who is the controller, for that one would be last.
    expect("only one broker was ever touched", len(changed) == 1, changed)


def _rolls(stage: Stage, spec: dict) -> None:
    brokers = stage.brokers
    before = brokers.uids()
    began = time.monotonic()
    with PodsOverTime(brokers) as seen:
        brokers.patch(spec)
        brokers.await_settled()
    expect("all pods are new", not set(brokers.uids().values()) & set(before.values()))
    expect("at most one broker is away at a time", seen.most_away() <= 1, seen.most_away())
    expect("each is restarted once", sorted(seen.restarted()) == [0, 1, 2], seen.restarted())
    stage.note(f"brokers {', '.join(map(str, seen.restarted()))} in {time.monotonic() - began:.1f} s")


def _missed(brokers: Brokers) -> None:
    told = brokers.condition("Degraded")
    if told.get("status") != "True":
        raise NotYet(f"Degraded is {told}")


def _blocked(brokers: Brokers) -> None:
    if not brokers.blocked_by():
        raise NotYet(f"operation is {brokers.status().get('operation')}")


def _degraded_by_image(brokers: Brokers) -> None:
    told = brokers.condition("Degraded")
    if told.get("status") != "True" or told.get("reason") not in ("ErrImagePull", "ImagePullBackOff"):
        raise NotYet(f"Degraded is {told}")
