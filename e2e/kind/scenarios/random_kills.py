"""The operator is killed again and again, at moments that chance chooses, while brokers come, go, roll, and replicas move.

Its lease is taken from it after each kill: the holder is known to be dead, and the next one need not wait until it is believed.
"""

import random
import time

from kind.first_steps import OPERATORS_NAMESPACE
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, condition, expect
from kind.scenarios.operator_gone import holder, kill_operator
from kind.scenarios.pods_over_time import PodsOverTime
from kind.scenarios.scaling import await_balanced, data, held
from kind.scenarios.stage import Stage
from kind.waiting import NotYet, until

_KILLS = 100
# How long one may lead before it is killed: long enough to begin something, mostly too short to finish.
_LEADS_AT_MOST_S = 6.0
_NEXT_LEADS_S = 60.0
_STAYING = (0, 1, 2)
_JOINING = frozenset({3, 4})


@scenario(f"the operator is killed {_KILLS} times at random moments of scaling, rolling and balancing, and what was asked for comes about")
def often(stage: Stage) -> None:
    brokers, seed = stage.brokers, random.randrange(10**6)
    chance, kills, rolls = random.Random(seed), 0, 0
    stage.note(f"chance: {seed}")
    with data(brokers):
        began = time.monotonic()
        with PodsOverTime(brokers) as seen:
            while kills < _KILLS:
                for spec in ({"replicas": 5}, {"config": {"log.retention.ms": str(604_900_000 + rolls)}}, {"replicas": 3}):
                    rolls += "config" in spec
                    brokers.patch(spec)
                    kills += _killed_until_done(stage, chance, _KILLS - kills)
            await_balanced(brokers, 3)
        away, restarted = seen.most_away(_JOINING), seen.restarted()
    expect("at most one broker is away at a time", away <= 1, away)
    counts = [restarted.count(broker) for broker in _STAYING]
    expect(f"{rolls} rolls restart each broker so often", counts == [rolls] * len(_STAYING), restarted)
    stage.note(f"{kills} kills and {rolls} rolls in {time.monotonic() - began:.0f} s; brokers hold {held(brokers)}")


def _killed_until_done(stage: Stage, chance: random.Random, at_most: int) -> int:
    """How often it was killed before the change had come about. What is left of it is waited for by whoever asks next."""
    kills = 0
    while kills < at_most:
        time.sleep(chance.uniform(0.0, _LEADS_AT_MOST_S))
        if kills and _done(stage.brokers):
            return kills
        kill_operator(stage)
        # Not deleted: it is the chart's, which takes it away when it goes.
        nobody = '{"spec":{"holderIdentity":""}}'
        stage.there.kubectl("patch", "lease", "weir-operator", "-n", OPERATORS_NAMESPACE, "--type=merge", "--patch", nobody)
        kills += 1
        until("the next operator leads", _NEXT_LEADS_S, lambda: holder(stage))
    await_balanced(stage.brokers, stage.brokers.object()["spec"]["replicas"])
    return kills


def _done(brokers: Brokers) -> bool:
    try:
        brokers.check_settled()
    except NotYet:
        return False
    now = brokers.object()
    return condition(now, "Balanced").get("status") == "True" and len(brokers.pods()) == now["spec"]["replicas"]
