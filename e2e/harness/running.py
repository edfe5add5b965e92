"""Runs programs one after another and reports each: ok, FAILED with its last words, or FAILED for want of time.

May start programs and brokers through `children` and `brokers`; ends everything it started before it returns.
"""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness import children
from harness.brokers import Broker, BrokerFailed
from harness.cluster import Cluster
from harness.programs import Program, environment

STILL_RUNNING_EVERY_S = 30.0
OUTPUT_TAIL_LINES = 60
_SHOWN_WIDTH = 120


@dataclass(frozen=True)
class Outcome:
    """How one program ended."""

    program: Program
    seconds: float
    failure: str | None
    note: str = ""


class Runner:
    """Runs the programs of one invocation of `e2e/run`."""

    def __init__(self, against: str, weir_binary: Path, directory: Path, say):
        self._against, self._weir_binary, self._directory, self._say = against, weir_binary, directory, say

    def run_all(self, chosen: list[Program]) -> list[Outcome]:
        outcomes = []
        sharing = [program for program in chosen if program.wants_shared_broker]
        if sharing:
            outcomes += self._with_broker("shared", sharing)
        for program in chosen:
            if program.wants_own_broker:
                outcomes += self._with_broker(f"{program.suite}-{program.name}", [program])
            elif not program.wants_shared_broker and not program.wants_cluster:
                outcomes.append(self._run_one(program, None))
        sharing = [program for program in chosen if program.wants_cluster]
        if sharing:
            outcomes += self._with("cluster", Cluster(self._against, self._directory / "cluster", self._weir_binary), sharing)
        return outcomes

    def _with_broker(self, label: str, sharers: list[Program]) -> list[Outcome]:
        return self._with(label, Broker(self._against, self._directory / label, self._weir_binary), sharers)

    def _with(self, label: str, broker: Broker | Cluster, sharers: list[Program]) -> list[Outcome]:
        try:
            ready_s = broker.start()
        except BrokerFailed as failed:
            self._say(f"FAILED to start {self._against}: {failed}")
            return [Outcome(program, 0.0, "no broker") for program in sharers]
        try:
            self._say(f"{self._against} is ready on {broker.bootstrap} in {ready_s * 1000:.0f} ms ({label})")
            return [self._run_one(program, broker) for program in sharers]
        finally:
            broker.stop()

    def _run_one(self, program: Program, broker: Broker | Cluster | None) -> Outcome:
        if broker is not None and broker.died():
            return self._report(Outcome(program, 0.0, "the broker is dead"), broker, "")
        output_path = self._directory / f"{program.suite}-{program.name}.out"
        told = environment(self._against, self._weir_binary, broker)
        began = time.monotonic()
        with open(output_path, "wb") as output:
            child = children.spawn(program.command, stdout=output, stderr=subprocess.STDOUT, env=told, cwd=self._directory)
            try:
                failure = self._await(child, program, began, output_path)
            finally:
                children.end_group(child)
        lines = output_path.read_text(errors="replace").splitlines()
        outcome = Outcome(program, time.monotonic() - began, failure, lines[-1].strip() if lines else "")
        return self._report(outcome, broker, "\n".join(lines[-OUTPUT_TAIL_LINES:]))

    def _await(self, child: subprocess.Popen, program: Program, began: float, output: Path) -> str | None:
        while True:
            spent = time.monotonic() - began
            if spent >= program.timeout_s:
                return f"no end in {program.timeout_s} s"
            try:
                code = child.wait(min(STILL_RUNNING_EVERY_S, program.timeout_s - spent))
                return None if code == 0 else f"exit code {code}"
            except subprocess.TimeoutExpired:
                self._say(f"  … {program.title} still running after {time.monotonic() - began:.0f} s: {_last_line(output)}")

    def _report(self, outcome: Outcome, broker: Broker | Cluster | None, output: str) -> Outcome:
        verdict = "ok    " if outcome.failure is None else "FAILED"
        self._say(f"{verdict} {outcome.program.title:<40} {outcome.seconds:6.1f} s  {outcome.failure or outcome.note}")
        if outcome.failure is None and outcome.program.figures_lines:
            self._say(_indented("what it measured", "\n".join(output.splitlines()[-outcome.program.figures_lines :])))
        if outcome.failure is not None:
            self._say(_indented("its last output", output))
            if broker is not None:
                self._say(_indented("the end of the broker's log", broker.log_tail()))
        return outcome


def _last_line(output: Path) -> str:
    """What it is at: its last word so far."""
    lines = output.read_text(errors="replace").splitlines()
    return lines[-1].strip()[:_SHOWN_WIDTH] if lines else "nothing said yet"


def _indented(heading: str, text: str) -> str:
    return f"  --- {heading}\n" + "\n".join(f"  | {line}" for line in text.splitlines())


def summary(outcomes: list[Outcome]) -> str:
    """A line for each suite, and the failures by name."""
    lines = [f"{'suite':<12} {'ok':>4} {'failed':>7} {'seconds':>9}"]
    for suite in dict.fromkeys(outcome.program.suite for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.program.suite == suite]
        failed = sum(outcome.failure is not None for outcome in own)
        lines.append(f"{suite:<12} {len(own) - failed:>4} {failed:>7} {sum(outcome.seconds for outcome in own):>9.1f}")
    lines += [f"FAILED {outcome.program.title}: {outcome.failure}" for outcome in outcomes if outcome.failure is not None]
    return "\n".join(lines)
