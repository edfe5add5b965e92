"""The number of brokers by load: the operator's own autoscaling, and a HorizontalPodAutoscaler on the scale subresource."""

import json
import time

from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, condition, expect
from kind.scenarios.load import Load
from kind.scenarios.scaling import await_balanced, data, held
from kind.scenarios.stage import Stage
from kind.waiting import NotYet, until

# What producers write is borne three times, so that a megabyte a second asks for six brokers of this target, and may have five.
_MOST = 5
_NETWORK = "512Ki"
_WINDOW = "30s"
# The processor of a busy machine says nothing here: ten times what is requested is the most that can be said.
_TARGETS = {"networkBytesPerSecond": _NETWORK, "cpuPercent": 1000, "diskPercent": 85}
_AUTOSCALING = {
    "minReplicas": 3,
    "maxReplicas": _MOST,
    "targets": _TARGETS,
    "stabilization": {"scaleOut": _WINDOW, "scaleIn": _WINDOW},
}
_OUT_S = 240.0
_IN_S = 480.0
_STANDS_S = 45.0
_FOUND_S = 90.0


@scenario("autoscaling adds brokers under load and takes them away after it, and the number does not go back and forth")
def by_load(stage: Stage) -> None:
    brokers = stage.brokers
    numbers: list[int] = []
    brokers.patch({"autoscaling": _AUTOSCALING})
    with Load(brokers, "load"):
        took = until(f"{_MOST} brokers, balanced", _OUT_S, lambda: _balanced_at(brokers, _MOST, numbers))
        stage.note(f"{_MOST} brokers under load, balanced, after {took:.1f} s: {_last_change(brokers)}; holding {held(brokers)}")
        _stands(brokers, numbers)
    took = until("three brokers, balanced", _IN_S, lambda: _balanced_at(brokers, 3, numbers))
    stage.note(f"three brokers {took:.1f} s after the load: {_last_change(brokers)}; holding {held(brokers)}")
    stage.note(f"numbers of brokers, one after another: {numbers}")
    expect("the number rises, and falls, and does nothing else", rises_and_falls(numbers), numbers)
    expect("the spec is the user's", brokers.object()["spec"]["replicas"] == 3, brokers.object()["spec"]["replicas"])


@scenario("a HorizontalPodAutoscaler takes a Cluster from three brokers to four and back by its scale subresource")
def by_an_autoscaler_of_kubernetes(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        try:
            # Nobody measures pods here. What is below the fewest or above the most is put right without a measure.
            _apply_autoscaler(brokers, 4, _MOST)
            told = _able_to_scale(brokers)
            until("it asks for four brokers", _FOUND_S, lambda: _asked_for(brokers, 4))
            await_balanced(brokers, 4)
            stage.note(f"it says {told}; brokers hold {held(brokers)}")
            _apply_autoscaler(brokers, 3, 3)
            until("it asks for three brokers", _FOUND_S, lambda: _asked_for(brokers, 3))
            await_balanced(brokers, 3)
            stage.note(f"back at three, holding {held(brokers)}")
        finally:
            brokers.kubectl("delete", "horizontalpodautoscalers", brokers.name, "--ignore-not-found")


def rises_and_falls(numbers: list[int]) -> bool:
    """Whether they go up to the most of them, and down from there, and both of it happens."""
    top = numbers.index(max(numbers))
    up, down = numbers[: top + 1], numbers[top:]
    return up == sorted(up) and down == sorted(down, reverse=True) and len(up) > 1 and len(down) > 1


def _balanced_at(brokers: Brokers, replicas: int, numbers: list[int]) -> None:
    """So many brokers are chosen, are there, and have their shares; every number that is seen on the way is kept."""
    now = brokers.object()
    status = now.get("status", {})
    chosen = _noted(status, numbers)
    if chosen != replicas or status.get("readyReplicas") != replicas or len(brokers.pods()) != replicas:
        raise NotYet(f"{status.get('readyReplicas')} brokers are ready; autoscaling says {status.get('autoscaling')}")
    for which, wanted in (("Balanced", "True"), ("Progressing", "False"), ("Degraded", "False")):
        one = condition(now, which)
        if one.get("status") != wanted:
            raise NotYet(f"{which} is {one.get('status')}: {one.get('message')}")


def _noted(status: dict, numbers: list[int]) -> int:
    chosen = (status.get("autoscaling") or {}).get("replicas", 0)
    if chosen and numbers[-1:] != [chosen]:
        numbers.append(chosen)
    return chosen


def _stands(brokers: Brokers, numbers: list[int]) -> None:
    """While the load lasts, nobody goes."""
    ends = time.monotonic() + _STANDS_S
    while time.monotonic() < ends:
        chosen = _noted(brokers.status(), numbers)
        expect(f"{_MOST} brokers stay while there is load", chosen == _MOST, numbers)
        time.sleep(2)


def _last_change(brokers: Brokers) -> str:
    change = brokers.status()["autoscaling"].get("lastChange", {})
    return f"from {change.get('from')} to {change.get('to')}, for {change.get('message')}"


def _apply_autoscaler(brokers: Brokers, fewest: int, most: int) -> None:
    target = {"apiVersion": "weir.dev/v1alpha1", "kind": "Cluster", "name": brokers.name}
    processor = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    spec = {"scaleTargetRef": target, "minReplicas": fewest, "maxReplicas": most, "metrics": [processor]}
    metadata = {"name": brokers.name, "namespace": brokers.namespace}
    manifest = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}
    brokers.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))


def _able_to_scale(brokers: Brokers) -> str:
    """What the autoscaler says once it has found what it scales."""
    seen: dict = {}

    def look() -> None:
        seen.update(condition(brokers.get("horizontalpodautoscalers", brokers.name), "AbleToScale"))
        if seen.get("status") != "True":
            raise NotYet(f"AbleToScale is {seen.get('status')}: {seen.get('reason')}, {seen.get('message')}")

    until("the autoscaler finds the scale subresource", _FOUND_S, look)
    return f"{seen['reason']}: {seen['message']}"


def _asked_for(brokers: Brokers, replicas: int) -> None:
    asked = brokers.object()["spec"]["replicas"]
    if asked != replicas:
        raise NotYet(f"spec.replicas is {asked}")
