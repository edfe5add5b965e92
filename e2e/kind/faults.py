"""What can happen to a node, as commands: each ends by itself in bounded time, and `heal`, or `down`, undoes it.

A node that is stopped loses its power: nothing on it is asked. Its disk keeps what was written. One that is removed is no node of the
cluster any more, until it is started and joins again.
"""

import time
from collections.abc import Callable

from kind import cuts, layout
from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.engine import OwnEngine

_WITHIN_S = 60.0
_DRAIN_S = 300.0
_STEP_S = 0.5
_MANIFESTS = "/etc/kubernetes/manifests"
_API_SERVER = "kube-apiserver.yaml"
# What `node/init` makes of the range that a node is given for its pods' addresses.
_PODS_NETWORK = "/etc/cni/net.d/10-bridge.conflist"
_FILLING = f"{layout.VOLUMES}/.filling"


def check(cluster: Cluster, node: str) -> None:
    """Faults are for nodes that we made."""
    if not cluster.is_ours:
        raise CommandFailed("this cluster was given: only `drain` and `uncordon` may touch its nodes")
    nodes = cluster.nodes()
    if node not in nodes:
        raise CommandFailed(f"no node is called {node!r}: there are {', '.join(nodes)}")


def stop(cluster: Cluster, node: str) -> None:
    """The power goes."""
    check(cluster, node)
    cluster.engine.docker("kill", node, timeout_s=_WITHIN_S)


def start(cluster: Cluster, node: str) -> None:
    """The power is back. The node keeps its address, which others remember, even when several were off."""
    check(cluster, node)
    if state(cluster, node) == "running":
        return
    if isinstance(cluster.engine, OwnEngine):
        cluster.engine.docker("network", "disconnect", "--force", layout.NETWORK, node)
        cluster.engine.docker("network", "connect", "--ip", cluster.address(node), layout.NETWORK, node)
    cluster.engine.docker("start", node, timeout_s=_WITHIN_S)


def remove(cluster: Cluster, node: str) -> None:
    """Gone for good: without power, and Kubernetes knows it no more. Started, it joins again by its name, with the disk that it had."""
    check(cluster, node)
    if node == layout.CONTROL_PLANE:
        raise CommandFailed("the API server runs on this node, which can not be removed from itself: `node stop` takes its power")
    # When it joins again it is given another range: those who route to its pods know of that one only.
    cluster.on_node(node, "rm", "-f", _PODS_NETWORK)
    stop(cluster, node)
    cluster.kubectl("delete", "node", node)


def pause(cluster: Cluster, node: str) -> None:
    """Everything on it stands still, and knows nothing of it afterwards."""
    check(cluster, node)
    cluster.engine.docker("pause", node)


def unpause(cluster: Cluster, node: str) -> None:
    check(cluster, node)
    if state(cluster, node) == "paused":
        cluster.engine.docker("unpause", node)


def cut_off(cluster: Cluster, node: str, from_what: str) -> None:
    check(cluster, node)
    cut = cuts.cut_from_api_server if from_what == "api-server" else cuts.cut_from_all
    cut(cluster, node)


def heal(cluster: Cluster, node: str) -> None:
    """Undoes everything: power, pause, removal, cuts, a full disk, a cordon."""
    check(cluster, node)
    unpause(cluster, node)
    start(cluster, node)
    cuts.heal(cluster, node)
    empty_disk(cluster, node)
    if node == layout.CONTROL_PLANE:
        start_api_server(cluster)
    else:
        _await(lambda: node in _known(cluster), f"{node} did not join again")
        uncordon(cluster, node)


def drain(cluster: Cluster, node: str) -> None:
    """As an administrator does before maintenance: evictions, which respect disruption budgets."""
    options = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={_DRAIN_S:.0f}s")
    cluster.kubectl("drain", node, *options, timeout_s=_DRAIN_S + 10)


def uncordon(cluster: Cluster, node: str) -> None:
    cluster.kubectl("uncordon", node)


