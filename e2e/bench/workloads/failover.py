"""How long a tuned Java client stands still when a leader or the controller is killed, or a broker is stopped: the program of the
failover suite, which starts three brokers of its own, and fails when anything acknowledged is lost."""

import json
import os
import subprocess
import sys

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import Site, WrongData
from bench.workloads.workload import Figure, Work, Workload
from harness import children, paths

_KINDS = {"leader": "leader kill -9", "controller": "controller kill -9", "stop": "clean stop", "calm": "nothing hurt"}
_WITHIN_S = 1800.0
_TAIL = 2000


class FailsOver(Work):
    """One run of so many rounds of each kind; the kill is the measurement, so there is nothing to warm up."""

    def measure(self, site: Site, server: Server) -> Figures:
        server.directory.mkdir(parents=True, exist_ok=True)
        results = server.directory / "failover.json"
        self._run(site, server, ["--results", str(results)])
        figures: Figures = {}
        spreads = json.loads(results.read_text())
        for name, kind in _KINDS.items():
            for spread in spreads[kind].values():
                figures |= {f"{name}_p50_ms": spread["p50"] * 1000, f"{name}_longest_ms": spread["longest"] * 1000}
        return figures

    def _run(self, site: Site, server: Server, results: list[str]) -> None:
        program = [sys.executable, paths.E2E / "failover" / "failover.py", "--against", server.contender.kind]
        options = ["--weir", server.weir_binary, "--kills", site.size.kills, *results]
        options += ["--topic-settings", json.dumps(server.contender.topic_settings)]
        told = dict(os.environ, PYTHONPATH=str(paths.E2E), PYTHONUNBUFFERED="1", KAFKA_CLASSPATH=paths.kafka_classpath())
        child = children.spawn([*program, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=told)
        try:
            said, _ = child.communicate(timeout=_WITHIN_S)
        finally:
            children.end_group(child)
        if child.returncode != 0:
            raise WrongData(f"failover ended with {child.returncode}: {said[-_TAIL:]}")


WORKLOADS = (
    Workload(
        "failover",
        "three brokers, 600 values a second by a tuned Java client with acks=all; the longest time without an acknowledgement",
        FailsOver,
        (
            Figure("leader_longest_ms", "leader kill -9, longest gap, ms", target=12.0),
            Figure("leader_p50_ms", "leader kill -9, median gap, ms"),
            Figure("controller_longest_ms", "controller kill -9, longest gap, ms"),
            Figure("controller_p50_ms", "controller kill -9, median gap, ms"),
            Figure("stop_longest_ms", "clean stop, longest gap, ms"),
            Figure("stop_p50_ms", "clean stop, median gap, ms"),
            Figure("calm_longest_ms", "nothing hurt, longest gap, ms"),
            Figure("calm_p50_ms", "nothing hurt, median gap, ms"),
        ),
        contenders=("weir", "kafka", "weir-fsync"),
        owns_process=True,
        needs_java=True,
        once=True,
        block_s=240.0,
    ),
)
