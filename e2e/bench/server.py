"""One broker process that is measured: pinned to its processor, with what it has used so far read from /proc.

May start, kill and restart the process it started itself, in the directory it was given.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from bench import usage
from bench.contenders import Contender
from bench.topics import Topics
from harness import children, paths
from harness.brokers import BrokerFailed, format_kafka_storage, kafka_properties, new_kafka_cluster_id, two_free_ports
from harness.readiness import is_ready

_READY_WITHIN_S = 180.0
_STOP_WITHIN_S = 60.0
_POLL_S = 0.001
_LOG_TAIL_LINES = 30


class Server:
    """A contender that runs."""

    def __init__(self, contender: Contender, directory: Path, weir_binary: Path, core: int):
        self.contender, self.directory = contender, directory
        self.data = directory / "data"
        self.port, self._second_port = two_free_ports()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.topics = Topics(self.bootstrap, 1, contender.topic_settings)
        self.weir_binary, self._core = weir_binary, core
        self._log_path = directory / "broker.log"
        self._process: subprocess.Popen | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.remove()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise BrokerFailed(f"{self.contender.name} has not been started")
        return self._process.pid

    def start(self) -> float:
        """Starts the process; gives the seconds from exec to the first answer to a client."""
        command = ["taskset", "-c", str(self._core), *self._command()]
        with open(self._log_path, "ab") as log:
            began = time.monotonic()
            self._process = children.spawn(command, stdout=log, stderr=subprocess.STDOUT, env={"WEIR_LOG": "warn", **os.environ})
        while not is_ready(self.port):
            if self._process.poll() is not None:
                raise BrokerFailed(f"{self.contender.name} exited with {self._process.returncode}\n{self.log_tail()}")
            if time.monotonic() - began > _READY_WITHIN_S:
                raise BrokerFailed(f"{self.contender.name} was not ready in {_READY_WITHIN_S:.0f} s\n{self.log_tail()}")
            time.sleep(_POLL_S)
        return time.monotonic() - began

    def stop(self) -> None:
        if self._process is not None:
            children.end_group(self._process, _STOP_WITHIN_S)

    def remove(self) -> None:
        """Stopped, and gone with all it has written."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self) -> None:
        """SIGKILL: no flush, no goodbye."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wipe(self) -> None:
        """Back to an empty disk; formatted, where the contender wants that."""
        shutil.rmtree(self.data, ignore_errors=True)
        (self.directory / "server.properties").unlink(missing_ok=True)
        self._command()

    def cpu_s(self) -> float:
        return usage.cpu_s(self.pid)

    def rss_mib(self) -> float:
        return children.rss_mib(self.pid)

    def logs(self, topic: str) -> list[Path]:
        """The segments of a topic; where directories do not name it, those of all topics that there are."""
        kafka = self.contender.kind == "kafka"
        return [path for at in (self.data.glob(f"{topic}-*") if kafka else [self.data / "topics"]) for path in at.rglob("*.log")]

    def log_tail(self) -> str:
        lines = self._log_path.read_text(errors="replace").splitlines() if self._log_path.exists() else []
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def _command(self) -> list[str]:
        if self.contender.kind == "kafka":
            return self._kafka_command()
        if self.contender.kind == "tansu":
            return self._tansu_command()
        settings = {
            "node.id": 0,
            "listeners": f"PLAINTEXT://{self.bootstrap}",
            "weir.http.listener": "",
            # As for Kafka: the first member of a group does not wait for company.
            "group.initial.rebalance.delay.ms": 0,
            "log.dirs": self.data,
            **self.contender.broker_settings,
        }
        return [str(self.weir_binary), "broker", *(part for name, value in settings.items() for part in ("--set", f"{name}={value}"))]

    def _kafka_command(self) -> list[str]:
        properties = self.directory / "server.properties"
        if not properties.exists():
            # Deleted files go at once, as Weir's do, so that the disk does not fill between blocks.
            own = {"log.segment.delete.delay.ms": "1000", **self.contender.broker_settings}
            lines = "".join(f"{name}={value}\n" for name, value in own.items())
            properties.write_text(kafka_properties(self.port, self._second_port, self.data) + lines)
            format_kafka_storage(properties, new_kafka_cluster_id())
        jvm = [*self.contender.jvm, "-Dlog4j2.level=WARN", "-cp", paths.kafka_classpath()]
        return ["java", *jvm, "kafka.Kafka", str(properties)]

    def _tansu_command(self) -> list[str]:
        at = f"tcp://{self.bootstrap}"
        where = ["--listener-url", at, "--advertised-listener-url", at, "--storage-engine", "memory://tansu/"]
        return [str(paths.TANSU_BINARY), "broker", "--cluster-id", "bench", *where]