def fill_disk(cluster: Cluster, node: str, leave_bytes: int = 0) -> None:
    """The disk of its volumes has no more room than this."""
    check(cluster, node)
    if not isinstance(cluster.engine, OwnEngine):
        raise CommandFailed("here the nodes' volumes share the machine's disk, which we do not fill")
    free = int(cluster.on_node(node, "stat", "--file-system", "--format", "%a", layout.VOLUMES))
    block = int(cluster.on_node(node, "stat", "--file-system", "--format", "%S", layout.VOLUMES))
    length = free * block - leave_bytes
    if length > 0:
        # Room is taken without being written, so the machine's disk keeps its own. What is left over is less than a block map.
        cluster.on_node(node, "sh", "-c", f"fallocate --length {length} {_FILLING} 2>/dev/null; true")
        if leave_bytes == 0:
            cluster.on_node(node, "sh", "-c", f"cat /dev/zero > {_FILLING}.rest 2>/dev/null; true")


def empty_disk(cluster: Cluster, node: str) -> None:
    """Takes away what `fill_disk` put there."""
    check(cluster, node)
    cluster.on_node(node, "rm", "-f", _FILLING, f"{_FILLING}.rest")


def lose_disk(cluster: Cluster, node: str) -> None:
    """The node loses its power and comes back with an empty disk: its volumes are there, and nothing is in them."""
    check(cluster, node)
    if state(cluster, node) == "running":
        stop(cluster, node)
    # A container of the node's image, with the node's mounts, while the node is off.
    image = cluster.engine.docker("inspect", "--format", "{{.Image}}", node)
    wipe = f"find {layout.VOLUMES} -mindepth 2 -delete"
    cluster.engine.docker("run", "--rm", "--network", "none", "--volumes-from", node, "--entrypoint", "sh", image, "-c", wipe)
    start(cluster, node)


def stop_api_server(cluster: Cluster) -> None:
    """The API server and nothing else: etcd, the scheduler and all nodes go on."""
    check(cluster, layout.CONTROL_PLANE)
    # A static pod lives as long as its manifest does.
    move = f"mv {_MANIFESTS}/{_API_SERVER} /etc/kubernetes/ && kill -9 $(pgrep -x kube-apiserver)"
    cluster.on_node(layout.CONTROL_PLANE, "sh", "-c", f"[ ! -f {_MANIFESTS}/{_API_SERVER} ] || {{ {move}; }}")
    _await(lambda: not _api_server_runs(cluster), "the API server did not stop")


def start_api_server(cluster: Cluster) -> None:
    check(cluster, layout.CONTROL_PLANE)
    back = f"[ -f {_MANIFESTS}/{_API_SERVER} ] || mv /etc/kubernetes/{_API_SERVER} {_MANIFESTS}/"
    cluster.on_node(layout.CONTROL_PLANE, "sh", "-c", back)
    _await(lambda: _ready(cluster), "the API server did not come back")


def state(cluster: Cluster, node: str) -> str:
    """running, paused, exited."""
    return cluster.engine.docker("inspect", "--format", "{{.State.Status}}", node)


def _known(cluster: Cluster) -> set[str]:
    """The nodes that Kubernetes knows of."""
    return {node["metadata"]["name"] for node in cluster.get("nodes")["items"]}


def _api_server_runs(cluster: Cluster) -> bool:
    return cluster.on_node(layout.CONTROL_PLANE, "sh", "-c", "pgrep -x kube-apiserver || true").strip() != ""


def _ready(cluster: Cluster) -> bool:
    try:
        return cluster.kubectl("get", "--raw", "/readyz", "--request-timeout=3s") == "ok"
    except CommandFailed:
        return False


def _await(true: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not true():
        if time.monotonic() > deadline:
            raise CommandFailed(f"{otherwise} within {_WITHIN_S:.0f} s")
        time.sleep(_STEP_S)
