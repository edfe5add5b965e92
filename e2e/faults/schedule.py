"""Decides which faults happen when, from a seed alone. Pure: the same seed gives the same faults.

Faults come one after another, or `at_once` of them side by side on different brokers. A fault that destroys a copy (a wiped disk)
always comes alone: it waits until every replica is in sync and nothing begins before that is so again, for that is what the contract
survives: a majority of the quorum, and one whole copy.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

# How a fault chooses its broker. Who leads is only known when the time comes; the run prints whom it met.
ANY, CONTROLLER, LEADER = "any", "controller", "leader"

KILL, PAUSE, STOP, WIPE = "kill", "pause", "stop", "wipe"
ISOLATE, CUT_PAIR, MUTE, DEAF, CUT_ONE_WAY, CUT_CONTROLLER = "isolate", "cut pair", "mute", "deaf", "cut one way", "cut off controller"
SLOW, LOSSY = "slow", "lossy"

PROCESS_FAULTS = (KILL, PAUSE, STOP, WIPE)
NETWORK_FAULTS = (ISOLATE, CUT_PAIR, MUTE, DEAF, CUT_ONE_WAY, CUT_CONTROLLER, SLOW, LOSSY)
KINDS = PROCESS_FAULTS + NETWORK_FAULTS

_FIRST_AFTER_S = 3.0
_REST_S = (0.5, 3.0)
_LASTS_S = {
    KILL: (0.0, 4.0),
    PAUSE: (0.3, 8.0),
    STOP: (0.0, 2.0),
    WIPE: (0.0, 2.0),
    SLOW: (2.0, 6.0),
    LOSSY: (2.0, 6.0),
}
_CUT_LASTS_S = (0.5, 8.0)
# Kills and pauses are what happens most.
_WEIGHTS = {KILL: 4, PAUSE: 3, STOP: 2, WIPE: 1, ISOLATE: 2}


@dataclass(frozen=True)
class Fault:
    """One fault to come: at what second of the run, for how long, to whom."""

    at_s: float
    lasts_s: float
    kind: str
    target: str
    node: int  # whom, when the target is any; else how to choose among several
    other: int  # the other end, where there is one
    kbit_s: int

    @property
    def alone(self) -> bool:
        return self.kind == WIPE

    def __str__(self) -> str:
        whom = f"broker {self.node}" if self.target == ANY else f"the {self.target}"
        return f"{self.at_s:5.1f} s  {self.kind} {whom} for {self.lasts_s:.1f} s"


@dataclass(frozen=True)
class Schedule:
    """All faults of a run, in the order of their beginning; the last has ended when the time is over."""

    faults: tuple[Fault, ...]
    seconds: float
    at_once: int


def schedule(seed: int, seconds: float, brokers: int, kinds: Iterable[str] = KINDS, at_once: int = 1) -> Schedule:
    faults: list[Fault] = []
    for lane in range(at_once):
        faults += _lane(random.Random(f"{seed}/{lane}"), seconds, brokers, [kind for kind in kinds if lane == 0 or kind != WIPE])
    return Schedule(tuple(sorted(faults, key=lambda fault: fault.at_s)), seconds, at_once)


def _lane(chance: random.Random, seconds: float, brokers: int, kinds: list[str]) -> list[Fault]:
    faults = []
    at_s = _FIRST_AFTER_S + chance.uniform(0.0, _REST_S[1])
    while True:
        kind = chance.choices(kinds, [_WEIGHTS.get(kind, 1) for kind in kinds])[0]
        lasts_s = chance.uniform(*_LASTS_S.get(kind, _CUT_LASTS_S))
        node = chance.randrange(brokers)
        other = (node + chance.randrange(1, brokers)) % brokers if brokers > 1 else node
        target = chance.choices((ANY, CONTROLLER, LEADER), (2, 1, 2))[0]
        kbit_s = chance.choice((300, 1_000, 4_000))
        if at_s + lasts_s > seconds:
            return faults
        faults.append(Fault(at_s, lasts_s, kind, target, node, other, kbit_s))
        at_s += lasts_s + chance.uniform(*_REST_S)
