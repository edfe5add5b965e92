"""Everything that happens to a Cluster's pods, as the API server tells it, and what can be said of it afterwards."""

import json
import tempfile
import time
from collections.abc import Iterator

from harness import children
from kind.scenarios.brokers import Brokers, is_ready

_FLOWS_S = 20.0


class PodsOverTime:
    """`with PodsOverTime(brokers) as seen:` watches until the end of the block. A watch that the API server ends tells no more."""

    def __init__(self, brokers: Brokers):
        self._brokers = brokers
        self._file = tempfile.NamedTemporaryFile("w+", prefix="weir-pods-", suffix=".json")  # noqa: SIM115

    def __enter__(self) -> "PodsOverTime":
        engine = self._brokers.there.engine
        which = ["--namespace", self._brokers.namespace, "--selector", f"weir.dev/cluster={self._brokers.name}"]
        watch = ["kubectl", "get", "pods", *which, "--watch", "--output-watch-events", "--output", "json"]
        self._child = children.spawn(engine.inside(watch), stdout=self._file, env=engine.full_environment())
        deadline = time.monotonic() + _FLOWS_S
        while not self._events() and time.monotonic() < deadline:
            time.sleep(0.1)
        return self

    def __exit__(self, *_) -> None:
        children.end_group(self._child, 1.0)
        self._told = self._events()
        self._file.close()

    def most_away(self, joining: frozenset[int] = frozenset()) -> int:
        """How many brokers were not ready, or not there, at the same time. Those that have yet to join are no loss."""
        return max((len(away - joining) for away in self._away()), default=0)

    def restarted(self) -> list[int]:
        """Brokers whose pod was taken away, in that order."""
        gone: dict[str, int] = {}
        for event in self._told_so_far():
            if event["object"]["metadata"].get("deletionTimestamp"):
                gone.setdefault(event["object"]["metadata"]["uid"], _broker(event))
        return list(gone.values())

    def _away(self) -> Iterator[set[int]]:
        states: dict[int, bool] = {}
        for event in self._told_so_far():
            states[_broker(event)] = event["type"] != "DELETED" and is_ready(event["object"])
            yield {broker for broker, well in states.items() if not well}

    def _told_so_far(self) -> list[dict]:
        return self._events() if not self._file.closed else self._told

    def _events(self) -> list[dict]:
        with open(self._file.name, encoding="utf-8") as told:
            text, at, found = told.read(), 0, []
        decoder = json.JSONDecoder()
        while True:
            while at < len(text) and text[at].isspace():
                at += 1
            try:
                event, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError:
                return found
            found.append(event)


def _broker(event: dict) -> int:
    return int(event["object"]["metadata"]["name"].rsplit("-", 1)[1])
