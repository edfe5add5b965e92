"""Where the nodes run: the Docker that is here, or one of our own that reaches nothing but this machine's own nodes.

Ours has a network, a mount and a pid namespace to itself. The network's has no route out, so no address of a pod, a service or
a node ever leaves the machine; and when the first process of the pid namespace ends, the kernel ends the engine, every node and
every pod with it, and takes their mounts away: nothing can be left behind.
"""

import contextlib
import json
import os
import shutil
import time
from abc import ABC, abstractmethod
from pathlib import Path

from kind import machine, paths
from kind.commands import CommandFailed, run, succeeds
from kind.processes import Daemon
from kind.telling import step

_NAMESPACE = "weir-kind"
_CGROUP = "weir-kind"
_STARTS_WITHIN_S = 60.0
_GRACE_S = 20.0
_NODES = 4
_STEP_S = 0.2


class Engine(ABC):
    """Runs containers, and commands in the network where the containers' addresses are."""

    @abstractmethod
    def start(self) -> None:
        """Idempotent."""

    @abstractmethod
    def stop(self) -> None:
        """Idempotent; leaves nothing that `start` made."""

    @abstractmethod
    def running(self) -> bool: ...

    @abstractmethod
    def inside(self, command: list[object]) -> list[object]:
        """What to run so that a command runs where the cluster's addresses are."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What kind, docker, kubectl and helm need to find this engine's cluster."""

    def full_environment(self) -> dict[str, str]:
        """With all that this process has."""
        return {**os.environ, **self.environment()}

    def run(self, *command: object, timeout_s: float = 60.0, stdin: str | None = None, log: Path | None = None) -> str:
        return run(self.inside(list(command)), timeout_s=timeout_s, env=self.environment(), stdin=stdin, log=log)

    def docker(self, *arguments: object, timeout_s: float = 60.0) -> str:
        return self.run("docker", *arguments, timeout_s=timeout_s).strip()


class DockerOfTheMachine(Engine):
    """Already there, and not ours to start or stop."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def running(self) -> bool:
        return True

    def inside(self, command: list[object]) -> list[object]:
        return command

    def environment(self) -> dict[str, str]:
        return _environment(paths.KUBECONFIG)


class NoEngine(DockerOfTheMachine):
    """A cluster that was given: its nodes are somebody else's."""

    def __init__(self, kubeconfig: Path):
        self._kubeconfig = kubeconfig

    def environment(self) -> dict[str, str]:
        return _environment(self._kubeconfig)


class OwnEngine(Engine):
    """Debian's docker.io in namespaces of its own."""

    def __init__(self) -> None:
        self._daemon = Daemon(paths.ENGINE / "pid")
        self._socket = paths.ENGINE / "docker.sock"

    def start(self) -> None:
        if self.running() and self._answers():
            return
        machine.check_own_engine()
        self.stop()
        with step("starting the engine", paths.ENGINE / "log"):
            self._make_network()
            self._configure()
            _give_cpu_share()
            self._daemon.start(self._command(), paths.ENGINE / "log", {**os.environ, **_without_proxies()})
            self._await()

    def stop(self) -> None:
        if self.running():
            with step("stopping the engine"):
                self._daemon.stop(self._first_process(), _GRACE_S)
        if _network().exists():
            run(["ip", "netns", "delete", _NAMESPACE])
        shutil.rmtree(paths.ENGINE, ignore_errors=True)
        _remove_cgroups()

    def running(self) -> bool:
        return self._daemon.pid() is not None

    def inside(self, command: list[object]) -> list[object]:
        return ["nsenter", f"--net={_network()}", *command]

    def in_its_mounts(self, command: list[object], its_processes: bool = True) -> list[object]:
        """What to run so that a command sees, and makes, the mounts that nodes can be given; and is one of its processes, or not."""
        pids = ["--pid"] if its_processes else []
        return ["nsenter", f"--target={self._first_process()}", "--mount", *pids, *command]

    def environment(self) -> dict[str, str]:
        return {**_environment(paths.KUBECONFIG), **_without_proxies(), "DOCKER_HOST": f"unix://{self._socket}"}

    def _make_network(self) -> None:
        paths.ENGINE.mkdir(parents=True, exist_ok=True)
        if not _network().exists():
            run(["ip", "netns", "add", _NAMESPACE])
        run(self.inside(["ip", "link", "set", "lo", "up"]))

    def _configure(self) -> None:
        settings: dict[str, object] = {
            "data-root": str(paths.HOME / "engine-data"),
            "exec-root": str(paths.ENGINE / "exec"),
            "pidfile": str(paths.ENGINE / "docker.pid"),
            "hosts": [f"unix://{self._socket}"],
            "storage-driver": "overlay2",
            "cgroup-parent": f"/{_CGROUP}",
            "live-restore": False,
        }
        if not machine.may_lower_oom_scores():
            settings["runtimes"] = {"within-limits": {"path": str(paths.HERE / "node" / "runc-within-limits")}}
            settings["default-runtime"] = "within-limits"
        (paths.ENGINE / "daemon.json").write_text(json.dumps(settings, indent=1))

    def _command(self) -> list[str]:
        """The first process reaps what loses its parent: dockerd would not."""
        dockerd = f"dockerd --config-file {paths.ENGINE / 'daemon.json'}"
        first = f'{dockerd} & child=$!; trap "kill -TERM $child" TERM; while kill -0 $child 2>/dev/null; do wait; done'
        unshared = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
        return [str(part) for part in self.inside([*unshared, "bash", "-c", first])]

    def _first_process(self) -> int:
        """`unshare` itself is outside of what it made: its only child is the first process inside."""
        pid = self._daemon.pid()
        if pid is None:
            raise CommandFailed("the engine does not run: `e2e/kind/run up` starts it")
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def _answers(self) -> bool:
        return succeeds(["docker", "version"], timeout_s=10.0, env=self.environment())

    def _await(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            if not self.running() or time.monotonic() > deadline:
                said = (paths.ENGINE / "log").read_text(errors="replace")[-2_000:]
                raise CommandFailed(f"the engine did not start:\n{said}")
            time.sleep(_STEP_S)


def _network() -> Path:
    return Path("/run/netns") / _NAMESPACE


def _environment(kubeconfig: Path) -> dict[str, str]:
    return {"PATH": f"{paths.BIN}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig)}


def _without_proxies() -> dict[str, str]:
    """Nodes would be given the machine's proxies, which they cannot reach."""
    names = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
    return {variable: "" for name in names for variable in (name, name.upper()) if variable in os.environ}


def _give_cpu_share() -> None:
    """All nodes are one group, which would get no more of a busy machine than one process does: each counts as one instead."""
    group = Path("/sys/fs/cgroup") / ("" if machine.has_cgroup_v2() else "cpu") / _CGROUP
    file, one = ("cpu.weight", 100) if machine.has_cgroup_v2() else ("cpu.shares", 1024)
    with contextlib.suppress(OSError):
        group.mkdir(exist_ok=True)
        (group / file).write_text(str(_NODES * one))


def _remove_cgroups() -> None:
    """An engine that was killed leaves its empty groups. Nothing lives in them: their pid namespace has ended."""
    root = Path("/sys/fs/cgroup")
    for top in [root / _CGROUP] if machine.has_cgroup_v2() else root.glob(f"*/{_CGROUP}"):
        for folder in sorted(top.glob("**/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
