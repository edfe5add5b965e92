"""The cluster: made, found, and removed. `up` twice is fine, and after Ctrl-C at any point `down` removes what is there."""

import contextlib
import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kind import building, disks, layout, machine, node_image, paths, versions
from kind.commands import CommandFailed, succeeds
from kind.engine import DockerOfTheMachine, Engine, NoEngine, OwnEngine
from kind.telling import say, step

# What kind 0.33 was published with.
_KINDS_NODE_IMAGE = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
_OWNERS_TOOLS = ("kubectl", "helm")
_ADDRESSES = paths.RUNNING / "addresses.json"
_CREATE_S = 20 * 60.0
_READY_S = 300.0
_LOAD_S = 5 * 60.0
_LOCK_S = 20 * 60.0


@dataclass(frozen=True)
class Cluster:
    """A running cluster, and how to reach it."""

    engine: Engine

    @property
    def is_ours(self) -> bool:
        """Whether its nodes may be hurt, and be given images from here; if not, it was given."""
        return not isinstance(self.engine, NoEngine)

    def kubectl(self, *arguments: object, stdin: str | None = None, timeout_s: float = 60.0) -> str:
        return self.engine.run("kubectl", *arguments, stdin=stdin, timeout_s=timeout_s)

    def get(self, *arguments: object) -> dict:
        """`kubectl get … -o json`."""
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def helm(self, *arguments: object, timeout_s: float = 300.0) -> str:
        return self.engine.run("helm", *arguments, timeout_s=timeout_s)

    def on_node(self, node: str, *command: object, timeout_s: float = 60.0) -> str:
        return self.engine.docker("exec", node, *command, timeout_s=timeout_s)

    def address(self, node: str) -> str:
        """A node's address, by which Kubernetes and the other nodes know it: it has had it since it joined."""
        return json.loads(_ADDRESSES.read_text())[node]

    def nodes(self) -> list[str]:
        """The names that kind gave, control plane first."""
        return sorted(self.engine.run("kind", "get", "nodes", "--name", layout.NAME).split())

    def load(self, archive: Path) -> None:
        """Puts an image on every node."""
        if not self.is_ours:
            raise CommandFailed(f"a cluster that was given gets no images from here: push {archive.name} where its nodes find it")
        with step(f"loading {archive.name} into the nodes"):
            self.engine.run("kind", "load", "image-archive", archive, "--name", layout.NAME, timeout_s=_LOAD_S)


def up(kubeconfig: Path | None, count: int = layout.WORKERS) -> Cluster:
    """A cluster that answers: the given one, the one that runs, or a new one."""
    if kubeconfig is not None:
        return _given(kubeconfig)
    with _alone():
        engine = _engine()
        own = isinstance(engine, OwnEngine)
        building.build(versions.NODE_AND_TOOLS if own else versions.TOOLS)
        engine.start()
        cluster = Cluster(engine)
        if not _whole(cluster, count):
            _create(engine, count)
        _await_ready(cluster)
    return cluster


def not_at_hand(kubeconfig: Path | None) -> str | None:
    """Why a cluster can not be had within minutes, and what to do; nothing where it can."""
    if kubeconfig is not None or isinstance(_engine(), DockerOfTheMachine):
        return None
    if any(map(building.wanting, versions.NODE_AND_TOOLS)):
        return "Kubernetes is not built here and Docker pulls no node image: `e2e/kind/run build` builds it once, in about an hour"
    try:
        machine.check_own_engine()
    except CommandFailed as failed:
        return str(failed)
    return None


def running(kubeconfig: Path | None) -> Cluster:
    """The cluster that `up` made."""
    if kubeconfig is not None:
        return _given(kubeconfig)
    if not paths.KUBECONFIG.exists():
        raise CommandFailed("there is no cluster: `e2e/kind/run up` makes one")
    engine = _engine()
    if not engine.running():
        raise CommandFailed("the cluster's engine has stopped: `e2e/kind/run up` makes a new cluster, `down` removes what is left")
    return Cluster(engine)


def down(kubeconfig: Path | None) -> None:
    """Removes the cluster, its engine, their mounts and their network. What was built stays."""
    if kubeconfig is not None:
        say("a cluster that was given stays, with what was installed on it")
        return
    with _alone():
        engine = _engine()
        if engine.running() and (paths.BIN / "kind").exists():
            with step("removing the cluster"):
                _delete(engine)
        engine.stop()
        shutil.rmtree(paths.RUNNING, ignore_errors=True)


