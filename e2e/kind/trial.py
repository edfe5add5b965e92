"""The harness proven by itself: three brokers on three nodes, a round trip inside, and nodes that lose power, network and disk.

Says what each part took. Leaves the cluster as it found it: without the trial's namespace, and with every node well.
"""

import json
from pathlib import Path

from kind import cluster, faults, paths, weir_image
from kind.cluster import Cluster
from kind.collect import collect
from kind.commands import CommandFailed
from kind.telling import say, step
from kind.waiting import NotYet, until
from kind.weir_image import Image

_NAMESPACE = "trial"
_TOPIC = "trial"
_RECORDS = 100
_UP_S = 180.0
_AWAY_S = 60.0
_BACK_S = 180.0
_BROKERS = [f"logs-{number}" for number in range(3)]


def trial(kubeconfig: Path | None) -> None:
    there = cluster.up(kubeconfig)
    if not there.is_ours:
        raise CommandFailed("the trial takes power, network and disk from nodes, and this cluster's are somebody else's: try first-steps")
    image = weir_image.on_every_node(there)
    try:
        _three_brokers(there, image)
        _round_trip(there, 0)
        _node_without_power(there)
        _node_cut_off(there)
        _disk_lost(there)
    except CommandFailed:
        collect(there, paths.HOME / "collected")
        raise
    finally:
        with step("removing the trial"):
            there.kubectl("delete", "namespace", _NAMESPACE, "--ignore-not-found", "--timeout=120s", timeout_s=130)
    say("the trial passed")


def _three_brokers(there: Cluster, image: Image) -> None:
    with step("three brokers, each on a node of its own"):
        manifest = (paths.HERE / "trial.yaml").read_text().replace("@IMAGE@", str(image))
        there.kubectl("apply", "-f", "-", stdin=manifest)
        until("three brokers are ready", _UP_S, lambda: _ready(there, 3))
    zones = [_pod(there, name)["metadata"]["labels"].get("topology.kubernetes.io/zone") for name in _BROKERS]
    say(f"zones of the brokers: {zones}")
    if len(set(zones)) != 3:
        raise CommandFailed(f"three zones were wanted, not {zones}")


def _round_trip(there: Cluster, first: int) -> None:
    """From one broker's pod by the name of another: DNS and routes between nodes."""
    _weir(there, "logs-0", "topic", "create", _TOPIC, "--partitions", "6", "--if-not-exists")
    lines = "".join(f"record {number}\n" for number in range(first, first + _RECORDS))
    _weir(there, "logs-0", "produce", _TOPIC, stdin=lines)
    for reader in _BROKERS:
        _read_all(there, reader, first + _RECORDS)
    say(f"{first + _RECORDS} records, read whole on every node")


def _read_all(there: Cluster, reader: str, count: int) -> None:
    said = _weir(there, reader, "consume", _TOPIC).splitlines()
    wanted = {f"record {number}" for number in range(count)}
    if len(said) != count or set(said) != wanted:
        raise CommandFailed(f"{reader} read {len(said)} records, {len(wanted - set(said))} of {count} are missing")


def _node_without_power(there: Cluster) -> None:
    node = _node_of(there, "logs-2")
    with step(f"{node} loses its power"):
        faults.stop(there, node)
        try:
            until("two replicas are in sync everywhere", _AWAY_S, lambda: _in_sync(there, 2))
            _weir(there, "logs-0", "produce", _TOPIC, "--value", f"record {_RECORDS}")
        finally:
            faults.start(there, node)
    _whole_again(there, "logs-2", _RECORDS + 1)


def _node_cut_off(there: Cluster) -> None:
    node = _node_of(there, "logs-1")
    with step(f"{node} is cut off"):
        faults.cut_off(there, node, "all")
        try:
            until("two replicas are in sync everywhere", _AWAY_S, lambda: _in_sync(there, 2))
            _weir(there, "logs-0", "produce", _TOPIC, "--value", f"record {_RECORDS + 1}")
        finally:
            faults.heal(there, node)
    _whole_again(there, "logs-1", _RECORDS + 2)


def _disk_lost(there: Cluster) -> None:
    node = _node_of(there, "logs-2")
    with step(f"{node} loses its disk"):
        faults.stop(there, node)
        until("two replicas are in sync everywhere", _AWAY_S, lambda: _in_sync(there, 2))
        faults.lose_disk(there, node)
    _whole_again(there, "logs-2", _RECORDS + 2)


def _whole_again(there: Cluster, broker: str, count: int) -> None:
    with step(f"{broker} catches up"):
        until("three brokers are ready", _BACK_S, lambda: _ready(there, 3))
        until("all replicas are in sync", _BACK_S, lambda: _in_sync(there, 3))
    _read_all(there, broker, count)


def _ready(there: Cluster, count: int) -> None:
    status = there.get("statefulset", "logs", "-n", _NAMESPACE)["status"]
    ready = [name for name in _BROKERS if _is_ready(_pod(there, name))] if status.get("readyReplicas") == count else []
    if len(ready) != count:
        raise NotYet(f"{status.get('readyReplicas', 0)} of {count} are ready")


def _is_ready(pod: dict) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def _in_sync(there: Cluster, count: int) -> None:
    told = json.loads(_weir(there, "logs-0", "topic", "describe", _TOPIC, "--output", "json"))
    smallest = min(len(partition["isr"]) for partition in told[0]["partitions"])
    if smallest != count:
        raise NotYet(f"a partition has {smallest} in-sync replicas")


def _pod(there: Cluster, name: str) -> dict:
    return there.get("pod", name, "-n", _NAMESPACE)


def _node_of(there: Cluster, name: str) -> str:
    return _pod(there, name)["spec"]["nodeName"]


def _weir(there: Cluster, pod: str, *arguments: str, stdin: str | None = None) -> str:
    """Runs the command line in a broker's pod, against the service, and the brokers by name.

    The service leads to a node that was cut off until Kubernetes misses it, after some 40 s; the command line tries each address once.
    """
    bootstrap = ",".join(["logs-bootstrap:9092", *(f"{broker}.logs-brokers:9092" for broker in _BROKERS)])
    command = ["exec", *(["--stdin"] if stdin else []), pod, "-n", _NAMESPACE, "--", "weir", "--bootstrap", bootstrap]
    return there.kubectl(*command, *arguments, stdin=stdin, timeout_s=60.0)
