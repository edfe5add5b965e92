"""The table of programs: what there is to run, how, for how long, and against whose broker.

A program is a file in a suite's folder; adding a file adds a program. It finds the broker in the environment, asserts what
it reads, and exits 0 or not.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from harness import paths
from harness.brokers import Broker
from harness.cluster import Cluster

SUITES = (
    "python",
    "go",
    "java",
    "librdkafka",
    "cli",
    "badinput",
    "strangers",
    "limits",
    "crash",
    "cluster-tools",
    "moves",
    "watching",
    "disks",
    "faults",
    "failover",
    "kind",
    "scale",
    "bench",
)
_SUITE_SECONDS = {
    "python": 90,
    "go": 90,
    "java": 180,
    "librdkafka": 90,
    "cli": 60,
    "badinput": 300,
    "strangers": 120,
    "limits": 180,
    "crash": 900,
    "cluster-tools": 180,
    "moves": 180,
    "watching": 240,
    "disks": 240,
    "faults": 60,  # and what its seeds take
    "failover": 900,
    "kind": 1800,  # and what the scenarios take that are not of the core
    "scale": 300,  # and what more partitions take
    "bench": 300,
}

# Suites which measure the broker or hurt it get one to themselves.
_OWN_BROKER = {"badinput", "limits"}
# These start, kill and restart what they need themselves.
_NO_BROKER = {"strangers", "crash", "moves", "watching", "disks", "faults", "failover", "kind", "scale", "bench"}
# Lines at their end that are told even where all went well: what they measured is what they are run for.
_FIGURES_LINES = {"failover": 6, "scale": 36}
# These speak what only Weir speaks, or are of no use without it.
_WEIR_ONLY = {"strangers", "moves", "watching", "disks", "bench"}
# Three brokers, shared by all programs of the suite.
_CLUSTER = {"cluster-tools"}

# What `make test` runs of random faults: some minutes.
_SEEDS, _SEED_SECONDS = 5, 25.0
# Rounds of each kind of failover; thirty make a distribution, and are asked for by hand.
_KILLS = {"weir": 8, "kafka": 3}
# Partitions of `scale`; ten thousand are asked for by hand.
_PARTITIONS = 1_000
_ALL_SCENARIOS_S = 2 * 3600


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
        return self.suite not in _OWN_BROKER | _NO_BROKER | _CLUSTER

    @property
    def wants_cluster(self) -> bool:
        return self.suite in _CLUSTER

    @property
    def wants_own_broker(self) -> bool:
        return self.suite in _OWN_BROKER

    @property
    def figures_lines(self) -> int:
        return _FIGURES_LINES.get(self.suite, 0)


@dataclass(frozen=True)
class Choices:
    """What the command line says about how much to run; what it leaves open each suite decides."""

    crash_rounds: int | None = None
    seeds: int | None = None
    first_seed: int = 1
    seconds: float | None = None
    at_once: int | None = None
    kills: int | None = None
    partitions: int | None = None
    scenario: str | None = None
    all_scenarios: bool = False


def programs(suites: set[str], against: str, weir_binary: Path, choices: Choices) -> list[Program]:
    """Every program of the chosen suites, in the order of `SUITES` and then by name."""
    chosen = []
    for suite in SUITES:
        if suite in _WEIR_ONLY and against != "weir":
            continue
        if suite in suites and (suite != "cli" or against == "weir" or weir_binary.exists()):
            chosen += [
                Program(suite, name, tuple(map(str, command)), _SUITE_SECONDS[suite] + _seconds_more(suite, against, choices))
                for name, command in _commands(suite, against, weir_binary, choices)
            ]
    return chosen


def _commands(suite: str, against: str, weir_binary: Path, choices: Choices) -> list[tuple[str, list]]:
    which = ["--against", against, "--weir", weir_binary]
    if suite == "faults":
        return _fault_commands(which, choices)
    if suite in ("strangers", "moves", "watching", "disks"):
        return [(script.stem, [paths.VENV_PYTHON, script, *which]) for script in _scripts(suite)]
    if suite == "failover":
        kills = ["--kills", choices.kills or _KILLS[against]]
        return [(script.stem, [paths.VENV_PYTHON, script, *which, *kills]) for script in _scripts(suite)]
    if suite == "scale":
        script = paths.E2E / "scale" / "partitions.py"
        return [(script.stem, [paths.VENV_PYTHON, script, *which, "--partitions", _partitions(choices)])]
    if suite == "kind":
        return _kind_commands(choices)
    if suite == "go":
        return [
            (folder.name, [paths.GO_BIN / folder.name]) for folder in sorted((paths.E2E / "go").iterdir()) if (folder / "main.go").exists()
        ]
    if suite == "crash":
        return _crash_commands(against, weir_binary, choices.crash_rounds)
    return [(script.stem, [paths.VENV_PYTHON, script]) for script in _scripts(suite)]


def _fault_commands(which: list, choices: Choices) -> list[tuple[str, list]]:
    """Tests of what judges come before what is judged."""
    faults = paths.E2E / "faults"
    run = ["--seeds", _seeds(choices), "--from", choices.first_seed, "--seconds", _seconds(choices)]
    run += ["--at-once", choices.at_once] if choices.at_once else []
    return [
        *((script.stem, [paths.VENV_PYTHON, script]) for script in sorted(faults.glob("test_*.py"))),
        ("bites", [paths.VENV_PYTHON, faults / "bites.py", *which]),
        ("random", [paths.VENV_PYTHON, faults / "random_faults.py", *which, *run]),
    ]


def _kind_commands(choices: Choices) -> list[tuple[str, list]]:
    """What the real cluster and its images are made by, tested without one; then the scenarios that it must survive."""
    scripts = sorted(script for folder in ("kind", "kind/scenarios", "image") for script in (paths.E2E / folder).glob("test_*.py"))
    how_much = ["--only", choices.scenario] if choices.scenario else [] if choices.all_scenarios else ["--core"]
    play = [paths.VENV_PYTHON, paths.E2E / "kind" / "run", "scenarios", "--if-built", "--down", *how_much]
    return [*((script.stem, [paths.VENV_PYTHON, script]) for script in scripts), ("scenarios", play)]


def _seeds(choices: Choices) -> int:
    return choices.seeds or _SEEDS


def _seconds(choices: Choices) -> float:
    return choices.seconds or _SEED_SECONDS


def _partitions(choices: Choices) -> int:
    return choices.partitions or _PARTITIONS


def _seconds_more(suite: str, against: str, choices: Choices) -> int:
    """Each run of faults also starts a cluster, heals it and reads it to the end; more partitions take longer."""
    if suite == "kind":
        return _ALL_SCENARIOS_S if choices.all_scenarios or choices.scenario else 0
    if suite == "scale":
        return round(_partitions(choices) * (0.1 if against == "weir" else 0.5))
    around = 180 if against == "weir" else 400
    return round(_seeds(choices) * (_seconds(choices) * 2 + around)) if suite == "faults" else 0


def _scripts(suite: str) -> list[Path]:
    return [script for script in sorted((paths.E2E / suite).glob("*.py")) if _is_program(script)]


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


def environment(against: str, weir_binary: Path, broker: Broker | Cluster | None) -> dict[str, str]:
    """What a program is told: where the broker is and which one it is, and its pid, log and metrics for those that look there."""
    told = dict(
        os.environ,
        BOOTSTRAP=broker.bootstrap if broker else "",
        AGAINST=against,
        WEIR_BINARY=str(weir_binary),
        PYTHONPATH=str(paths.E2E),
        PYTHONUNBUFFERED="1",
        GRPC_VERBOSITY="NONE",
        KAFKA_CLASSPATH=paths.kafka_classpath(),
        KAFKA_CLASS_ARCHIVE=str(paths.KAFKA_CLASS_ARCHIVE),
    )
    if isinstance(broker, Cluster):
        told.update(WEIR_ADMIN=f"{broker.nodes[0].address}:{broker.nodes[0].ports.admin}")
    if isinstance(broker, Broker):
        told.update(BROKER_PID=str(broker.pid), BROKER_LOG=str(broker.log_path), BROKER_HTTP=broker.http)
    return told