def _given(kubeconfig: Path) -> Cluster:
    """Somebody else's: nothing is made, nothing is built; its owner has the tools."""
    if not kubeconfig.is_file():
        raise CommandFailed(f"{kubeconfig} is not there: give the kubeconfig of a cluster")
    there = Cluster(NoEngine(kubeconfig))
    missing = [tool for tool in _OWNERS_TOOLS if not shutil.which(tool, path=there.engine.environment()["PATH"])]
    if missing:
        raise CommandFailed(f"not on the PATH: {', '.join(missing)}; a cluster that was given is used with its owner's")
    there.kubectl("get", "--raw", "/readyz", "--request-timeout=10s")
    return there


def _engine() -> Engine:
    """Ours if it runs, so that a Docker that appears later changes nothing; else what this machine has."""
    own = OwnEngine()
    if own.running() or not machine.docker_is_usable(_KINDS_NODE_IMAGE):
        return own
    return DockerOfTheMachine()


def _whole(cluster: Cluster, count: int) -> bool:
    """Whether kind's cluster is there, as large as asked, with an API server that answers."""
    if not paths.KUBECONFIG.exists() or len(cluster.nodes()) != count + 1:
        return False
    return succeeds(
        cluster.engine.inside(["kubectl", "get", "--raw", "/readyz", "--request-timeout=10s"]), env=cluster.engine.environment()
    )


def _create(engine: Engine, count: int) -> None:
    _delete(engine)
    image, places = _KINDS_NODE_IMAGE, None
    if isinstance(engine, OwnEngine):
        _make_network(engine)
        image = node_image.node_image(engine)
        places = disks.mount(engine, [layout.CONTROL_PLANE, *(worker.name for worker in layout.workers(count))])
    paths.RUNNING.mkdir(parents=True, exist_ok=True)
    config = paths.RUNNING / "kind.yaml"
    config.write_text(layout.kind_config(count, places, machine.has_cgroup_v2()))
    log = paths.RUNNING / "create.log"
    with step(f"kind create cluster, {count + 1} nodes", log):
        command = ["kind", "create", "cluster", "--name", layout.NAME, "--image", image, "--config", config]
        # Its kubeconfig appears under its name when the cluster is whole.
        partial = paths.KUBECONFIG.with_suffix(".partial")
        # Of a cluster that failed to start, something must be left to look at; the next `up` or `down` removes it.
        engine.run(*command, "--kubeconfig", partial, "--retain", timeout_s=_CREATE_S, log=log)
        _ADDRESSES.write_text(json.dumps({node: _address(engine, node) for node in Cluster(engine).nodes()}))
        partial.rename(paths.KUBECONFIG)


def _address(engine: Engine, node: str) -> str:
    return engine.docker("inspect", "--format", f"{{{{.NetworkSettings.Networks.{layout.NETWORK}.IPAddress}}}}", node)


def _make_network(engine: OwnEngine) -> None:
    """kind takes the network of its name where there is one."""
    if not engine.docker("network", "ls", "--quiet", "--filter", f"name=^{layout.NETWORK}$"):
        engine.docker("network", "create", "--driver", "bridge", "--subnet", layout.SUBNET, layout.NETWORK)


def _delete(engine: Engine) -> None:
    engine.run("kind", "delete", "cluster", "--name", layout.NAME, timeout_s=_CREATE_S)
    if isinstance(engine, OwnEngine):
        engine.docker("volume", "prune", "--force", timeout_s=_CREATE_S)
    paths.KUBECONFIG.unlink(missing_ok=True)


def _await_ready(cluster: Cluster) -> None:
    with step("waiting for the nodes, for DNS and for volumes"):
        patience = f"--timeout={_READY_S:.0f}s"
        cluster.kubectl("wait", "node", "--all", "--for=condition=Ready", patience, timeout_s=_READY_S + 10)
        for namespace, deployment in (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner")):
            cluster.kubectl("rollout", "status", "deployment", deployment, "-n", namespace, patience, timeout_s=_READY_S + 10)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One `up` or `down` at a time."""
    paths.HOME.mkdir(parents=True, exist_ok=True)
    with (paths.HOME / "lock").open("w") as lock:
        deadline = time.monotonic() + _LOCK_S
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CommandFailed("another `up` or `down` did not end in time") from None
                if not told:
                    say("waiting for another `up` or `down` to end …")
                    told = True
                time.sleep(1.0)
        yield
