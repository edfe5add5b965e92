"""The clients under test, each a process of its own that writes its history to a file: kafka-python, sarama, the Java client.

What a driver is told, by its environment: BOOTSTRAP, TOPIC, PARTITIONS, GROUP, MEMBERS, RATE (values a second). Its standard input
tells it when to stop: a first line ends the writing, a second line the reading.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import children, paths

CLIENTS = ("python", "sarama", "java")
FINISH_WITHIN_S = 100.0
END_WITHIN_S = 30.0
_WARM_WITHIN_S = 60.0


@dataclass(frozen=True)
class Task:
    """What all drivers of a run do."""

    bootstrap: str
    topic: str
    partitions: int
    rate: int
    members: int = 2


class Driver:
    """One client at work."""

    def __init__(self, client: str, task: Task, directory: Path, through: Sequence[object] = ()):
        """With `through`, a command that the client is put behind: so it runs in another network."""
        self.client, self.group = client, f"{task.topic}-{client}"
        self.history_path, self.error_path = directory / f"{client}.jsonl", directory / f"{client}.err"
        told = dict(
            os.environ,
            BOOTSTRAP=task.bootstrap,
            TOPIC=task.topic,
            PARTITIONS=str(task.partitions),
            RATE=str(task.rate),
            MEMBERS=str(task.members),
            GROUP=self.group,
            PYTHONPATH=str(paths.E2E),
            PYTHONUNBUFFERED="1",
        )
        with open(self.history_path, "wb") as output, open(self.error_path, "wb") as errors:
            self._process = children.spawn([*through, *_command(client)], stdin=subprocess.PIPE, stdout=output, stderr=errors, env=told)

    def finish_writing(self) -> None:
        self._say()

    def end(self) -> None:
        self._say()

    def exit_code(self, within_s: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(max(0.0, within_s))
        return None

    def died(self) -> bool:
        return self._process.poll() is not None

    def noted(self, why: str) -> bool:
        with open(self.history_path, "rb") as history:
            return any(b'"why":"%s"' % why.encode() in line for line in history)

    def acknowledged(self) -> int:
        with open(self.history_path, "rb") as history:
            return sum(b'"e":"ok"' in line for line in history)

    def events(self) -> Iterator[dict]:
        """What it wrote so far; half a line at the end is of a driver that was ended."""
        with open(self.history_path, encoding="utf-8") as history:
            for line in history:
                if line.endswith("\n"):
                    yield json.loads(line)

    def errors(self) -> str:
        return self.error_path.read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        children.end_group(self._process, 0.1)

    def _say(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()


def _command(client: str) -> list:
    if client == "python":
        return [paths.VENV_PYTHON, paths.E2E / "faults" / "client_python.py"]
    if client == "sarama":
        return [paths.GO_BIN / "sarama_driver"]
    return java_command("FaultDriver")


def java_command(main_class: str) -> list:
    return [
        "java",
        "-Xms32m",
        "-Xmx128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dlog4j2.level=OFF",
        "-cp",
        f"{paths.JAVA_DRIVER}:{paths.kafka_classpath()}",
        main_class,
    ]


def await_first_answers(drivers: list[Driver]) -> None:
    """Until each has been acknowledged something."""
    deadline = time.monotonic() + _WARM_WITHIN_S
    for driver in drivers:
        while driver.acknowledged() == 0:
            if driver.died():
                raise AssertionError(f"the {driver.client} driver ended with {driver.exit_code(0)}:\n{driver.errors()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"the {driver.client} driver was acknowledged nothing in {_WARM_WITHIN_S:.0f} s:\n{driver.errors()}")
            time.sleep(0.1)


def finish(drivers: list[Driver]) -> list[str]:
    """Ends writing and then reading; names the drivers that did not end as they should."""
    for driver in drivers:
        driver.finish_writing()
    deadline = time.monotonic() + FINISH_WITHIN_S
    while time.monotonic() < deadline and not all(driver.died() or driver.noted("finished") for driver in drivers):
        time.sleep(0.2)
    for driver in drivers:
        driver.end()
    complaints = []
    deadline = time.monotonic() + END_WITHIN_S
    for driver in drivers:
        code = driver.exit_code(deadline - time.monotonic())
        if code != 0:
            complaints.append(f"the {driver.client} driver {'did not end' if code is None else f'ended with {code}'}: {driver.errors()}")
        driver.kill()
    return complaints
