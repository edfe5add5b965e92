"""Decides whether a cluster kept its promises, from the history its clients wrote. Pure: no clock, no I/O.

The rules have their usual names (Jepsen's for Kafka). The topic is neither
compacted nor expired nor transactional, so its offsets have no holes. A history proves something only if it was read to the end
after all was healed: without that, every acknowledged value is unseen.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faults.history import History, Reading, Seen, Value

KINDS = (
    "lost",
    "unseen",
    "duplicate",
    "reordered",
    "aborted read",
    "inconsistent offset",
    "misplaced",
    "vanished read",
    "phantom",
    "skipped poll",
    "non-monotonic poll",
    "hole",
    "diverged copy",
    "owned twice",
    "commit forgotten",
    "passed over",
)


@dataclass(frozen=True)
class Violation:
    """One broken promise."""

    kind: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}, {self.where}: {self.detail}"


def check(history: History) -> list[Violation]:
    """All broken promises, partition by partition and then group by group."""
    found: list[Violation] = []
    for partition in _partitions(history):
        where = f"partition {partition}"
        readings = [reading for reading in history.readings if reading.partition == partition]
        final = history.final.get(partition, [])
        copies = {name: seen for (name, of), seen in history.copies.items() if of == partition}
        acknowledged = history.acknowledged.get(partition, {})
        everything = [final, *copies.values(), *(reading.seen for reading in readings)]
        found += _acknowledged(where, acknowledged, final)
        found += _places(where, acknowledged, everything)
        found += _order(where, final, history.careless, acknowledged)
        found += _refused(where, history.failed.get(partition, set()), everything)
        found += _invented(where, history.invoked.get(partition, set()), everything)
        found += _steps(where, readings)
        found += _kept(where, readings, final)
        found += _whole(where, final)
        found += _copies(where, copies, final)
    found += _ownership(history)
    found += _groups(history)
    return found


def counts(violations: Iterable[Violation]) -> dict[str, int]:
    """How many of each kind there are, in the order of `KINDS`, zeros included."""
    counted = Counter(violation.kind for violation in violations)
    return {kind: counted[kind] for kind in KINDS}


def _partitions(history: History) -> list[int]:
    known = set(history.invoked) | set(history.acknowledged) | set(history.failed) | set(history.final)
    return sorted(known | {reading.partition for reading in history.readings} | {of for _, of in history.copies})


def _acknowledged(where: str, acknowledged: dict[Value, int], final: list[Seen]) -> Iterator[Violation]:
    """What was acknowledged is in the log: lost if others stand behind its place, unseen if the log ends before it."""
    at = {seen.value for seen in final}
    highest = max((seen.offset for seen in final), default=-1)
    for value, offset in acknowledged.items():
        if value not in at:
            kind = "lost" if offset <= highest else "unseen"
            yield Violation(kind, where, f"{value}, acknowledged at offset {offset}, is not in the log, which ends at {highest + 1}")


def _places(where: str, acknowledged: dict[Value, int], everything: list[list[Seen]]) -> Iterator[Violation]:
    """One offset holds one value and one value has one offset, whoever looks and whenever, the acknowledgement included."""
    values: dict[int, set[Value]] = defaultdict(set)
    places: dict[Value, set[int]] = defaultdict(set)
    for seen in everything:
        for offset, value in seen:
            values[offset].add(value)
            places[value].add(offset)
    for offset, held in sorted(values.items()):
        if len(held) > 1:
            yield Violation("inconsistent offset", where, f"offset {offset} held {', '.join(map(str, sorted(held)))}")
    for value, at in places.items():
        if len(at) > 1:
            yield Violation("duplicate", where, f"{value} is at offsets {', '.join(map(str, sorted(at)))}")
    for value, offset in acknowledged.items():
        if value in places and offset not in places[value]:
            yield Violation("misplaced", where, f"{value}, acknowledged at offset {offset}, is at {min(places[value])}")


def _order(where: str, final: list[Seen], careless: set[str], acknowledged: dict[Value, int]) -> Iterator[Violation]:
    """A writer's values stand in the log in the order in which it sent them; of a careless one, those that were acknowledged."""
    latest: dict[str, int] = {}
    for offset, value in sorted(final):
        if value.writer in careless and value not in acknowledged:
            continue
        if value.number < latest.get(value.writer, -1):
            yield Violation("reordered", where, f"{value} at offset {offset} is behind {value.writer}:{latest[value.writer]}")
        latest[value.writer] = max(value.number, latest.get(value.writer, -1))


