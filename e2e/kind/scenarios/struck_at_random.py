"""Brokers come, go and roll, and replicas move, while the operator is struck again and again at moments that chance chooses.

What strikes it is the caller's. Judges what it must never do, whatever strikes it: more than one broker away, a restart too many.
"""

import random
import time
from collections.abc import Callable

from kind.scenarios.brokers import Brokers, condition, expect
from kind.scenarios.pods_over_time import PodsOverTime
from kind.scenarios.scaling import await_balanced, data, held
from kind.scenarios.stage import Stage
from kind.waiting import NotYet

# How long one may lead before it is struck: long enough to begin something, mostly too short to finish.
_LEADS_AT_MOST_S = 6.0
_STAYING = (0, 1, 2)
_JOINING = frozenset({3, 4})
# A roll each, and never the one before.
_RETENTION_MS = 604_900_000


def while_struck(stage: Stage, times: int, strike: Callable[[random.Random], None]) -> None:
    """3 -> 5, a roll, 5 -> 3, and again, until it was struck so often; each comes about before the next is asked for."""
    brokers, seed = stage.brokers, random.randrange(10**6)
    chance, struck, rolls = random.Random(seed), 0, 0
    stage.note(f"chance: {seed}")
    with data(brokers):
        began = time.monotonic()
        with PodsOverTime(brokers) as seen:
            while struck < times:
                for spec in ({"replicas": 5}, {"config": {"log.retention.ms": str(_RETENTION_MS + rolls)}}, {"replicas": 3}):
                    rolls += "config" in spec
                    brokers.patch(spec)
                    struck += _struck_until_done(brokers, chance, times - struck, strike)
            await_balanced(brokers, 3)
        took = time.monotonic() - began
        stage.note(f"struck {struck} times in {took:.0f} s, with {rolls} rolls; brokers hold {held(brokers)}")
    away, restarted = seen.most_away(_JOINING), seen.restarted()
    expect("at most one broker is away at a time", away <= 1, away)
    counts = [restarted.count(broker) for broker in _STAYING]
    expect(f"{rolls} rolls restart each broker so often", counts == [rolls] * len(_STAYING), restarted)


def _struck_until_done(brokers: Brokers, chance: random.Random, at_most: int, strike: Callable[[random.Random], None]) -> int:
    """How often it was struck before the change had come about: at least once, if it may be."""
    struck = 0
    while struck < at_most:
        time.sleep(chance.uniform(0.0, _LEADS_AT_MOST_S))
        if struck and _done(brokers):
            return struck
        strike(chance)
        struck += 1
    await_balanced(brokers, brokers.object()["spec"]["replicas"])
    return struck


def _done(brokers: Brokers) -> bool:
    try:
        brokers.check_settled()
    except NotYet:
        return False
    now = brokers.object()
    return condition(now, "Balanced").get("status") == "True" and len(brokers.pods()) == now["spec"]["replicas"]
