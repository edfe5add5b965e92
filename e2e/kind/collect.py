"""Gathers what a person needs to understand a failure, into one folder. Goes on where something cannot be had, and says so there."""

import time
from collections.abc import Callable
from pathlib import Path

from kind import faults
from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.telling import say, step

_LOG_LINES = 5_000
_KINDS = "nodes,pods,statefulsets,deployments,services,endpointslices,persistentvolumeclaims,persistentvolumes,jobs"
_OURS = "clusters.weir.dev,topics.weir.dev"


def collect(cluster: Cluster, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with step(f"collecting what the cluster says into {folder}"):
        _write(folder / "taken-at", time.strftime, "%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for name, what in (
            ("overview.txt", ["get", _KINDS, "-A", "-o", "wide"]),
            ("events.txt", ["get", "events", "-A", "--sort-by=.lastTimestamp"]),
            ("nodes.txt", ["describe", "nodes"]),
            ("weir.yaml", ["get", _OURS, "-A", "-o", "yaml"]),
            ("weir.txt", ["describe", _OURS, "-A"]),
        ):
            _write(folder / name, cluster.kubectl, *what)
        _pods(cluster, folder / "pods")
        if cluster.is_ours:
            _nodes(cluster, folder / "nodes")
    say(f"logs, events and descriptions are in {folder}")


def _pods(cluster: Cluster, folder: Path) -> None:
    try:
        pods = cluster.get("pods", "-A")["items"]
    except CommandFailed as failed:
        say(f"no pods: {failed}")
        return
    for pod in pods:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        where = folder / namespace
        _write(where / f"{name}.describe.txt", cluster.kubectl, "describe", "pod", name, "-n", namespace)
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            logs = ["logs", name, "-n", namespace, "-c", container["name"], f"--tail={_LOG_LINES}"]
            _write(where / f"{name}.{container['name']}.log", cluster.kubectl, *logs)
            if _restarted(pod, container["name"]):
                before = where / f"{name}.{container['name']}.before.log"
                _write(before, cluster.kubectl, *logs, "--previous")


def _restarted(pod: dict, container: str) -> bool:
    statuses = (*pod["status"].get("containerStatuses", ()), *pod["status"].get("initContainerStatuses", ()))
    return any(status["name"] == container and status["restartCount"] > 0 for status in statuses)


def _nodes(cluster: Cluster, folder: Path) -> None:
    for node in cluster.nodes():
        _write(folder / f"{node}.state", faults.state, cluster, node)
        for log in ("kubelet", "containerd"):
            tail = ["tail", "-n", _LOG_LINES, f"/var/log/{log}.log"]
            _write(folder / f"{node}.{log}.log", cluster.on_node, node, *tail)


def _write(file: Path, ask: Callable[..., str], *words: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        said = ask(*words)
    except (CommandFailed, OSError) as failed:
        said = f"not to be had: {failed}"
    file.write_text(said.rstrip("\n") + "\n")
