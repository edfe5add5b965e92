"""What an operator does when there is nothing to do: nothing. And what it leaves alone while it is told to."""

import json
import time

from kind.scenarios import operators_metrics
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect
from kind.scenarios.lifecycle import difference, versions
from kind.scenarios.stage import NAMESPACE, Stage
from kind.telling import step
from kind.waiting import NotYet, until

_WINDOW_S = {True: 30.0, False: 600.0}
_STANDS_S = 10.0
_SEEN_S = 60.0
_QUIET_S = 5.0


@scenario("while a Cluster is paused nothing is changed, and afterwards everything is")
def paused(stage: Stage) -> None:
    brokers = stage.brokers
    before = brokers.uids()
    brokers.patch({"paused": True})
    brokers.patch({"config": {"log.retention.ms": "604800005"}})
    until("status says that it is paused", _SEEN_S, lambda: _says_paused(stage))
    written = {name: version for name, version in versions(stage, NAMESPACE).items() if not name.startswith("Topic/")}
    time.sleep(_STANDS_S)
    now = {name: version for name, version in versions(stage, NAMESPACE).items() if name in written}
    expect("nothing is written", now == written)
    expect("no pod is touched", brokers.uids() == before)
    brokers.patch({"paused": None})
    brokers.await_settled()
    expect("all pods are new", not set(brokers.uids().values()) & set(before.values()))


@scenario("an idle cluster makes no writes", core=True, clients=False)
def idle(stage: Stage) -> None:
    window = _WINDOW_S[stage.only_core]
    stage.brokers.await_settled()
    _lead_where_preferred(stage.brokers)
    until("nothing is left to be done", _SEEN_S, lambda: _unchanged(stage))
    before, objects = operators_metrics.read(stage.there), versions(stage, NAMESPACE)
    with step(f"{window:.0f} s of rest"):
        time.sleep(window)
    after = operators_metrics.read(stage.there)
    expect("nothing has changed", versions(stage, NAMESPACE) == objects, difference(objects, versions(stage, NAMESPACE)))
    reads, writes = operators_metrics.calls(before, after)
    expect(
        "nothing is written but the lease",
        writes <= operators_metrics.RENEWALS_A_MINUTE * (window / 60 + 1),
        f"{writes} writes in {window:.0f} s",
    )
    stage.note(f"{len(objects)} objects unchanged in {window:.0f} s; {reads} reads, {writes} writes, all of them the lease's renewals")
    stage.note(f"the operator holds {operators_metrics.memory_mib(after):.1f} MiB")


def _lead_where_preferred(brokers: Brokers) -> None:
    """After a roll brokers do so by themselves, but minutes later; and status says how many each leads, of their own topics too."""
    for topic in json.loads(brokers.weir("topic", "list", "--internal", "--output", "json")):
        brokers.weir("topic", "elect", topic["name"])


def _says_paused(stage: Stage) -> None:
    told = stage.brokers.condition("Progressing")
    if told.get("reason") != "Paused":
        raise NotYet(f"Progressing is {told}")


def _unchanged(stage: Stage) -> None:
    """Controllers of Kubernetes' own come to rest some seconds after brokers do."""
    before = versions(stage, NAMESPACE)
    time.sleep(_QUIET_S)
    changed = difference(before, versions(stage, NAMESPACE))
    if changed:
        raise NotYet(f"changed: {', '.join(changed)}")
