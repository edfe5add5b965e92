"""Decides which faults happen when, from a seed alone. Pure: the same seed gives the same faults.

Faults come one after another, or `at_once` of them side by side on different brokers; some are for all brokers at the same moment.
Whether one may be done when its time comes is for `promise` to say: only then is known who leads and who is in sync.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

# How a fault chooses its broker. Who leads is only known when the time comes; the run prints whom it met.
ANY, CONTROLLER, LEADER = "any", "controller", "leader"

KILL, PAUSE, STOP, WIPE = "kill", "pause", "stop", "wipe"
KILL_ALL, STOP_ALL = "kill all", "stop all"
ISOLATE, CUT_PAIR, MUTE, DEAF, CUT_ONE_WAY, CUT_CONTROLLER = "isolate", "cut pair", "mute", "deaf", "cut one way", "cut off controller"
SLOW, LOSSY = "slow", "lossy"

ALL_AT_ONCE = (KILL_ALL, STOP_ALL)
PROCESS_FAULTS = (KILL, PAUSE, STOP, WIPE, *ALL_AT_ONCE)
NETWORK_FAULTS = (ISOLATE, CUT_PAIR, MUTE, DEAF, CUT_ONE_WAY, CUT_CONTROLLER, SLOW, LOSSY)
KINDS = PROCESS_FAULTS + NETWORK_FAULTS

_FIRST_AFTER_S = 3.0
_REST_S = (0.5, 3.0)
_LASTS_S = {
    KILL: (0.0, 4.0),
    PAUSE: (0.3, 8.0),
    STOP: (0.0, 2.0),
    WIPE: (0.0, 2.0),
    KILL_ALL: (0.0, 2.0),
    STOP_ALL: (0.0, 2.0),
    SLOW: (2.0, 6.0),
    LOSSY: (2.0, 6.0),
}
_CUT_LASTS_S = (0.5, 8.0)
# Kills and pauses are what happens most.
_WEIGHTS = {KILL: 4, PAUSE: 3, STOP: 2, WIPE: 2, ISOLATE: 2}


@dataclass(frozen=True)
class Fault:
    """One fault to come: at what second of the run, for how long, to whom."""

    at_s: float
    lasts_s: float
    kind: str
    target: str
    node: int  # whom first, when the target is any; else how to choose among several
    other: int  # the other end, where there is one
    kbit_s: int

    def __str__(self) -> str:
        whom = "brokers" if self.kind in ALL_AT_ONCE else f"broker {self.node}" if self.target == ANY else f"the {self.target}"
        return f"{self.at_s:5.1f} s  {self.kind} {whom} for {self.lasts_s:.1f} s"


@dataclass(frozen=True)
class Schedule:
    """All faults of a run, in the order of their beginning; the last has ended when the time is over."""

    faults: tuple[Fault, ...]
    seconds: float
    at_once: int


def at_once_of(seed: int) -> int:
    """What a seed plays when nobody says: one fault at a time, or two."""
    return 1 + seed % 2


def schedule(seed: int, seconds: float, brokers: int, kinds: Iterable[str] = KINDS, at_once: int | None = None) -> Schedule:
    at_once = at_once or at_once_of(seed)
    faults: list[Fault] = []
    for lane in range(at_once):
        faults += _lane(random.Random(f"{seed}/{lane}"), seconds, brokers, list(kinds))
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
