"""A cluster under test: N broker processes of Weir, or of Apache Kafka 4.2 as the yardstick, each on an address of its own.

With a `Network` each broker lives in a namespace and can be cut off; without one they share loopback addresses and can not. May
start, stop, pause, kill and wipe the processes and directories it made itself. Must be driven from one thread that outlives
the brokers: Linux ends a child with the thread that started it.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness import children, kafka_node, paths
from harness.brokers import LOG_TAIL_LINES, BrokerFailed
from harness.network import Network
from harness.readiness import is_ready

READY_WITHIN_S = {"weir": 60.0, "kafka": 180.0}
STOP_WITHIN_S = 60.0
_LINES_EACH = 15


@dataclass(frozen=True)
class Ports:
    """Where one broker listens."""

    clients: int
    quorum: int
    admin: int
    http: int


class Node:
    """One broker of a cluster, through all its lives."""

    def __init__(self, cluster: "Cluster", number: int, address: str, ports: Ports):
        self.number, self.address, self.ports = number, address, ports
        self.directory = cluster.directory / f"broker-{number}"
        self.data = self.directory / "data"
        self.log_path = self.directory / "broker.log"
        self.paused = False
        self._cluster = cluster
        self._process: subprocess.Popen | None = None
        self.directory.mkdir(parents=True, exist_ok=True)

    @property
    def bootstrap(self) -> str:
        return f"{self.address}:{self.ports.clients}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise BrokerFailed(f"broker {self.number} has not been started")
        return self._process.pid

    def start(self) -> None:
        """Starts the process; does not wait for it."""
        network = self._cluster.network
        command = [*(network.into(self.number) if network else []), *self._cluster.command_of(self)]
        with open(self.log_path, "ab") as log:
            self._process = children.spawn(command, stdout=log, stderr=subprocess.STDOUT, env={"WEIR_LOG": "info", **os.environ})

    def kill(self) -> None:
        """SIGKILL: no flush, no goodbye."""
        self.resume()
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def ask_to_stop(self) -> None:
        self.resume()
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)

    def stop(self, within_s: float = STOP_WITHIN_S) -> bool:
        """SIGTERM, and SIGKILL when that is not heeded in time; says whether it was."""
        self.ask_to_stop()
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
            return True
        self.kill()
        return False

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        if self.paused:
            os.kill(self.pid, signal.SIGCONT)
            self.paused = False

    def wipe(self) -> None:
        """An empty disk under the same number: what it knew is gone."""
        self.kill()
        shutil.rmtree(self.data, ignore_errors=True)

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def is_ready(self, at_least: int = 1) -> bool:
        return is_ready(self.ports.clients, 1.0, self.address, at_least)

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        if not self.log_path.exists():
            return "(no broker log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


class Cluster:
    """The brokers of one cluster, numbered from 0; each knows all others as voters of the quorum."""

    def __init__(
        self,
        against: str,
        directory: Path,
        weir_binary: Path = paths.WEIR_BINARY,
        brokers: int = 3,
        network: Network | None = None,
        settings: dict[str, str] | None = None,
        jvm: tuple[str, ...] = kafka_node.SMALL_JVM,
    ):
        self._jvm = jvm
        self.against, self.directory, self.network = against, directory, network
        self.settings = settings or {}
        self.weir_binary = weir_binary
        self._cluster_id = kafka_node.new_cluster_id()
        addresses = [network.address(number) if network else f"127.0.1.{number + 1}" for number in range(brokers)]
        self.nodes = [Node(self, number, address, _ports(address, network)) for number, address in enumerate(addresses)]
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)

    def __enter__(self) -> "Cluster":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> float:
        """Starts all and returns the seconds until each knows all others."""
        began = time.monotonic()
        for node in self.nodes:
            node.start()
        try:
            self.await_ready(self.nodes, began)
        except BrokerFailed:
            self.stop(0)
            raise
        return time.monotonic() - began

    def await_ready(self, nodes: list[Node], began: float | None = None) -> None:
        """Until each of these answers clients and knows all brokers that run."""
        deadline = (began or time.monotonic()) + READY_WITHIN_S[self.against]
        for node in nodes:
            while not node.is_ready(at_least=len(self.nodes)):
                if not node.runs():
                    raise BrokerFailed(f"broker {node.number} exited with {node.exit_code()}\n{node.log_tail()}")
                if time.monotonic() > deadline:
                    raise BrokerFailed(f"broker {node.number} was not ready in {READY_WITHIN_S[self.against]:.0f} s\n{node.log_tail()}")
                time.sleep(0.02)

    def stop(self, within_s: float = 5.0) -> None:
        """Ends all at once: not the clean stop of a cluster in use."""
        for node in self.nodes:
            node.ask_to_stop()
        deadline = time.monotonic() + within_s
        for node in self.nodes:
            node.stop(max(0.0, deadline - time.monotonic()))

    def died(self) -> bool:
        return any(not node.runs() for node in self.nodes)

    def log_tail(self) -> str:
        return "\n".join(f"broker {node.number}, {node.log_path}\n{node.log_tail(_LINES_EACH)}" for node in self.nodes)

    def command_of(self, node: Node) -> list:
        """The one place that knows how a broker of a cluster is started."""
        if self.against == "kafka":
            return kafka_node.command(self._kafka_properties(node), self._jvm)
        if not self.weir_binary.exists():
            raise BrokerFailed(f"no weir binary at {self.weir_binary}: run `make release`, or give --weir PATH")
        settings = {
            "node.id": node.number,
            "listeners": f"PLAINTEXT://{node.bootstrap}",
            "controller.quorum.voters": self._voters(),
            "weir.peer.listener": f"{node.address}:{node.ports.quorum}",
            "weir.admin.listener": f"{node.address}:{node.ports.admin}",
            "weir.http.listener": f"{node.address}:{node.ports.http}",
            "log.dirs": node.data,
            "broker.rack": f"rack-{node.number}",
            **self._for_three(),
            **self.settings,
        }
        return [self.weir_binary, "broker", *(part for name, value in settings.items() for part in ("--set", f"{name}={value}"))]

    def _kafka_properties(self, node: Node) -> Path:
        settings = {
            **kafka_node.SETTINGS,
            "node.id": node.number,
            "controller.quorum.voters": self._voters(),
            "listeners": f"PLAINTEXT://{node.bootstrap},CONTROLLER://{node.address}:{node.ports.quorum}",
            "advertised.listeners": f"PLAINTEXT://{node.bootstrap}",
            # A wiped disk loses the partitions and keeps the quorum's log: Kafka's static voters do not survive more than that.
            "log.dirs": node.data,
            "metadata.log.dir": node.directory / "quorum",
            "broker.rack": f"rack-{node.number}",
            **self._for_three(),
            **self.settings,
        }
        return kafka_node.prepared(node.directory / "server.properties", settings, self._cluster_id)

    def _for_three(self) -> dict[str, object]:
        """What both need to be told to be as safe as three brokers can be."""
        copies = min(3, len(self.nodes))
        return {
            "default.replication.factor": copies,
            "min.insync.replicas": min(2, copies),
            "offsets.topic.replication.factor": copies,
            "group.initial.rebalance.delay.ms": 0,
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 250,
            # Who names a rack reads from the replica there.
            "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        }

    def _voters(self) -> str:
        return ",".join(f"{node.number}@{node.address}:{node.ports.quorum}" for node in self.nodes)


def _ports(address: str, network: Network | None) -> Ports:
    """Fixed where nobody else is; else such as are free now, all open at once so that they differ."""
    if network:
        return Ports(9092, 9093, 9094, 9095)
    sockets = [socket.socket() for _ in range(4)]
    try:
        for one in sockets:
            one.bind((address, 0))
        return Ports(*(one.getsockname()[1] for one in sockets))
    finally:
        for one in sockets:
            one.close()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that is free now."""
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]
