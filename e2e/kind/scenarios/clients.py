"""Clients at work inside the cluster's network while something happens: kafka-python and sarama, by the bootstrap service.

Each is an idempotent producer with acks=all, and a group of two that commits what it polled. Afterwards everything is read to its
end, and from each replica alone, and judged by the same checker as the random faults.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from faults import drivers
from faults.drivers import Driver, Task
from faults.history import History, gather, stuck
from harness import paths
from kind import on_a_node
from kind.commands import CommandFailed, run
from kind.scenarios.brokers import Brokers, condition
from kind.waiting import NotYet, until

CLIENTS = ("python", "sarama")
_PARTITIONS = 6
_RATE = 100
_TOPIC_S = 60.0
_CALM_S = 2.0
_ANSWERED_S = 60.0
_STARTED_S = 30.0
_JUDGED_S = 120.0
_SHOWN = 10


@dataclass(frozen=True)
class Verdict:
    """What came of the clients' work."""

    acknowledged: int
    lost: int
    duplicated: int
    reordered: int
    gaps: dict[str, float]
    complaints: list[str]

    @property
    def longest_s(self) -> float:
        return max(self.gaps.values(), default=0.0)

    def __str__(self) -> str:
        waits = ", ".join(f"{writer} {seconds * 1000:.0f}" for writer, seconds in self.gaps.items())
        counts = f"{self.lost} lost, {self.duplicated} duplicated, {self.reordered} reordered"
        return f"{self.acknowledged} acknowledged: {counts}; longest gaps in ms: {waits}"


class Work:
    """Begins at once; `verdict` ends it."""

    def __init__(self, brokers: Brokers, topic: str, directory: Path):
        directory.mkdir(parents=True)
        self._brokers, self._topic, self._directory = brokers, topic, directory
        self._through = on_a_node.prefix(brokers.there, brokers.namespace)
        self._make_topic()
        self._drivers: list[Driver] = []
        task = Task(f"{brokers.name}-bootstrap:9092", topic, _PARTITIONS, _RATE)
        try:
            for client in CLIENTS:
                self._drivers.append(Driver(client, task, directory, self._through))
            drivers.await_first_answers(self._drivers)
            # Every producer has its id: kafka-python gives up for good when the broker that it asks for one is lost meanwhile.
            self.await_answers(0.0, _STARTED_S)
        except AssertionError as failed:
            self.stop()
            raise CommandFailed(str(failed)) from failed
        except CommandFailed:
            self.stop()
            raise
        self._began = time.monotonic()

    def stop(self) -> None:
        """Ends the clients, whatever they are at."""
        for driver in self._drivers:
            driver.kill()

    def await_answers(self, since: float | None = None, within_s: float = _ANSWERED_S) -> None:
        """Until every writer has been acknowledged something in every partition from now on, and every group has polled something."""
        began = time.monotonic() if since is None else since

        def look() -> None:
            history = History()
            for driver in self._drivers:
                gather(driver.events(), history)
            waiting = stuck(history, began)
            if waiting or len({group.group for group in history.owned}) < len(self._drivers):
                raise NotYet(waiting[0] if waiting else "a group has no members")

        until("clients are answered", within_s, look)

    def verdict(self) -> Verdict:
        time.sleep(_CALM_S)
        self.await_answers()
        ended = time.monotonic()
        complaints = drivers.finish(self._drivers)
        told = self._judge(ended)
        self._remove_topic()
        return Verdict(
            told["acknowledged"],
            told["counts"]["lost"] + told["counts"]["unseen"],
            told["counts"]["duplicate"],
            told["counts"]["reordered"],
            told["gaps"],
            [*complaints, *told["complaints"], *told["violations"][:_SHOWN]],
        )

    def _judge(self, ended: float) -> dict:
        """By a process beside the clients: it reads what each broker has."""
        replicas = range(self._brokers.object()["spec"]["replicas"])
        places = [f"{self._brokers.pod_name(number)}.{self._brokers.name}-brokers:9092" for number in replicas]
        question = {
            "topic": self._topic,
            "partitions": _PARTITIONS,
            "brokers": places,
            "histories": [str(driver.history_path) for driver in self._drivers],
            "groups": [driver.group for driver in self._drivers],
            "began": self._began,
            "ended": ended,
        }
        script = paths.E2E / "kind" / "scenarios" / "judging.py"
        command = [*self._through, paths.VENV_PYTHON, script, json.dumps(question)]
        said = run(command, timeout_s=_JUDGED_S, env={"PYTHONPATH": str(paths.E2E)})
        return json.loads(said.splitlines()[-1])

    def _make_topic(self) -> None:
        spec = {
            "clusterRef": {"name": self._brokers.name},
            "partitions": _PARTITIONS,
            "replicationFactor": 3,
            "config": {"min.insync.replicas": "2"},
            "deletionPolicy": "Delete",
        }
        apply_topic(self._brokers, self._topic, spec)
        await_topic(self._brokers, self._topic)

    def _remove_topic(self) -> None:
        self._brokers.kubectl("delete", "topics.weir.dev", self._topic, "--wait=false")


def apply_topic(brokers: Brokers, name: str, spec: dict) -> None:
    metadata = {"name": name, "namespace": brokers.namespace}
    manifest = {"apiVersion": "weir.dev/v1alpha1", "kind": "Topic", "metadata": metadata, "spec": spec}
    brokers.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))


def await_topic(brokers: Brokers, name: str, status: str = "True", reason: str = "", within_s: float = _TOPIC_S) -> dict:
    """The condition Ready, once it is as asked for the newest spec."""
    seen: dict = {}

    def look() -> None:
        topic = brokers.get("topics.weir.dev", name)
        seen.clear()
        seen.update(condition(topic, "Ready"))
        newest = seen.get("observedGeneration") == topic["metadata"]["generation"]
        if not newest or seen.get("status") != status or (reason and seen.get("reason") != reason):
            raise NotYet(f"Ready is {seen.get('status')}: {seen.get('reason')}, {seen.get('message')}")

    until(f"topic {name}: Ready={status} {reason}", within_s, look)
    return seen
