"""Plays scenarios one after another on one cluster, heals it in between, and says of each what came of it and how long it took.

A scenario that fails leaves logs, events and clients' histories in a folder, and the others are still played.
"""

import contextlib
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from kind import cluster, paths, weir_image
from kind.collect import collect
from kind.commands import CommandFailed
from kind.scenarios import (
    at_rest,
    autoscaling,
    bad_input,
    changes_of_mind,
    failures,
    helm_chart,
    lifecycle,
    maintenance,
    many_topics,
    monitoring,
    nodes_gone,
    operator_gone,
    operators_fighting,
    outside,
    prometheus,
    random_kills,
    rolls,
    scaling,
    topics,
)
from kind.scenarios.book import Scenario, chosen
from kind.scenarios.clients import Verdict, Work
from kind.scenarios.stage import Stage, tell
from kind.telling import say

_MODULES = (
    failures,
    nodes_gone,
    rolls,
    maintenance,
    scaling,
    autoscaling,
    changes_of_mind,
    lifecycle,
    operator_gone,
    operators_fighting,
    random_kills,
    outside,
    topics,
    many_topics,
    at_rest,
    bad_input,
    prometheus,
    monitoring,
    helm_chart,
)

_STARTS = 3


@dataclass(frozen=True)
class Outcome:
    """How one scenario ended."""

    sentence: str
    seconds: float
    failure: str | None
    verdict: Verdict | None


def all_scenarios() -> list[Scenario]:
    """In the order of the modules, and of the functions in them."""
    return [thing for module in _MODULES for thing in vars(module).values() if isinstance(thing, Scenario)]


def scenarios(kubeconfig: Path | None, only_core: bool, word: str, keep: bool) -> str:
    """Gives what came of all of them."""
    to_play = chosen(all_scenarios(), only_core, word)
    if not to_play:
        raise CommandFailed(f"no scenario says {word!r}; there are:\n" + "\n".join(one.sentence for one in all_scenarios()))
    there = cluster.up(kubeconfig)
    if not there.is_ours:
        to_play = _on_nodes_of_others(to_play)
    directory = Path(tempfile.mkdtemp(prefix="weir-scenarios-"))
    try:
        stage = Stage(there, weir_image.on_every_node(there), directory, only_core)
        stage.set_up()
        outcomes = [_play(stage, one, number) for number, one in enumerate(to_play)]
        stage.tear_down()
    finally:
        if keep:
            say(f"what clients wrote is kept in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    failed = [outcome for outcome in outcomes if outcome.failure]
    if failed:
        raise CommandFailed(_summary(outcomes))
    return _summary(outcomes)


def _on_nodes_of_others(to_play: list[Scenario]) -> list[Scenario]:
    fitting = [one for one in to_play if not one.needs_our_nodes]
    if not fitting:
        raise CommandFailed(
            "a cluster that was given is hurt by nobody, and no client runs on its nodes: none of these can be played on it"
        )
    say(f"on a cluster that was given {len(fitting)} of {len(to_play)} can be played: those without clients, that hurt no node")
    return fitting


def _play(stage: Stage, one: Scenario, number: int) -> Outcome:
    say(f"{one.sentence} …")
    began, work, verdict, failure = time.monotonic(), None, None, None
    stage.notes.clear()
    topic = f"ledger-{stage.run}-{number}"
    try:
        work = _at_work(stage, topic) if one.clients else None
        one.play(stage)
        if work:
            verdict = work.verdict()
            failure = "; ".join(verdict.complaints) or None
    except (CommandFailed, AssertionError, KeyError, IndexError) as failed:
        failure = f"{type(failed).__name__}: {failed}"
    finally:
        if work:
            work.stop()
    seconds = time.monotonic() - began
    if failure:
        _keep_what_is_seen(stage, one, topic)
    _tell(stage, one, seconds, failure, verdict)
    began = time.monotonic()
    try:
        stage.mend(nodes=one.hurts_nodes or failure is not None)
    except CommandFailed as failed:
        failure = failure or f"the cluster does not heal afterwards: {failed}"
        say(f"  FAILED to heal: {failed}")
    tell(f"whole again after {time.monotonic() - began:.1f} s")
    return Outcome(one.sentence, seconds, failure, verdict)


def _at_work(stage: Stage, topic: str) -> Work:
    """kafka-python gives up for good when its first question, which id it has, is not answered in its time: as its user would, we start
    it anew, on a topic of its own.
    """
    for attempt in range(1, _STARTS):
        try:
            return Work(stage.brokers, f"{topic}-{attempt}", stage.directory / topic / str(attempt))
        except CommandFailed as failed:
            stage.note(f"clients did not start and are started anew: {str(failed)[:200]}")
    return Work(stage.brokers, f"{topic}-{_STARTS}", stage.directory / topic / str(_STARTS))


def _keep_what_is_seen(stage: Stage, one: Scenario, topic: str) -> None:
    folder = paths.HOME / "collected" / re.sub(r"\W+", "-", one.sentence.lower())[:60]
    shutil.rmtree(folder, ignore_errors=True)
    collect(stage.there, folder)
    with contextlib.suppress(OSError):
        shutil.copytree(stage.directory / topic, folder / "clients")


def _tell(stage: Stage, one: Scenario, seconds: float, failure: str | None, verdict: Verdict | None) -> None:
    for note in stage.notes:
        tell(note)
    if verdict:
        tell(str(verdict))
    say(f"  {'FAILED' if failure else 'ok'} in {seconds:.1f} s: {failure or one.sentence}")


def _summary(outcomes: list[Outcome]) -> str:
    verdicts = [outcome.verdict for outcome in outcomes if outcome.verdict]
    lines = [f"FAILED {outcome.sentence}" for outcome in outcomes if outcome.failure]
    good = len(outcomes) - len(lines)
    counts = [sum(getattr(verdict, what) for verdict in verdicts) for what in ("acknowledged", "lost", "duplicated", "reordered")]
    longest = max((verdict.longest_s for verdict in verdicts), default=0.0)
    seconds = sum(outcome.seconds for outcome in outcomes)
    lines.append(
        f"{good} of {len(outcomes)} scenarios ok in {seconds:.0f} s; {counts[0]} acknowledged: {counts[1]} lost, {counts[2]} duplicated, "
        f"{counts[3]} reordered; longest gap {longest * 1000:.0f} ms"
    )
    return "\n".join(lines)
