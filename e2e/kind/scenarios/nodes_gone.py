"""A node is gone for good, and a volume with it: what its broker held is made anew on others, and then the broker itself.

Where that can be done without losing anything, nobody is needed; where it could not be taken back, a person is told the command.
"""

import shlex
import time

from kind import faults
from kind.commands import CommandFailed
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect
from kind.scenarios.scaling import await_balanced, data, held
from kind.scenarios.stage import Stage, node_of
from kind.waiting import NotYet, until

_LOST_AFTER = "1m"
_REBUILT_S = 300.0
# Kubernetes itself takes 40 to 60 s to forget the pods of a node that it knows no more.
_GIVEN_UP_S = 180.0


@scenario(
    "a node is gone for good: what its broker held is made anew on others; when it is back after all, it gets its share; when Kubernetes "
    "knows it no more, its volume is given up and the broker starts anew elsewhere",
    hurts_nodes=True,
)
def emptied(stage: Stage) -> None:
    """Four brokers, so that three are left; the node is one with a single broker."""
    brokers = stage.brokers
    brokers.patch({"replicas": 4, "rebalance": {"replaceLostBrokerAfter": _LOST_AFTER}})
    await_balanced(brokers, 4)
    with data(brokers):
        await_balanced(brokers, 4)
        _back_after_all(stage)
        _given_up(stage)


@scenario(
    "a node is gone for good and what its broker held has nowhere to go: a condition tells a command, and when it was run the broker "
    "starts anew elsewhere",
    hurts_nodes=True,
)
def nowhere_to_go(stage: Stage) -> None:
    """Three brokers with three replicas of everything: there is no fourth."""
    brokers = stage.brokers
    lost, node = _alone(brokers)
    volume = _volume(brokers, lost)
    faults.remove(stage.there, node)
    try:
        took = until("a condition tells a command", _GIVEN_UP_S, lambda: _command(brokers))
        expect("nothing is deleted unasked", _volume(brokers, lost) == volume)
        command = _command(brokers)
        stage.note(f"told {took:.1f} s after {node} was gone: {shlex.join(command)}")
        began = time.monotonic()
        stage.there.engine.run(*command)
        brokers.await_settled()
        stage.note(f"all as declared {time.monotonic() - began:.1f} s after it was run")
        _is_elsewhere(brokers, lost, node, volume)
    finally:
        faults.heal(stage.there, node)


def command_in(message: str) -> list[str]:
    """The words of the command that a message ends with."""
    at = message.rfind("kubectl ")
    if at < 0:
        raise CommandFailed(f"no command is told: {message}")
    return shlex.split(message[at:])


def _back_after_all(stage: Stage) -> None:
    brokers = stage.brokers
    lost, node = _alone(brokers)
    before = held(brokers)
    faults.stop(stage.there, node)
    try:
        took = until("it holds nothing any more", _REBUILT_S, lambda: _rebuilt(brokers, lost))
        stage.note(f"broker {lost} of {node}: {before}; {took:.1f} s after its power went: {held(brokers)} ({_LOST_AFTER} of it patience)")
    finally:
        faults.start(stage.there, node)
    await_balanced(brokers, 4)
    stage.note(f"the node is back after all: {held(brokers)}")


def _given_up(stage: Stage) -> None:
    brokers = stage.brokers
    lost, node = _alone(brokers)
    volume, began = _volume(brokers, lost), time.monotonic()
    faults.remove(stage.there, node)
    try:
        until("its volume is given up", _REBUILT_S + _GIVEN_UP_S, lambda: _another_volume(brokers, lost, volume))
        given_up = time.monotonic() - began
        await_balanced(brokers, 4)
        stage.note(
            f"{node} is gone: broker {lost} starts anew elsewhere after {given_up:.1f} s, balanced after "
            f"{time.monotonic() - began:.1f} s: {held(brokers)}"
        )
        told = [event["note"] for event in brokers.get("events.events.k8s.io")["items"] if event["reason"] == "VolumeGivenUp"]
        expect("an event tells of it, once", len(told) == 1 and node in told[0], told)
        _is_elsewhere(brokers, lost, node, volume)
        expect("it has its share again", held(brokers)[lost] > 0, held(brokers))
    finally:
        faults.heal(stage.there, node)


def _is_elsewhere(brokers: Brokers, lost: int, node: str, volume: str) -> None:
    on = node_of(brokers.pods()[lost])
    expect("it is on another node", on != node, on)
    expect("its volume is another", _volume(brokers, lost) != volume)


def _alone(brokers: Brokers) -> tuple[int, str]:
    """A broker that shares its node with none, and the node."""
    at = {broker: node_of(pod) for broker, pod in brokers.pods().items()}
    return next((broker, node) for broker, node in sorted(at.items()) if list(at.values()).count(node) == 1)


def _volume(brokers: Brokers, broker: int) -> str:
    return brokers.get("pvc", f"data-{brokers.pod_name(broker)}")["metadata"]["uid"]


def _another_volume(brokers: Brokers, lost: int, before: str) -> None:
    if _volume(brokers, lost) == before:
        raise NotYet(f"held {held(brokers)}; Degraded {brokers.condition('Degraded')}; blocked by {brokers.blocked_by()}")


def _command(brokers: Brokers) -> list[str]:
    told = brokers.condition("Degraded")
    if told.get("reason") != "NodeGone":
        raise CommandFailed(f"Degraded is {told}")
    return command_in(told["message"])


def _rebuilt(brokers: Brokers, lost: int) -> None:
    """Its status tells what every broker holds; what is still on its way is counted as not in sync."""
    now = brokers.status()
    left = next(broker.get("replicas") for broker in now["brokers"] if broker["id"] == lost)
    if left != 0:
        raise NotYet(f"broker {lost} holds {left}; {now.get('operation')}")
