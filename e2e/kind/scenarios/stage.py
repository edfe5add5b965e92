"""Where scenarios play: the real cluster, the operator of our chart, one Cluster of three brokers that all of them share.

Whatever a scenario left behind, `mend` makes whole again, so that each begins with a cluster that is well.
"""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kind import faults, layout
from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.first_steps import OPERATORS_NAMESPACE, RELEASE, install
from kind.scenarios.brokers import Brokers, is_ready
from kind.telling import say, step
from kind.waiting import NotYet, until
from kind.weir_image import Image

NAMESPACE = "scenarios"
NAME = "logs"
_NODES_S = 180.0
_NAMESPACE_S = 120.0
_OPERATOR_S = 120.0


@dataclass
class Stage:
    """What a scenario gets. Its notes are printed with its result."""

    there: Cluster
    image: Image
    directory: Path
    only_core: bool
    # In names of topics: what an interrupted run wrote is not taken for this one's.
    run: str = field(default_factory=lambda: secrets.token_hex(3))
    notes: list[str] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)

    @property
    def brokers(self) -> Brokers:
        """The shared Cluster."""
        return Brokers(self.there, NAMESPACE, NAME)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def another_image(self, tag: str) -> str:
        """The same image by another name, on every node: to Kubernetes, and so to the operator, it is another."""
        another = Image(self.image.repository, tag)
        for node in self.there.nodes():
            names = (f"docker.io/library/{self.image}", f"docker.io/library/{another}")
            self.there.on_node(node, "ctr", "--namespace", "k8s.io", "images", "tag", "--force", *names)
        return str(another)

    def set_up(self) -> None:
        install(self.there, self.image)
        create_namespace(self.there, NAMESPACE)
        with step("three brokers"):
            self.brokers.apply()
            # The whole spec: what a run that was interrupted added to it goes.
            self.there.kubectl("replace", "-f", "-", stdin=self.brokers.manifest())
            self.brokers.await_settled()

    def tear_down(self) -> None:
        """Nothing may hold a namespace for ever."""
        with step("everything goes, with its namespaces"):
            self.brokers.delete()
            for name in (*self.leaving, NAMESPACE):
                delete_namespace(self.there, name)

    def mend(self, nodes: bool) -> None:
        """Operator and the shared Cluster, and where asked nodes and API server, all well again."""
        for node in self.there.nodes() if nodes and self.there.is_ours else ():
            faults.heal(self.there, node)
        until("all nodes are ready", _NODES_S, self._nodes_ready)
        if operator_pods(self.there) == []:
            install(self.there, self.image)
        until("the operator is ready", _OPERATOR_S, self._operator_ready)
        # The whole spec: what a scenario added to it goes.
        self.there.kubectl("replace", "-f", "-", stdin=self.brokers.manifest())
        self.brokers.await_settled()
        if nodes and self.there.is_ours:
            self._spread()

    def _spread(self) -> None:
        """Each broker on a node of its own. One that started anew elsewhere is kept there by its volume, so it starts anew once more."""
        for _ in range(self.brokers.replicas):
            crowded = crowding({broker: node_of(pod) for broker, pod in self.brokers.pods().items()})
            if crowded is None:
                return
            pod = self.brokers.pod_name(crowded)
            self.brokers.kubectl("delete", f"pvc/data-{pod}", f"pod/{pod}")
            self.brokers.await_settled()
        raise CommandFailed("brokers share nodes, though every one of them could have its own")

    @contextlib.contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """One of a scenario's own. What is in it goes afterwards while others play; that all of it went is looked at in the end."""
        create_namespace(self.there, name)
        self.leaving.append(name)
        try:
            yield name
        finally:
            self.there.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")

    def _nodes_ready(self) -> None:
        ready = {node["metadata"]["name"] for node in self.there.get("nodes")["items"] if is_ready(node)}
        waiting = [node for node in self.there.nodes() if node not in ready] if self.there.is_ours else []
        if waiting:
            raise NotYet(f"not ready: {', '.join(waiting)}")

    def _operator_ready(self) -> None:
        pods = operator_pods(self.there)
        if not pods or not all(map(is_ready, pods)):
            raise NotYet(f"{sum(map(is_ready, pods))} of {len(pods)} pods are ready")


def crowding(nodes: dict[int, str]) -> int | None:
    """The first broker on a node that one with a smaller number is on, of all brokers by number."""
    taken: set[str] = set()
    for broker, node in sorted(nodes.items()):
        if node in taken:
            return broker
        taken.add(node)
    return None


def operator_pods(there: Cluster) -> list[dict]:
    """Those that are to stay; a deleted one may still be ending."""
    return [
        pod
        for pod in there.get("pods", "-n", OPERATORS_NAMESPACE, "--selector", f"app.kubernetes.io/instance={RELEASE}")["items"]
        if not pod["metadata"].get("deletionTimestamp")
    ]


def scale_operator(there: Cluster, replicas: int) -> None:
    there.kubectl("scale", "deployment", "--all", "-n", OPERATORS_NAMESPACE, f"--replicas={replicas}")
    until(f"{replicas} operators", _OPERATOR_S, lambda: _so_many(there, replicas))


def _so_many(there: Cluster, replicas: int) -> None:
    pods = there.get("pods", "-n", OPERATORS_NAMESPACE, "--selector", f"app.kubernetes.io/instance={RELEASE}")["items"]
    ready = sum(map(is_ready, pods))
    if len(pods) != replicas or ready != replicas:
        raise NotYet(f"{ready} of {len(pods)} are ready")


def create_namespace(there: Cluster, name: str) -> None:
    manifest = there.kubectl("create", "namespace", name, "--dry-run=client", "--output", "json")
    there.kubectl("apply", "-f", "-", stdin=manifest)


def delete_namespace(there: Cluster, name: str) -> None:
    """With its volumes: those of brokers outlive their Cluster, and not their namespace."""
    patience = ("--ignore-not-found", f"--timeout={_NAMESPACE_S:.0f}s")
    there.kubectl("delete", "namespace", name, *patience, timeout_s=_NAMESPACE_S + 10)


def node_of(pod: dict) -> str:
    return pod["spec"]["nodeName"]


def kill_process(there: Cluster, pod: dict, program: str) -> None:
    signal_process(there, pod, program, "KILL")


def signal_process(there: Cluster, pod: dict, program: str, signal: str) -> None:
    """A signal to a program in a pod, from its node: the pod is asked nothing."""
    uid = pod["metadata"]["uid"]
    # The pod's cgroup has its uid, with dashes or underscores as the cgroup driver writes it.
    script = (
        f"for pid in $(pgrep -x {program}); do grep -q -e {uid} -e {uid.replace('-', '_')} /proc/$pid/cgroup && "
        f"kill -{signal} $pid && echo signalled $pid; done; true"
    )
    if "signalled" not in there.on_node(node_of(pod), "sh", "-c", script):
        raise CommandFailed(f"no {program} runs in {pod['metadata']['name']}")


def workers(there: Cluster) -> list[str]:
    return [node for node in there.nodes() if node != layout.CONTROL_PLANE]


def tell(text: str) -> None:
    say(f"    {text}")
