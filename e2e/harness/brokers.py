"""The broker under test: Weir, or Apache Kafka 4.2 as the yardstick. One process on a free loopback port, on one data directory.

May start, stop, kill and restart the process it started itself, by pid. Must never touch any other process, nor a data
directory it was not given.
"""

import base64
import os
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

from harness import children, paths
from harness.readiness import is_ready

READY_WITHIN_S = {"weir": 60.0, "kafka": 120.0}
STOP_WITHIN_S = 30.0
LOG_TAIL_LINES = 40


class BrokerFailed(Exception):
    """The broker did not become ready; the message holds the tail of its log."""


class Broker:
    """One broker process that can be killed and started again on the same port and data."""

    def __init__(self, against: str, directory: Path, weir_binary: Path = paths.WEIR_BINARY):
        self.against = against
        self.directory = directory
        self.port, self._second_port = two_free_ports()
        self.bootstrap = f"127.0.0.1:{self.port}"
        # Only Weir has metrics; Kafka needs the port for its controller.
        self.http = f"127.0.0.1:{self._second_port}"
        self.log_path = directory / "broker.log"
        self._weir_binary = weir_binary
        self._process: subprocess.Popen | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise BrokerFailed("the broker has not been started")
        return self._process.pid

    def start(self) -> float:
        """Starts the process and returns the seconds from exec to ready."""
        command = self._weir_command() if self.against == "weir" else self._kafka_command()
        with open(self.log_path, "ab") as log:
            began = time.monotonic()
            self._process = children.spawn(command, stdout=log, stderr=subprocess.STDOUT, env={"WEIR_LOG": "info", **os.environ})
        deadline = began + READY_WITHIN_S[self.against]
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerFailed(f"the broker exited with {self._process.returncode}\n{self.log_tail()}")
            if is_ready(self.port):
                return time.monotonic() - began
            time.sleep(0.005)
        self.kill()
        raise BrokerFailed(f"the broker was not ready in {READY_WITHIN_S[self.against]:.0f} s\n{self.log_tail()}")

    def kill(self) -> None:
        """SIGKILL: no flush, no goodbye."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> bool:
        """SIGTERM, and SIGKILL when that is not heeded; says whether it was."""
        if self._process is None:
            return True
        children.end_group(self._process, STOP_WITHIN_S)
        return self._process.returncode != -signal.SIGKILL

    def died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def log_tail(self) -> str:
        if not self.log_path.exists():
            return "(no broker log)"
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def _weir_command(self) -> list:
        """The one place that knows how Weir is started."""
        if not self._weir_binary.exists():
            raise BrokerFailed(f"no weir binary at {self._weir_binary}: run `make release`, or give --weir PATH")
        return [self._weir_binary, "dev", "--port", self.port, "--data", self.directory / "data", "--http", self.http]

    def _kafka_command(self) -> list:
        properties = self.directory / "server.properties"
        if not properties.exists():
            properties.write_text(kafka_properties(self.port, self._second_port, self.directory / "data"))
            format_kafka_storage(properties, new_kafka_cluster_id())
        return [
            "java",
            "-Xms512m",
            "-Xmx768m",
            "-XX:+UseG1GC",
            "-XX:TieredStopAtLevel=1",
            "-Dlog4j2.level=WARN",
            "-cp",
            paths.kafka_classpath(),
            "kafka.Kafka",
            properties,
        ]


def kafka_properties(port: int, controller_port: int, data: Path) -> str:
    """Kafka's own defaults, but for what one node needs and for a rebalance that does not wait three seconds for company."""
    return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def format_kafka_storage(properties: Path, cluster_id: str) -> None:
    """Formats the directories that are not yet."""
    formatted = subprocess.run(
        [
            "java",
            "-Xmx128m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            paths.kafka_classpath(),
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
            cluster_id,
            "-c",
            str(properties),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if formatted.returncode != 0:
        raise BrokerFailed(f"formatting Kafka's storage failed:\n{formatted.stdout}{formatted.stderr}")


def new_kafka_cluster_id() -> str:
    """Kafka writes a uuid as 22 characters of URL-safe base64, and refuses some that begin with a dash."""
    return "w" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def two_free_ports() -> tuple[int, int]:
    """Both sockets are open at once, so that the two ports differ."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
