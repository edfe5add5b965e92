"""How long Topics take until they are as declared: one by one, and thousands at once, by how many calls, and what the operator holds
then.
"""

import json
import statistics
import time

from harness.paths import VENV_PYTHON
from kind import paths
from kind.cluster import Cluster
from kind.scenarios import operators_metrics
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, condition, expect
from kind.scenarios.stage import Stage
from kind.telling import step
from kind.waiting import NotYet, until

_ALL_READY_S = 600.0
_WRITE_S = 600.0
_REST_S = 60.0
_QUIET_S = 30.0
_DELETED_S = 300.0
_MEMORY_MIB = 40.0
_ONE_BY_ONE = 100


@scenario("a thousand topics are applied at once", clients=False)
def thousand(stage: Stage) -> None:
    _many(stage, 1_000, replicas=3)


@scenario("ten thousand topics are applied at once, and then nothing is written", clients=False)
def ten_thousand(stage: Stage) -> None:
    _many(stage, 10_000, replicas=1)


@scenario("topics are applied one by one, each when the one before is ready", clients=False)
def one_by_one(stage: Stage) -> None:
    with stage.namespace("one-by-one") as namespace:
        brokers = Brokers(stage.there, namespace, "few", 3)
        brokers.apply()
        brokers.await_settled()
        took = sorted(json.loads(_ask(brokers, "timing_topics", _ONE_BY_ONE, replicas=3)))
        expect("each was timed", len(took) == _ONE_BY_ONE, len(took))
        p99 = took[int(0.99 * (len(took) - 1))]
        stage.note(f"applied to ready: {statistics.median(took):.0f} ms (median), {p99:.0f} ms (p99), {took[-1]:.0f} ms at most")
        _delete(brokers)


def _many(stage: Stage, count: int, replicas: int) -> None:
    with stage.namespace(f"many-{count}") as namespace:
        brokers = Brokers(stage.there, namespace, "many", 3)
        brokers.apply()
        brokers.await_settled()
        before = operators_metrics.read(stage.there)
        began = time.monotonic()
        written = _write(brokers, count, replicas)
        until("the operator counts all as ready", _ALL_READY_S, lambda: _counted(stage, brokers, count))
        took = time.monotonic() - began
        after = operators_metrics.read(stage.there)
        _all_ready(brokers, count)
        reads, writes = operators_metrics.calls(before, after)
        stage.note(
            f"written in {written:.1f} s ({count / written:.0f} a second), all as declared after {took:.1f} s; "
            f"{reads} reads and {writes} writes by the operator, {operators_metrics.cpu_seconds(before, after):.1f} s of a processor"
        )
        expect("a status for each, and little else", writes < 1.2 * count + 60, writes)
        _at_rest(stage, before)
        _delete(brokers)


def _at_rest(stage: Stage, before: dict[str, float]) -> None:
    time.sleep(_QUIET_S)
    first = operators_metrics.read(stage.there)
    with step(f"{_REST_S:.0f} s of rest"):
        time.sleep(_REST_S)
    last = operators_metrics.read(stage.there)
    reads, writes = operators_metrics.calls(first, last)
    held = [operators_metrics.memory_mib(metrics) for metrics in (before, last)]
    stage.note(
        f"at rest {reads} reads and {writes} writes in {_REST_S:.0f} s; the operator held {held[0]:.0f} MiB before, {held[1]:.0f} MiB now"
    )
    expect("nothing is written but the lease", writes <= operators_metrics.RENEWALS_A_MINUTE * (_REST_S / 60 + 1), writes)
    expect(f"it holds no more than {_MEMORY_MIB:.0f} MiB", held[1] <= _MEMORY_MIB, held)


def _write(brokers: Brokers, count: int, replicas: int) -> float:
    return float(_ask(brokers, "writing_topics", count, replicas))


def _ask(brokers: Brokers, program: str, count: int, replicas: int) -> str:
    """The last line of a program that runs in the engine, and asks the API server without the way there through it."""
    there = brokers.there
    spec = {"clusterRef": {"name": brokers.name}, "partitions": 1, "replicationFactor": replicas}
    kubeconfig = json.loads(there.kubectl("config", "view", "--raw", "--minify", "--output", "json"))
    question = json.dumps({"kubeconfig": kubeconfig, "namespace": brokers.namespace, "spec": spec, "count": count})
    script = paths.HERE / "scenarios" / f"{program}.py"
    return there.engine.run(VENV_PYTHON, script, stdin=question, timeout_s=_WRITE_S).splitlines()[-1]


def _counted(stage: Stage, brokers: Brokers, count: int) -> None:
    ready = operators_metrics.topics_ready(operators_metrics.read(stage.there), brokers.namespace)
    if ready != count:
        raise NotYet(f"{ready} of {count} are ready")


def _all_ready(brokers: Brokers, count: int) -> None:
    """By their own word."""
    topics = json.loads(brokers.kubectl("get", "topics.weir.dev", "--output", "json", timeout_s=_WRITE_S))["items"]
    ready = sum(condition(topic, "Ready").get("status") == "True" for topic in topics)
    expect("all topics are ready", ready == count == len(topics), f"{ready} of {len(topics)}")


def _delete(brokers: Brokers) -> None:
    """All by one request each, as long as there are any; a namespace that goes takes its objects one by one."""
    there: Cluster = brokers.there
    path = f"/apis/weir.dev/v1alpha1/namespaces/{brokers.namespace}/topics"
    there.kubectl("delete", "--raw", path, timeout_s=_DELETED_S)
