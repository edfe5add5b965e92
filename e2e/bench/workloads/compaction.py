"""Compaction: what it costs to read a log in which few keys are written again and again, and to keep the last of each."""

import time
from pathlib import Path

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import GB, Site, WrongData
from bench.workloads.workload import RATE, Work, Workload, cpu_per_gb

# What the eight batches of the load generator have in them, about.
_KEYS = 400
_SEGMENTS = 16
_LEAST_SEGMENT_BYTES = 1 << 20
_POLL_S = 0.02
_WITHIN_S = 300.0


class Compacts(Work):
    """Written under `delete`, then told to compact: so nothing is compacted before the clock runs."""

    def prepare(self, site: Site, server: Server) -> None:
        server.topics.set_for_brokers({"log.cleaner.backoff.ms": "100"})

    def warm(self, site: Site, server: Server) -> None:
        """A pause of 15 s, the default, is brought to its end before the new one counts."""
        time.sleep(min(site.size.warmup_s, 15.0))

    def measure(self, site: Site, server: Server) -> Figures:
        topic, segment = site.topic(), max(_LEAST_SEGMENT_BYTES, site.size.log_bytes // _SEGMENTS)
        server.topics.create_to_write(topic, 1, **{"segment.bytes": str(segment)})
        try:
            site.produce(server, topic, bytes=site.size.log_bytes, keys=_KEYS)
            before, written = server.topics.last_of_each_key(topic)
            held = _log_bytes(server, topic)
            cpu_s, began = server.cpu_s(), time.monotonic()
            server.topics.set_for_topic(topic, {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"})
            _await_less(server, topic, 2 * segment)
            seconds, cost = time.monotonic() - began, server.cpu_s() - cpu_s
            after, left = server.topics.last_of_each_key(topic)
        finally:
            server.topics.delete(topic)
        if before != after or not len(before) == _KEYS <= left < written:
            raise WrongData(f"{server.contender.name}, {topic}: {len(before)} keys in {written} records, then {len(after)} in {left}")
        gb = held / GB
        return {"cpu_s_per_gb": cost / gb, "gb_s": gb / seconds}


def _await_less(server: Server, topic: str, enough: int) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while _log_bytes(server, topic) > enough:
        if time.monotonic() > deadline:
            raise WrongData(f"{server.contender.name}, {topic}: {_log_bytes(server, topic)} bytes after {_WITHIN_S:.0f} s of compaction")
        time.sleep(_POLL_S)


def _log_bytes(server: Server, topic: str) -> int:
    return sum(_size(path) for path in server.logs(topic))


def _size(path: Path) -> int:
    """Files come and go while they are looked at."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


WORKLOADS = (
    Workload(
        "compaction",
        "a log of 1 GB in 16 segments, records of 1 KB with 400 keys: until all but the last two segments' worth is given back",
        Compacts,
        (cpu_per_gb(), RATE),
        contenders=("weir", "kafka"),
        wants_young=True,
        block_s=15.0,
    ),
)