def _refused(where: str, failed: set[Value], everything: list[list[Seen]]) -> Iterator[Violation]:
    polled = {seen.value for reading in everything for seen in reading}
    for value in sorted(failed & polled):
        yield Violation("aborted read", where, f"{value} was refused, and was read")


def _invented(where: str, invoked: set[Value], everything: list[list[Seen]]) -> Iterator[Violation]:
    polled = {seen.value for reading in everything for seen in reading}
    for value in sorted(polled - invoked):
        yield Violation("phantom", where, f"{value} was read and never written")


def _steps(where: str, readings: list[Reading]) -> Iterator[Violation]:
    """Inside one assignment offsets go up by one."""
    for reading in readings:
        for (before, _), (after, _) in zip(reading.seen, reading.seen[1:]):
            if after <= before:
                yield Violation("non-monotonic poll", where, f"{reading.reader} polled offset {after} after {before}")
            elif after > before + 1:
                yield Violation("skipped poll", where, f"{reading.reader} polled offset {after} after {before}")


def _kept(where: str, readings: list[Reading], final: list[Seen]) -> Iterator[Violation]:
    """What any consumer was shown stays in the log: nobody reads what is not yet certain."""
    in_log = {seen.value for seen in final}
    gone = {seen for reading in readings for seen in reading.seen if seen.value not in in_log}
    for offset, value in sorted(gone):
        yield Violation("vanished read", where, f"{value} was polled at offset {offset}, and is gone")


def _whole(where: str, final: list[Seen]) -> Iterator[Violation]:
    for expected, (offset, _) in enumerate(final):
        if offset != expected:
            yield Violation("hole", where, f"the log read at last holds offset {offset} where {expected} was due")
            return


def _copies(where: str, copies: dict[str, list[Seen]], final: list[Seen]) -> Iterator[Violation]:
    """Each replica holds what the others hold, from the first record to the last."""
    for name, seen in sorted(copies.items()):
        for mine, theirs in zip(seen, final):
            if mine != theirs:
                yield Violation(
                    "diverged copy", where, f"{name} holds {mine.value} at {mine.offset}, not {theirs.value} at {theirs.offset}"
                )
                break
        else:
            if len(seen) != len(final):
                yield Violation("diverged copy", where, f"{name} holds {len(seen)} records, not {len(final)}")


def _ownership(history: History) -> Iterator[Violation]:
    """In one generation of a group a partition belongs to one member."""
    owner: dict[tuple[str, int, int], str] = {}
    for group, generation, consumer, partitions in history.owned:
        for partition in partitions:
            other = owner.setdefault((group, generation, partition), consumer)
            if other != consumer:
                yield Violation("owned twice", f"group {group}", f"partition {partition}, generation {generation}: {other} and {consumer}")


def _groups(history: History) -> Iterator[Violation]:
    """An answered commit is where the group goes on, and what lies below it was handed to somebody."""
    for group in sorted({reading.group for reading in history.readings if reading.group} | set(history.group_offsets)):
        for partition in _partitions(history):
            readings = [reading for reading in history.readings if (reading.group, reading.partition) == (group, partition)]
            commits = [commit for commit in history.commits.get(group, []) if commit.partition == partition]
            stands = history.group_offsets.get(group, {}).get(partition)
            yield from _forgotten(f"group {group}, partition {partition}", readings, commits, stands)
            yield from _passed_over(f"group {group}, partition {partition}", readings, stands)


def _forgotten(where: str, readings: list[Reading], commits: list, stands: int | None) -> Iterator[Violation]:
    for reading in readings:
        promised = max((commit.offset for commit in commits if commit.at < reading.assigned_at), default=0)
        if reading.seen and reading.seen[0].offset < promised:
            yield Violation("commit forgotten", where, f"{reading.reader} began at {reading.seen[0].offset}, committed was {promised}")
    promised = max((commit.offset for commit in commits), default=0)
    if stands is not None and stands < promised:
        yield Violation("commit forgotten", where, f"the group stands at {stands}, committed was {promised}")


def _passed_over(where: str, readings: list[Reading], stands: int | None) -> Iterator[Violation]:
    handed = {seen.offset for reading in readings for seen in reading.seen}
    missed = [offset for offset in range(stands or 0) if offset not in handed]
    if missed:
        yield Violation("passed over", where, f"the group stands at {stands}; {len(missed)} below were polled by nobody, first {missed[0]}")
