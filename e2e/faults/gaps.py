"""Decides how long writers stood still, which fault they stood still for, and what is said of it. Pure: values in, values out.

A writer never rests by itself, so the time between two of its acknowledgements in one partition is how long it had to wait.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from faults.history import History

# A client notices some time after the fault is over: a timeout that ran when it ended, a backoff.
AFTERMATH_S = 5.0


@dataclass(frozen=True)
class Episode:
    """A fault that was done: what to whom, of which kind, and from when until when."""

    name: str
    kind: str
    began: float
    ended: float


@dataclass(frozen=True)
class Gap:
    """A time in which a writer got no acknowledgement from a partition."""

    writer: str
    partition: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Wait(NamedTuple):
    """The longest time that a writer stood still for one fault, and how much of it came after the fault's end."""

    kind: str
    writer: str
    seconds: float
    after_s: float


@dataclass(frozen=True)
class Distribution:
    """What became of many gaps."""

    count: int
    p50: float
    p90: float
    p99: float
    longest: float

    def __str__(self) -> str:
        shown = (
            f"{name} {seconds * 1000:.0f}"
            for name, seconds in zip(("p50", "p90", "p99", "max"), (self.p50, self.p90, self.p99, self.longest))
        )
        return f"{', '.join(shown)} ms of {self.count}"


def gaps(history: History, until: float) -> list[Gap]:
    """Between neighbouring acknowledgements of each writer in each partition; from the first value sent on.

    If any value got no answer the last gap ends at the end.
    """
    found = []
    for (writer, partition), sent in sorted(history.invoked_at.items()):
        moments = [min(sent), *sorted(history.acknowledged_at.get((writer, partition), []))]
        if len(moments) - 1 < len(sent):
            moments.append(max(until, moments[-1]))
        found += [Gap(writer, partition, began, ended) for began, ended in zip(moments, moments[1:])]
    return found


def longest_by_writer(all_gaps: Iterable[Gap]) -> dict[str, Gap]:
    longest: dict[str, Gap] = {}
    for gap in all_gaps:
        if gap.writer not in longest or gap.seconds > longest[gap.writer].seconds:
            longest[gap.writer] = gap
    return longest


def cause(gap: Gap, episodes: list[Episode]) -> Episode | None:
    """The fault that a gap shares most time with, its aftermath included; none if it shares none."""
    shared = [(min(gap.ended, episode.ended + AFTERMATH_S) - max(gap.began, episode.began), episode) for episode in episodes]
    overlap, episode = max(shared, key=lambda pair: pair[0], default=(0.0, None))
    return episode if overlap > 0 else None


def during(all_gaps: Iterable[Gap], episodes: list[Episode]) -> dict[Episode, dict[str, Gap]]:
    """For each fault the longest gap of each writer on account of it."""
    longest: dict[Episode, dict[str, Gap]] = {episode: {} for episode in episodes}
    for gap in all_gaps:
        episode = cause(gap, episodes)
        if episode is not None:
            known = longest[episode].get(gap.writer, gap)
            longest[episode][gap.writer] = max(known, gap, key=lambda one: one.seconds)
    return longest


def waits(all_gaps: Iterable[Gap], episodes: list[Episode]) -> list[Wait]:
    """For each fault the longest wait of each writer on account of it."""
    return [
        Wait(episode.kind, writer, round(gap.seconds, 3), round(max(0.0, gap.ended - max(gap.began, episode.ended)), 3))
        for episode, by_writer in during(all_gaps, episodes).items()
        for writer, gap in by_writer.items()
    ]


def distribution(seconds: Iterable[float]) -> Distribution:
    """By the nearest rank: a percentile is a value that was seen."""
    ordered = sorted(seconds)
    if not ordered:
        return Distribution(0, 0.0, 0.0, 0.0, 0.0)

    def at(percent: float) -> float:
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

    return Distribution(len(ordered), at(50), at(90), at(99), ordered[-1])


def judged(spread: Distribution, target_s: float | None) -> str:
    """Held against what 99 of a hundred must not be above."""
    if target_s is None:
        return ""
    return f"; target {target_s * 1000:.0f} ms {'met' if spread.p99 <= target_s else 'not met'}"


def where_longest(episodes: list[Episode], longest: list[Gap | None]) -> str:
    """A wait may be for what was hurt, or for it to come back: when it began tells them apart."""
    found = [(gap.seconds, gap, episode) for episode, gap in zip(episodes, longest) if gap]
    if not found:
        return ""
    _, gap, episode = max(found, key=lambda one: one[0])
    began, over = gap.began - episode.began, episode.ended - episode.began
    return f"; the longest in {episode.name}, {began:+.2f} s from when it was begun ({over:+.2f} s: it was undone)"
