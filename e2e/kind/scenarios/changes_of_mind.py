"""What is asked for while something else goes on, or taken back: scaling in, two changes at once, a plan that waits or is cancelled."""

import json
import time

from harness.paths import WEIR_BINARY
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect
from kind.scenarios.pods_over_time import PodsOverTime
from kind.scenarios.scaling import ask, await_balanced, data, held, scale
from kind.scenarios.stage import Stage
from kind.waiting import NotYet, until

_HALF_WAY_MOVES = 20
_HALF_WAY_S = 120.0
_PROPOSED_S = 90.0
_STANDS_S = 10.0
_JOINING = frozenset({3, 4})


@scenario("scaling in from five brokers to three is cancelled half-way: nobody goes, and all five are balanced again")
def cancelled(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        scale(stage, 5)
        before = brokers.uids()
        # One move at a time, so that half-way is a time and not a moment.
        brokers.patch({"rebalance": {"maxConcurrentMoves": 1}})
        ask(brokers, 3)
        until("brokers are being emptied", _HALF_WAY_S, lambda: _half_way(brokers))
        ask(brokers, 5)
        stage.note(f"cancelled when brokers held {held(brokers)}")
        brokers.patch({"rebalance": None})
        began = time.monotonic()
        await_balanced(brokers, 5)
        expect("no pod was ever taken away", brokers.uids() == before)
        stage.note(f"balanced {time.monotonic() - began:.1f} s later, holding {held(brokers)}")
        scale(stage, 3)


@scenario("two more brokers and another image are asked for at once: both come, with one broker away at a time")
def scaled_and_rolled(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        before, wanted = brokers.uids(), stage.another_image("both")
        began = time.monotonic()
        with PodsOverTime(brokers) as seen:
            brokers.patch({"replicas": 5, "image": wanted})
            await_balanced(brokers, 5)
        images = {pod["spec"]["containers"][0]["image"] for pod in brokers.pods().values()}
        expect(f"all run {wanted}", images == {wanted}, images)
        expect("all three pods are new", not set(brokers.uids().values()) & set(before.values()))
        expect("at most one broker is away at a time", seen.most_away(_JOINING) <= 1, seen.most_away(_JOINING))
        expect("each is restarted once at most", len(seen.restarted()) == len(set(seen.restarted())), seen.restarted())
        stage.note(f"five brokers with the image, balanced, after {time.monotonic() - began:.1f} s, holding {held(brokers)}")


@scenario("with rebalance.mode Propose nothing moves before the plan in status is approved")
def proposed(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        brokers.patch({"replicas": 5, "rebalance": {"mode": "Propose"}})
        until("status proposes", _PROPOSED_S, lambda: _proposal(brokers))
        proposal = brokers.status()["proposal"]
        time.sleep(_STANDS_S)
        expect("nothing moves", held(brokers)[3:] == [0, 0], held(brokers))
        expect("the proposal is the same", brokers.status()["proposal"]["hash"] == proposal["hash"], brokers.status()["proposal"])
        stage.note(f"proposed: {proposal['moves']} moves of {proposal['bytes'] / 2**20:.1f} MiB")
        brokers.patch({"rebalance": {"approved": proposal["hash"]}})
        await_balanced(brokers, 5)
        wanted = [broker["replicasAfter"] for broker in sorted(proposal["brokers"], key=lambda broker: broker["id"])]
        expect("it becomes what was proposed", held(brokers) == wanted, f"{held(brokers)}, proposed {wanted}")
        stage.note(f"approved: brokers hold {held(brokers)}")


@scenario("a person works with weir rebalance: a plan is approved, cancelled half-way, and what is left of it approved again")
def by_the_command_line(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        # One move at a time, so that half-way is a time and not a moment.
        brokers.patch({"replicas": 5, "rebalance": {"mode": "Propose", "maxConcurrentMoves": 1}})
        until("status proposes", _PROPOSED_S, lambda: _proposal(brokers))
        first = _weir(brokers, "plan")["plan"]
        _weir(brokers, "approve", first["hash"], "--yes")
        until("some of it is done", _HALF_WAY_S, lambda: _half_way(brokers))
        expect("status names the plan", _weir(brokers, "status")["carried_out"] == first["hash"], brokers.status())
        _weir(brokers, "cancel")
        took = until("what is left is proposed", _PROPOSED_S, lambda: _proposal(brokers))
        stood = held(brokers)
        stage.note(f"cancelled: what is left is proposed {took:.1f} s later; brokers hold {stood}")
        time.sleep(_STANDS_S)
        expect("nothing moves", held(brokers) == stood, f"{held(brokers)}, before {stood}")
        second = _weir(brokers, "plan")["plan"]
        expect("what was moved stays", 0 < second["moves"] < first["moves"], f"{second['moves']} of {first['moves']} moves are left")
        brokers.patch({"rebalance": {"maxConcurrentMoves": None}})
        _weir(brokers, "approve", second["hash"], "--yes")
        await_balanced(brokers, 5)
        stage.note(f"approved again: {second['moves']} of {first['moves']} moves were left; brokers hold {held(brokers)}")


def _weir(brokers: Brokers, verb: str, *words: str) -> dict:
    """`weir rebalance` of this machine, with the kubectl that everything here uses."""
    which = ("--cluster", brokers.name, "--namespace", brokers.namespace, "--output", "json")
    return json.loads(brokers.there.engine.run(WEIR_BINARY, "rebalance", verb, *words, *which))


def _half_way(brokers: Brokers) -> None:
    done = (brokers.status().get("operation") or {}).get("movesDone", 0)
    if done < _HALF_WAY_MOVES:
        raise NotYet(f"{done} moves are done; {brokers.status().get('operation')}")


def _proposal(brokers: Brokers) -> None:
    told = brokers.status()
    if "proposal" not in told:
        raise NotYet(f"no proposal; operation {told.get('operation')}, Balanced {brokers.condition('Balanced')}")
