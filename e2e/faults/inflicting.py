"""Does faults to a cluster and undoes them. Decides whom a fault meets; whether it may be done is for `promise`, and noted when not.

May signal, restart and wipe the brokers of its cluster, and cut their network. Whatever it began it ends in `heal`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from faults import asking
from faults.gaps import Episode
from faults.promise import Scene, filled, forbids
from faults.schedule import (
    ALL_AT_ONCE,
    ANY,
    CONTROLLER,
    CUT_CONTROLLER,
    CUT_ONE_WAY,
    CUT_PAIR,
    DEAF,
    ISOLATE,
    KILL,
    KILL_ALL,
    LOSSY,
    MUTE,
    PAUSE,
    SLOW,
    STOP,
    STOP_ALL,
    WIPE,
    Fault,
)
from harness.cluster import Cluster, Node

# How long a fault waits until it may be done. With others going on it must not make them last much longer.
_ALLOWED_WITHIN_S = 20.0
_ALLOWED_BESIDE_OTHERS_WITHIN_S = 2.0
STOPS_WITHIN_S = 30.0


@dataclass
class Ongoing:
    """A fault that has begun, whom it met, and what undoes it."""

    fault: Fault
    nodes: list[Node]
    name: str
    began: float
    undo: Callable[[], None]

    @property
    def hurts(self) -> dict[int, str]:
        return {node.number: self.fault.kind for node in self.nodes}


class Inflictor:
    """The hand that does it."""

    def __init__(self, cluster: Cluster, topic: str, partitions: int, say):
        self._cluster, self._topic, self._partitions, self._say = cluster, topic, partitions, say
        self.episodes: list[Episode] = []
        self.skipped: list[str] = []
        self.complaints: list[str] = []
        self._unfilled: set[int] = set()

    def begin(self, fault: Fault, hurt: dict[int, str]) -> Ongoing | None:
        """Starts a fault on a broker that no other fault has; says why when it can not, or may not."""
        node = self._whom(fault, hurt)
        if not node.runs():
            return self._skip(fault, f"broker {node.number} is down")
        why_not = self._await_allowed(fault, node, hurt)
        if why_not:
            return self._skip(fault, why_not)
        other = self._other(fault, node)
        name, began = _name(fault, node.number, other, sorted(hurt)), time.monotonic()
        self._say(f"{name}, for {fault.lasts_s:.1f} s")
        nodes = self._cluster.nodes if fault.kind in ALL_AT_ONCE else [node]
        return Ongoing(fault, nodes, name, began, self._do(fault, nodes, other))

    def end(self, ongoing: Ongoing) -> None:
        """Undoes it, and nothing else: the brokers are started again, go on, or are reached again."""
        ongoing.undo()
        self.episodes.append(Episode(ongoing.name, ongoing.fault.kind, ongoing.began, time.monotonic()))

    def _await_allowed(self, fault: Fault, node: Node, hurt: dict[int, str]) -> str | None:
        """Only what needs a whole cluster waits for one."""
        deadline = time.monotonic() + (_ALLOWED_BESIDE_OTHERS_WITHIN_S if hurt else _ALLOWED_WITHIN_S)
        while True:
            why_not = forbids(fault.kind, node.number, self._scene(fault, hurt))
            if not why_not or fault.kind != WIPE or time.monotonic() > deadline:
                return why_not
            time.sleep(0.2)

    def _scene(self, fault: Fault, hurt: dict[int, str]) -> Scene:
        if fault.kind != WIPE:
            return Scene(len(self._cluster.nodes), hurt)
        # The quorum first: who has caught up with it knows how the partitions stand. Who has a fault may not, and is not asked.
        quorum = asking.quorum(self._cluster, leaving_out=hurt)
        standings = tuple(asking.standings(self._cluster, leaving_out=hurt))
        self._unfilled = {one for one in self._unfilled if one in hurt or not filled(one, standings, quorum)}
        return Scene(len(self._cluster.nodes), hurt, standings, quorum, frozenset(self._unfilled))

    def _do(self, fault: Fault, nodes: list[Node], other: int) -> Callable[[], None]:
        """Does it and returns what undoes it."""
        kind, (node, *_) = fault.kind, nodes
        if kind in (KILL, KILL_ALL, WIPE):
            self._unfilled |= {one.number for one in nodes if kind == WIPE}
            for one in nodes:
                one.wipe() if kind == WIPE else one.kill()
            return lambda: [one.start() for one in nodes]
        if kind in (STOP, STOP_ALL):
            for one in nodes:
                one.ask_to_stop()
            return lambda: self._start_when_stopped(nodes)
        if kind == PAUSE:
            node.pause()
            return node.resume
        if kind in (SLOW, LOSSY):
            narrow = self._cluster.network.slow if kind == SLOW else self._cluster.network.lossy
            narrow(node.number, fault.kbit_s)
            return lambda: self._cluster.network.widen(node.number)
        return self._cut(_ways(kind, node.number, other, len(self._cluster.nodes)), node if kind == ISOLATE else None)

    def _cut(self, ways: list[tuple[int, int]], from_clients: Node | None) -> Callable[[], None]:
        network = self._cluster.network
        ways += network.ways_to_clients(from_clients.number) if from_clients else []
        for sender, receiver in ways:
            network.cut(sender, receiver)
        return lambda: [network.mend(sender, receiver) for sender, receiver in ways]

    def _whom(self, fault: Fault, hurt: dict[int, str]) -> Node:
        number = None
        if fault.kind == CUT_CONTROLLER:
            controller = asking.controller(self._cluster)
            number = next((one.number for one in self._after(fault.node) if one.number != controller and one.number not in hurt), None)
        elif fault.target == CONTROLLER:
            number = asking.controller(self._cluster)
        elif fault.target == ANY:
            number = next((one.number for one in self._after(fault.node) if one.number not in hurt), None)
        else:
            number = asking.leader_of(self._cluster, self._topic, fault.node % self._partitions)
        return self._cluster.nodes[fault.node if number is None else number]

    def _other(self, fault: Fault, node: Node) -> int:
        """The far end of a cut: the controller, or whom the schedule says."""
        if fault.kind == CUT_CONTROLLER:
            controller = asking.controller(self._cluster)
            if controller is not None and controller != node.number:
                return controller
        return fault.other if fault.other != node.number else fault.node

    def _after(self, first: int) -> list[Node]:
        return [*self._cluster.nodes[first:], *self._cluster.nodes[:first]]

    def _start_when_stopped(self, nodes: list[Node]) -> None:
        deadline = time.monotonic() + STOPS_WITHIN_S
        for node in nodes:
            if node.stop(max(0.0, deadline - time.monotonic())):
                self._say(f"broker {node.number} stopped cleanly")
            else:
                self.complaints.append(f"broker {node.number} did not stop in {STOPS_WITHIN_S:.0f} s after SIGTERM")
        for node in nodes:
            node.start()

    def _skip(self, fault: Fault, why: str) -> None:
        self.skipped.append(f"{fault.kind}: {why}")
        self._say(f"no {fault.kind}: {why}")


def _ways(kind: str, node: int, other: int, brokers: int) -> list[tuple[int, int]]:
    """Which ways between brokers a cut closes: from whom, to whom."""
    if kind == CUT_ONE_WAY:
        return [(node, other)]
    if kind in (CUT_PAIR, CUT_CONTROLLER):
        return [(node, other), (other, node)]
    others = [one for one in range(brokers) if one != node]
    out, back = [(node, one) for one in others], [(one, node) for one in others]
    return {MUTE: out, DEAF: back, ISOLATE: out + back}[kind]


def _name(fault: Fault, node: int, other: int, hurt: list[int]) -> str:
    role = "" if fault.target == ANY or fault.kind == CUT_CONTROLLER else f" ({fault.target})"
    far = f" from {other}" if fault.kind in (CUT_PAIR, CUT_ONE_WAY, CUT_CONTROLLER) else ""
    rate = f" at {fault.kbit_s} kbit/s" if fault.kind in (SLOW, LOSSY) else ""
    beside = f" beside {', '.join(map(str, hurt))}" if hurt else ""
    return fault.kind if fault.kind in ALL_AT_ONCE else f"{fault.kind} broker {node}{role}{far}{rate}{beside}"
