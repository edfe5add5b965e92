"""The operator is killed again and again, at moments that chance chooses, while brokers come, go, roll, and replicas move.

Its lease is taken from it after each kill: the holder is known to be dead, and the next one need not wait until it is believed.
"""

from kind.first_steps import OPERATORS_NAMESPACE
from kind.scenarios.book import scenario
from kind.scenarios.operator_gone import holder, kill_operator
from kind.scenarios.stage import Stage
from kind.scenarios.struck_at_random import while_struck
from kind.waiting import until

_KILLS = 100
_NEXT_LEADS_S = 60.0


@scenario(f"the operator is killed {_KILLS} times at random moments of scaling, rolling and balancing, and what was asked for comes about")
def often(stage: Stage) -> None:
    while_struck(stage, _KILLS, lambda _: _kill(stage))


def _kill(stage: Stage) -> None:
    kill_operator(stage)
    # Not deleted: it is the chart's, which takes it away when it goes.
    nobody = '{"spec":{"holderIdentity":""}}'
    stage.there.kubectl("patch", "lease", "weir-operator", "-n", OPERATORS_NAMESPACE, "--type=merge", "--patch", nobody)
    until("the next operator leads", _NEXT_LEADS_S, lambda: holder(stage))
