"""What clients were told and saw, gathered from the lines they wrote. Pure: no clock, no I/O, and no judgement.

A line is a JSON object with `e`, its kind, and `t`, seconds of this machine's monotonic clock, the same for all processes:

  careless w            writer w does not use idempotence: a value it gave up may be written late
  invoke   w p v        writer w is about to send value v to partition p; its values there count up from 0
  ok       w p v o      acknowledged, at offset o
  fail     w p v why    refused: the answer promises that it was not written
  unknown  w p v why    no answer, or one that promises nothing
  own      c group g ps consumer c owns exactly these partitions from generation g on
  assign   c a ps       consumer c begins anew on these partitions: its assignment a
  revoke   c ps         consumer c has given these back, or lost them
  poll     c p a r      consumer c polled r, a list of [offset, writer, value], in assignment a
  commit   c ps         offsets that c committed and got an answer for: {partition: offset}
  note     why          for people
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Value(NamedTuple):
    """What was written: unique, and ordered within its writer and partition."""

    writer: str
    number: int

    def __str__(self) -> str:
        return f"{self.writer}:{self.number}"


class Seen(NamedTuple):
    """A value where a reader found it."""

    offset: int
    value: Value


@dataclass
class Reading:
    """What one reader found in one partition while it had one assignment, in the order of its polls."""

    reader: str
    partition: int
    seen: list[Seen] = field(default_factory=list)
    group: str | None = None
    assigned_at: float = 0.0
    last_at: float = 0.0


class Committed(NamedTuple):
    """An answered commit."""

    at: float
    partition: int
    offset: int


class Owned(NamedTuple):
    """What a member of a group owned from a generation on."""

    group: str
    generation: int
    consumer: str
    partitions: tuple[int, ...]


@dataclass
class History:
    """Everything observed. A value that was invoked and has no verdict is of unknown fate: it may be in the log or not."""

    invoked: dict[int, set[Value]] = field(default_factory=lambda: defaultdict(set))
    acknowledged: dict[int, dict[Value, int]] = field(default_factory=lambda: defaultdict(dict))
    acknowledged_at: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    invoked_at: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[int, set[Value]] = field(default_factory=lambda: defaultdict(set))
    unknown: dict[int, set[Value]] = field(default_factory=lambda: defaultdict(set))
    careless: set[str] = field(default_factory=set)
    readings: list[Reading] = field(default_factory=list)
    commits: dict[str, list[Committed]] = field(default_factory=lambda: defaultdict(list))  # by group
    owned: list[Owned] = field(default_factory=list)
    # What a reader found in each partition after all was healed, from its beginning to its end: the log, as far as anybody can tell.
    final: dict[int, list[Seen]] = field(default_factory=dict)
    # The same, read from each replica alone: name of the replica, partition.
    copies: dict[tuple[str, int], list[Seen]] = field(default_factory=dict)
    # Where each group stands in the end.
    group_offsets: dict[str, dict[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def gather(events: Iterable[dict], into: History | None = None) -> History:
    """Takes in the lines of one process, in the order in which it wrote them."""
    history = into or History()
    reader = _Reader(history)
    for event in events:
        reader.take(event)
    return history


def stuck(history: History, calm_from: float) -> list[str]:
    """In a healed cluster every writer is answered in every partition, and every group moves."""
    stuck = [
        f"{writer} was acknowledged nothing in partition {partition} after all was healed"
        for writer, partition in sorted(history.invoked_at)
        if max(history.acknowledged_at.get((writer, partition), [0.0])) < calm_from
    ]
    groups = {owned.group for owned in history.owned}
    stuck += [
        f"group {group} polled nothing after all was healed"
        for group in sorted(groups)
        if max((reading.last_at for reading in history.readings if reading.group == group), default=0.0) < calm_from
    ]
    return stuck


class _Reader:
    """Knows which assignment each consumer of one process is in."""

    def __init__(self, history: History):
        self._history = history
        self._groups: dict[str, str] = {}
        self._assigned_at: dict[tuple[str, int], float] = {}
        self._readings: dict[tuple[str, int, int], Reading] = {}

    def take(self, event: dict) -> None:
        kind = event["e"]
        if kind in ("invoke", "ok", "fail", "unknown"):
            self._produced(kind, event)
        elif kind == "own":
            self._groups[event["c"]] = event["group"]
            self._history.owned.append(Owned(event["group"], event["g"], event["c"], tuple(sorted(event["ps"]))))
        elif kind == "assign":
            self._assigned_at[event["c"], event["a"]] = event["t"]
        elif kind == "poll":
            self._polled(event)
        elif kind == "commit":
            group = self._groups.get(event["c"], event["c"])
            self._history.commits[group] += [Committed(event["t"], int(at), offset) for at, offset in event["ps"].items()]
        elif kind == "careless":
            self._history.careless.add(event["w"])
        elif kind == "note":
            self._history.notes.append(event["why"])
        elif kind != "revoke":
            raise ValueError(f"no event is called {kind!r}")

    def _produced(self, kind: str, event: dict) -> None:
        history, partition, value = self._history, event["p"], Value(event["w"], event["v"])
        if kind == "invoke":
            history.invoked[partition].add(value)
            history.invoked_at[value.writer, partition].append(event["t"])
        elif kind == "ok":
            history.acknowledged[partition][value] = event["o"]
            history.acknowledged_at[value.writer, partition].append(event["t"])
        elif kind == "fail":
            history.failed[partition].add(value)
        else:
            history.unknown[partition].add(value)

    def _polled(self, event: dict) -> None:
        key = (event["c"], event["p"], event["a"])
        if key not in self._readings:
            began = self._assigned_at.get((event["c"], event["a"]), event["t"])
            self._readings[key] = Reading(f"{event['c']}/{event['a']}", event["p"], [], self._groups.get(event["c"]), began)
            self._history.readings.append(self._readings[key])
        self._readings[key].last_at = event["t"]
        self._readings[key].seen += [Seen(offset, Value(writer, number)) for offset, writer, number in event["r"]]
