"""What many runs came to: one line each, kept in a file as they end, and the sums of them. Pure but for the file it is handed.

A seed that is run again counts as what it came to at last.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from faults.checker import Violation, counts
from faults.gaps import Wait, distribution, gaps, waits
from faults.ordeal import Ordeal


@dataclass(frozen=True)
class Outcome:
    """What one run came to."""

    seed: int
    seconds: float = 0.0
    at_once: int = 1
    faults: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    polled: int = 0
    read: int = 0
    violations: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    healed_in_s: float = 0.0
    answered_in_s: float = 0.0
    waits: list[Wait] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.violations and not self.complaints


def outcome(seed: int, at_once: int, ordeal: Ordeal, violations: list[Violation]) -> Outcome:
    history = ordeal.history
    return Outcome(
        seed,
        round(ordeal.ended - ordeal.began, 1),
        at_once,
        dict(Counter(episode.kind for episode in ordeal.episodes)),
        len(ordeal.skipped),
        *(sum(map(len, what.values())) for what in (history.acknowledged, history.failed, history.unknown)),
        sum(len(reading.seen) for reading in history.readings),
        sum(map(len, history.final.values())),
        {kind: count for kind, count in counts(violations).items() if count},
        ordeal.complaints,
        round(ordeal.healed_in_s, 2),
        round(ordeal.answered_in_s, 2),
        waits(gaps(history, ordeal.ended), ordeal.episodes),
    )


def append(path: Path, came: Outcome) -> None:
    """One short write at the end of the file, so that several processes may share it."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(came), separators=(",", ":")) + "\n")


def load(path: Path) -> dict[int, Outcome]:
    """By seed; nothing when there is no such file yet. Half a line is of a process that was ended."""
    came = {}
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []:
        if line.endswith("\n"):
            told = json.loads(line)
            came[told["seed"]] = Outcome(**{**told, "waits": [Wait(*wait) for wait in told["waits"]]})
    return came


def sums(against: str, outcomes: Iterable[Outcome]) -> str:
    runs = sorted(outcomes, key=lambda one: one.seed)
    faults: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for one in runs:
        faults.update(one.faults)
        found.update(one.violations)
    bad = [one.seed for one in runs if not one.good]
    side_by_side = sum(one.at_once > 1 for one in runs)
    return "\n".join(
        [
            f"faults: {', '.join(f'{count} {kind}' for kind, count in faults.most_common())}; {sum(one.skipped for one in runs)} not done",
            f"{sum(one.refused for one in runs)} refused, {sum(one.unknown for one in runs)} of unknown fate; "
            f"{sum(one.polled for one in runs)} polled by groups, {sum(one.read for one in runs)} read from the healed logs",
            f"in sync again after the last fault: {distribution(one.healed_in_s for one in runs)}; "
            f"everybody answered after that: {distribution(one.answered_in_s for one in runs)}",
            *waited(wait for one in runs for wait in one.waits),
            *(f"seed {one.seed}: COMPLAINT {complaint}" for one in runs for complaint in one.complaints),
            f"{len(runs)} runs against {against} ({side_by_side} with two faults at a time), {sum(one.seconds for one in runs) / 60:.0f} "
            f"minutes, {sum(faults.values())} faults, {sum(one.acknowledged for one in runs)} acknowledged: "
            + (", ".join(f"{count} {kind}" for kind, count in found.items()) or "nothing lost, doubled, reordered, made up or skipped")
            + f"; {len(bad)} bad runs {bad or ''}".rstrip(),
        ]
    )


def waited(all_waits: Iterable[Wait]) -> list[str]:
    """A row for each kind of fault and writer: how long the longest wait for one fault was, and how much of it came after its end."""
    by_kind: dict[tuple[str, str], list[Wait]] = defaultdict(list)
    for wait in all_waits:
        by_kind[wait.kind, wait.writer].append(wait)
    rows = []
    for (kind, writer), found in sorted(by_kind.items()):
        after = distribution(wait.after_s for wait in found)
        rows.append(f"  {kind:<20} {writer:<12} {str(distribution(wait.seconds for wait in found)):<58} after its end: {after}")
    return ["how long writers stood still, the longest wait of each writer for each fault:", *rows]
