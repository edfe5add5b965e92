"""The table of programs: what there is to run, how, for how long, and against whose broker.

A program is a file in a suite's folder; adding a file adds a program. It finds the broker in the environment, asserts what
it reads, and exits 0 or not.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from harness import paths
from harness.brokers import Broker

SUITES = ("python", "go", "java", "librdkafka", "cli", "badinput", "limits", "crash")
_SUITE_SECONDS = {"python": 90, "go": 90, "java": 180, "librdkafka": 90, "cli": 60, "badinput": 300, "limits": 180, "crash": 900}

# Suites which measure the broker or hurt it get one to themselves.
_OWN_BROKER = {"badinput", "limits"}
# The crash test starts, kills and restarts its broker itself.
_NO_BROKER = {"crash"}


@dataclass(frozen=True)
class Program:
    """One program to run, and the bounds of its run."""

    suite: str
    name: str
    command: tuple
    timeout_s: int

    @property
    def title(self) -> str:
        return f"{self.suite}/{self.name}"

    @property
    def wants_shared_broker(self) -> bool:
        return self.suite not in _OWN_BROKER | _NO_BROKER

    @property
    def wants_own_broker(self) -> bool:
        return self.suite in _OWN_BROKER


def programs(suites: set[str], against: str, weir_binary: Path, crash_rounds: int | None) -> list[Program]:
    """Every program of the chosen suites, in the order of `SUITES` and then by name."""
    chosen = []
    for suite in SUITES:
        if suite in suites and (suite != "cli" or against == "weir" or weir_binary.exists()):
            chosen += [
                Program(suite, name, tuple(map(str, command)), _SUITE_SECONDS[suite])
                for name, command in _commands(suite, against, weir_binary, crash_rounds)
            ]
    return chosen


def _commands(suite: str, against: str, weir_binary: Path, crash_rounds: int | None) -> list[tuple[str, list]]:
    if suite == "go":
        return [
            (folder.name, [paths.GO_BIN / folder.name]) for folder in sorted((paths.E2E / "go").iterdir()) if (folder / "main.go").exists()
        ]
    if suite == "crash":
        return _crash_commands(against, weir_binary, crash_rounds)
    return [(script.stem, [paths.VENV_PYTHON, script]) for script in sorted((paths.E2E / suite).glob("*.py")) if _is_program(script)]


def _crash_commands(against: str, weir_binary: Path, crash_rounds: int | None) -> list[tuple[str, list]]:
    """Kafka waits many seconds for the session of its former life; a few rounds show that the test itself is sound."""
    rounds, log_gb = (50, 1) if against == "weir" else (5, 0)
    crash, which = paths.E2E / "crash", ["--against", against, "--weir", weir_binary]
    return [
        ("history_checker", [paths.VENV_PYTHON, crash / "test_history.py"]),
        ("survives", [paths.VENV_PYTHON, crash / "survives.py", *which]),
        ("kill9", [paths.VENV_PYTHON, crash / "kill9.py", *which, "--rounds", crash_rounds or rounds, "--log-gb", log_gb]),
    ]


def _is_program(script: Path) -> bool:
    """A module which only others import has no main guard."""
    return '__name__ == "__main__"' in script.read_text()


def environment(against: str, weir_binary: Path, broker: Broker | None) -> dict[str, str]:
    """What a program is told: where the broker is and which one it is, and its pid, log and metrics for those that look there."""
    told = dict(
        os.environ,
        BOOTSTRAP=broker.bootstrap if broker else "",
        AGAINST=against,
        WEIR_BINARY=str(weir_binary),
        PYTHONPATH=str(paths.E2E),
        PYTHONUNBUFFERED="1",
        KAFKA_CLASSPATH=paths.kafka_classpath(),
        KAFKA_CLASS_ARCHIVE=str(paths.KAFKA_CLASS_ARCHIVE),
    )
    if broker is not None:
        told.update(BROKER_PID=str(broker.pid), BROKER_LOG=str(broker.log_path), BROKER_HTTP=broker.http)
    return told
