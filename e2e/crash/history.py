"""Decides whether a log kept its promise, from what a producer was told and what readers saw. Pure: no clock, no I/O.

A producer writes the values 0, 1, 2, … to each partition, so a value is unique within its partition and its order is known.
Names of the anomalies follow the usual vocabulary of checked histories (Jepsen's for Kafka).
"""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Anomaly:
    """One broken promise."""

    kind: str
    partition: int
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} in partition {self.partition}: {self.detail}"


@dataclass
class History:
    """Everything that was observed. A value without a verdict is unknown: it may be in the log or not."""

    acknowledged: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))  # partition -> value -> offset
    failed: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    # Each reader is what one assignment polled, in the order of its polls. The last reader read everything, after the end.
    readers: list[dict[int, list[tuple[int, int]]]] = field(default_factory=list)

    def new_reader(self) -> dict[int, list[tuple[int, int]]]:
        self.readers.append(defaultdict(list))
        return self.readers[-1]


def check(history: History) -> list[Anomaly]:
    """All broken promises, in the order of partitions."""
    partitions = set(history.acknowledged) | set(history.failed)
    for reader in history.readers:
        partitions |= set(reader)
    found = []
    for partition in sorted(partitions):
        polls = [reader.get(partition, []) for reader in history.readers]
        for poll in polls:
            found += _steps(partition, poll)
        found += _offsets(partition, polls)
        found += _order(partition, polls[-1] if polls else [])
        found += _acknowledged(partition, history.acknowledged.get(partition, {}), polls[-1] if polls else [])
        found += _failed(partition, history.failed.get(partition, set()), polls)
    return found


def _steps(partition: int, poll: list[tuple[int, int]]) -> list[Anomaly]:
    """Inside one assignment, offsets go up by one: nothing compacts this log."""
    found = []
    for (before, _), (after, _) in zip(poll, poll[1:]):
        if after <= before:
            found.append(Anomaly("non-monotonic poll", partition, f"offset {after} after {before}"))
        elif after > before + 1:
            found.append(Anomaly("skipped poll", partition, f"offset {after} after {before}"))
    return found


def _offsets(partition: int, polls: list[list[tuple[int, int]]]) -> list[Anomaly]:
    """One offset holds one value, and one value is at one offset, whoever looks and whenever."""
    values, places = defaultdict(set), defaultdict(set)
    for poll in polls:
        for offset, value in poll:
            values[offset].add(value)
            places[value].add(offset)
    return [
        Anomaly("inconsistent offset", partition, f"offset {offset} held {sorted(seen)}")
        for offset, seen in values.items()
        if len(seen) > 1
    ] + [Anomaly("duplicate", partition, f"value {value} at offsets {sorted(at)}") for value, at in places.items() if len(at) > 1]


def _order(partition: int, final: list[tuple[int, int]]) -> list[Anomaly]:
    """An idempotent producer's values stand in the log in the order it sent them."""
    in_log = [value for _, value in sorted(final)]
    return [
        Anomaly("reordered", partition, f"value {after} behind {before}") for before, after in zip(in_log, in_log[1:]) if after < before
    ]


def _acknowledged(partition: int, acknowledged: dict[int, int], final: list[tuple[int, int]]) -> list[Anomaly]:
    at = {value: offset for offset, value in final}
    highest = max(at.values(), default=-1)
    found = []
    for value, offset in acknowledged.items():
        if value not in at:
            kind = "lost" if offset <= highest else "unseen"
            found.append(Anomaly(kind, partition, f"value {value}, acknowledged at offset {offset}, is not in the log"))
        elif at[value] != offset:
            found.append(Anomaly("misplaced", partition, f"value {value}, acknowledged at offset {offset}, is at {at[value]}"))
    return found


def _failed(partition: int, failed: set[int], polls: list[list[tuple[int, int]]]) -> list[Anomaly]:
    polled = {value for poll in polls for _, value in poll}
    return [Anomaly("aborted read", partition, f"value {value} was refused and is in the log") for value in sorted(failed & polled)]
