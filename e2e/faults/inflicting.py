"""Does faults to a cluster and undoes them. Decides nothing but whom a fault meets, and notes whom it met and when.

May signal, restart and wipe the brokers of its cluster, and cut their network. Whatever it began it ends in `heal`.
"""

import time
from dataclasses import dataclass

from faults import asking
from faults.gaps import Episode
from faults.schedule import (
    ANY,
    CONTROLLER,
    CUT_CONTROLLER,
    CUT_ONE_WAY,
    CUT_PAIR,
    DEAF,
    ISOLATE,
    KILL,
    LOSSY,
    MUTE,
    PAUSE,
    SLOW,
    STOP,
    WIPE,
    Fault,
)
from harness.cluster import Cluster, Node

_WHOLE_BEFORE_WIPE_S = 20.0
STOPS_WITHIN_S = 30.0


@dataclass
class Ongoing:
    """A fault that has begun."""

    fault: Fault
    node: Node
    name: str
    began: float


class Inflictor:
    """The hand that does it."""

    def __init__(self, cluster: Cluster, topic: str, partitions: int, say):
        self._cluster, self._topic, self._partitions, self._say = cluster, topic, partitions, say
        self.episodes: list[Episode] = []
        self.skipped: list[str] = []
        self.complaints: list[str] = []

    def begin(self, fault: Fault, hurt: set[int]) -> Ongoing | None:
        """Starts a fault on a broker that no other fault has; says why when it can not."""
        node = self._whom(fault)
        if node.number in hurt or not node.runs():
            return self._skip(fault, f"broker {node.number} is down or has a fault already")
        if fault.alone:
            if hurt:
                return self._skip(fault, "it comes alone")
            amiss = asking.await_whole(self._cluster, _WHOLE_BEFORE_WIPE_S)
            if amiss:
                return self._skip(fault, f"not every replica is in sync: {amiss[0]}")
        other = self._other(fault, node)
        ongoing = Ongoing(fault, node, _name(fault, node.number, other), time.monotonic())
        self._say(f"{ongoing.name}, for {fault.lasts_s:.1f} s")
        self._do(fault, node, other)
        return ongoing

    def end(self, ongoing: Ongoing) -> None:
        """Undoes it: the broker is started again, goes on, or is reached again; a network heals as a whole."""
        kind, node = ongoing.fault.kind, ongoing.node
        if kind == STOP:
            self._await_stop(node)
        if kind in (KILL, STOP, WIPE):
            node.start()
        elif kind == PAUSE:
            node.resume()
        else:
            self._cluster.network.heal()
        self.episodes.append(Episode(ongoing.name, ongoing.began, time.monotonic()))

    def _do(self, fault: Fault, node: Node, other: int) -> None:
        network = self._cluster.network
        others = [one.number for one in self._cluster.nodes if one is not node]
        if fault.kind == KILL:
            node.kill()
        elif fault.kind == PAUSE:
            node.pause()
        elif fault.kind == STOP:
            node.ask_to_stop()
        elif fault.kind == WIPE:
            node.wipe()
        elif fault.kind == ISOLATE:
            network.cut_from_clients(node.number)
            for one in others:
                network.cut(node.number, one)
                network.cut(one, node.number)
        elif fault.kind in (MUTE, DEAF):
            for one in others:
                network.cut(*((node.number, one) if fault.kind == MUTE else (one, node.number)))
        elif fault.kind == CUT_ONE_WAY:
            network.cut(node.number, other)
        elif fault.kind in (CUT_PAIR, CUT_CONTROLLER):
            network.cut(node.number, other)
            network.cut(other, node.number)
        elif fault.kind == SLOW:
            network.slow(node.number, fault.kbit_s)
        elif fault.kind == LOSSY:
            network.lossy(node.number, fault.kbit_s)

    def _whom(self, fault: Fault) -> Node:
        number = None
        if fault.kind == CUT_CONTROLLER:
            number = next((other.number for other in self._after(fault.node) if other.number != asking.controller(self._cluster)), None)
        elif fault.target == CONTROLLER:
            number = asking.controller(self._cluster)
        elif fault.target != ANY:
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

    def _await_stop(self, node: Node) -> None:
        if node.stop(STOPS_WITHIN_S):
            self._say(f"broker {node.number} stopped cleanly")
        else:
            self.complaints.append(f"broker {node.number} did not stop in {STOPS_WITHIN_S:.0f} s after SIGTERM")

    def _skip(self, fault: Fault, why: str) -> None:
        self.skipped.append(f"{fault.kind}: {why}")
        self._say(f"no {fault.kind}: {why}")


def _name(fault: Fault, node: int, other: int) -> str:
    role = "" if fault.target == ANY or fault.kind == CUT_CONTROLLER else f" ({fault.target})"
    far = f" from {other}" if fault.kind in (CUT_PAIR, CUT_ONE_WAY, CUT_CONTROLLER) else ""
    rate = f" at {fault.kbit_s} kbit/s" if fault.kind in (SLOW, LOSSY) else ""
    return f"{fault.kind} broker {node}{role}{far}{rate}"
