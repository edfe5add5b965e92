"""One run: a cluster, clients in three languages that never stop, faults from a seed; then all is healed and read to the end.

Must be called from the main thread, which the brokers' lives hang on. Leaves nothing running.
"""

import time
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from faults import asking, drivers
from faults.drivers import Driver, Task
from faults.gaps import Episode
from faults.history import History, gather, stuck
from faults.inflicting import Inflictor, Ongoing
from faults.reading import read_everything
from faults.schedule import Schedule
from harness.cluster import Cluster

TOPIC = "ledger"
# A restarted broker is waited for before the next fault, so that never more are down than the schedule says.
_BACK_WITHIN_S = {"weir": 30.0, "kafka": 90.0}
_WHOLE_WITHIN_S = {"weir": 60.0, "kafka": 120.0}
_REST_S = 0.3
# After everything is healed the writers go on for so long, and longer until each was answered in each partition.
_CALM_S = 4.0
_ANSWERED_WITHIN_S = 30.0
_LOOK_EVERY_S = 2.0
_READ_WITHIN_S = 60.0


@dataclass
class Ordeal:
    """What came of a run."""

    history: History
    episodes: list[Episode] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    healed_in_s: float = 0.0
    answered_in_s: float = 0.0


def run(cluster: Cluster, schedule: Schedule, partitions: int, rate: int, clients: tuple[str, ...], say) -> Ordeal:
    ordeal = Ordeal(History())
    working: list[Driver] = []
    try:
        say(f"{len(cluster.nodes)} brokers are ready in {cluster.start():.1f} s")
        create_topic_when_whole(cluster, partitions)
        task = Task(cluster.bootstrap, TOPIC, partitions, rate)
        working += [Driver(client, task, cluster.directory) for client in clients]
        drivers.await_first_answers(working)
        ordeal.began = time.monotonic()
        inflictor = Inflictor(cluster, TOPIC, partitions, say)
        _inflict(cluster, inflictor, schedule, ordeal.began)
        calm_from = _heal(cluster, inflictor, ordeal, say)
        _await_everybody(working, calm_from)
        ordeal.ended = time.monotonic()
        ordeal.answered_in_s = ordeal.ended - calm_from
        ordeal.complaints += drivers.finish(working)
        for driver in working:
            gather(driver.events(), ordeal.history)
        ordeal.episodes, ordeal.skipped = inflictor.episodes, inflictor.skipped
        ordeal.complaints += inflictor.complaints + stuck(ordeal.history, calm_from) + _fallen(cluster)
        groups = [driver.group for driver in working]
        ordeal.complaints += read_everything(cluster, TOPIC, partitions, groups, ordeal.history, _READ_WITHIN_S)
        return ordeal
    finally:
        for driver in working:
            driver.kill()
        if cluster.network:
            cluster.network.heal()
        cluster.stop()


def create_topic_when_whole(cluster: Cluster, partitions: int) -> None:
    asking.create_topic(cluster, TOPIC, partitions)
    amiss = asking.await_whole(cluster, _WHOLE_WITHIN_S[cluster.against])
    if amiss:
        raise AssertionError(f"a new topic does not come in sync: {amiss[0]}")


def _inflict(cluster: Cluster, inflictor: Inflictor, schedule: Schedule, began: float) -> None:
    """One thread plays all lanes: the next thing to do is the fault due first, if there is room for it, or the end of one.

    A broker that takes long to come back makes all later faults late; those for which no time is left are not done.
    """
    coming, ongoing = list(schedule.faults), []
    while coming or ongoing:
        ends = min(ongoing, key=_ends_at, default=None)
        room = len(ongoing) < schedule.at_once
        if coming and room and (ends is None or began + coming[0].at_s < _ends_at(ends)):
            fault = coming.pop(0)
            _sleep_until(began + fault.at_s)
            done = inflictor.begin(fault, _hurt(ongoing))
            ongoing += [done] if done else []
        elif ends is not None:
            _sleep_until(_ends_at(ends))
            inflictor.end(ends)
            ongoing.remove(ends)
            _await_back(cluster, inflictor, _hurt(ongoing), min(map(_ends_at, ongoing), default=None))
            time.sleep(_REST_S)
        coming = [fault for fault in coming if time.monotonic() < began + schedule.seconds]


def _hurt(ongoing: list[Ongoing]) -> dict[int, str]:
    """Which brokers have a fault, and of what kind."""
    return {number: kind for one in ongoing for number, kind in one.hurts.items()}


def _ends_at(ongoing: Ongoing) -> float:
    return ongoing.began + ongoing.fault.lasts_s


def _await_back(cluster: Cluster, inflictor: Inflictor, hurt: Container[int], at_most_until: float | None = None) -> None:
    """Until all brokers without a fault are ready, which is promised only when no broker has one: else no longer than is said."""
    deadline = at_most_until or time.monotonic() + _BACK_WITHIN_S[cluster.against]
    for node in cluster.nodes:
        if node.number in hurt:
            continue
        while not node.is_ready():
            if not node.runs():
                inflictor.complaints.append(f"broker {node.number} ended by itself with {node.exit_code()}:\n{node.log_tail(15)}")
                node.start()
            if time.monotonic() > deadline:
                if at_most_until is None:
                    inflictor.complaints.append(f"broker {node.number} did not come back in {_BACK_WITHIN_S[cluster.against]:.0f} s")
                break
            time.sleep(0.05)


def _heal(cluster: Cluster, inflictor: Inflictor, ordeal: Ordeal, say) -> float:
    """Everything is undone already; waits until the cluster has found itself again."""
    began = time.monotonic()
    _await_back(cluster, inflictor, ())
    amiss = asking.await_whole(cluster, _WHOLE_WITHIN_S[cluster.against])
    ordeal.complaints += [f"not healed in {_WHOLE_WITHIN_S[cluster.against]:.0f} s: {one}" for one in amiss[:10]]
    ordeal.healed_in_s = time.monotonic() - began
    say(f"healed: every replica is in sync {ordeal.healed_in_s:.1f} s after the last fault" if not amiss else f"NOT healed: {amiss[0]}")
    return time.monotonic()


def _await_everybody(working: list[Driver], calm_from: float) -> None:
    time.sleep(_CALM_S)
    while time.monotonic() < calm_from + _ANSWERED_WITHIN_S:
        history = History()
        for driver in working:
            gather(driver.events(), history)
        if not stuck(history, calm_from):
            return
        time.sleep(_LOOK_EVERY_S)


def _fallen(cluster: Cluster) -> list[str]:
    fallen = [f"broker {node.number} ended by itself with {node.exit_code()}" for node in cluster.nodes if not node.runs()]
    for node in cluster.nodes:
        panics = [line for line in _lines(node.log_path) if "panicked at" in line]
        fallen += [f"broker {node.number}: {panics[0]}"] if panics else []
    return fallen


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
