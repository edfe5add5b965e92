"""Two operators, of which the leading one stands still for longer than its lease, again and again, and goes on when the other leads.

A process that stood still knows nothing of it: it goes on in the middle of what it was at, believing that it leads.
"""

import random
import time

from kind.scenarios import operators_metrics
from kind.scenarios.book import scenario
from kind.scenarios.brokers import expect
from kind.scenarios.operator_gone import await_another, leading, two_operators
from kind.scenarios.stage import Stage, signal_process
from kind.scenarios.struck_at_random import while_struck

_FIGHTS = 8
_PROGRAM = "weir-operator"
# How long the other has led, at most, when the one that stood still goes on. Its kubelet gives up on it after a minute of silence.
_OTHER_LEADS_AT_MOST_S = 4.0
# What was on its way when it stood still arrives, and it sees that it does not lead any more.
_SEES_S = 1.0
_SILENT_S = 2.0


@scenario(
    f"two operators fight: the one that leads stands still past its lease, {_FIGHTS} times at random moments of scaling, rolling and "
    "balancing, and goes on when the other leads; the cluster has one will"
)
def fight(stage: Stage) -> None:
    waited: list[float] = []
    with two_operators(stage):
        while_struck(stage, _FIGHTS, lambda chance: waited.append(_stands_still(stage, chance)))
    stage.note(f"the other led {min(waited):.1f} to {max(waited):.1f} s after one stood still, and the first wrote nothing more")


def _stands_still(stage: Stage, chance: random.Random) -> float:
    """After how long the other one led."""
    leader = leading(stage)
    signal_process(stage.there, leader, _PROGRAM, "STOP")
    try:
        took = await_another(stage, leader)
        time.sleep(chance.uniform(0.0, _OTHER_LEADS_AT_MOST_S))
    finally:
        signal_process(stage.there, leader, _PROGRAM, "CONT")
    _writes_nothing(stage, leader["metadata"]["name"])
    return took


def _writes_nothing(stage: Stage, pod: str) -> None:
    time.sleep(_SEES_S)
    before = operators_metrics.read(stage.there, pod)
    time.sleep(_SILENT_S)
    after = operators_metrics.read(stage.there, pod)
    _, writes = operators_metrics.calls(before, after)
    expect(f"{pod}, which does not lead any more, writes nothing", writes == 0, f"{writes} writes")
