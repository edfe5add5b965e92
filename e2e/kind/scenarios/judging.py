"""Reads a healed cluster to its end, from inside of its network, and judges what clients were told. Run by `clients`.

Its argument is a question as JSON; its last line is the answer as JSON. Must run where the brokers' names resolve.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from faults.checker import check, counts
from faults.gaps import gaps, longest_by_writer
from faults.history import History, gather
from faults.reading import read_everything

_READ_WITHIN_S = 60.0


@dataclass(frozen=True)
class _Ports:
    clients: int


@dataclass(frozen=True)
class _Place:
    """A broker, as far as readers need it."""

    number: int
    address: str
    ports: _Ports

    @property
    def bootstrap(self) -> str:
        return f"{self.address}:{self.ports.clients}"


@dataclass(frozen=True)
class _Places:
    nodes: list[_Place]

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes)


def judge(question: dict) -> dict:
    history = History()
    for path in question["histories"]:
        gather(_events(Path(path)), history)
    places = _Places([_place(number, told) for number, told in enumerate(question["brokers"])])
    complaints = read_everything(places, question["topic"], question["partitions"], question["groups"], history, _READ_WITHIN_S)
    violations = check(history)
    waited = [gap for gap in gaps(history, question["ended"]) if gap.ended >= question["began"]]
    # One that never retries gives up instead of waiting: its values tell nothing of how long clients wait.
    patient = [gap for gap in waited if gap.writer not in history.careless]
    longest = longest_by_writer(patient)
    return {
        "acknowledged": sum(map(len, history.acknowledged.values())),
        "counts": counts(violations),
        "violations": [str(violation) for violation in violations],
        "gaps": {writer: round(gap.seconds, 3) for writer, gap in longest.items()},
        "complaints": complaints,
    }


def _place(number: int, told: str) -> _Place:
    host, port = told.rsplit(":", 1)
    return _Place(number, host, _Ports(int(port)))


def _events(path: Path):
    """Half a line at the end is of a client that was ended."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


if __name__ == "__main__":
    print(json.dumps(judge(json.loads(sys.argv[1]))))
