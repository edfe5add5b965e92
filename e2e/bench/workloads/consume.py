"""Reading: a log that lies in the page cache, one that does not, and eight readers of a log that is being written."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import Site, figures_of, same
from bench.workloads.workload import CALLS, RATE, Work, Workload, consume_floor, cpu_per_gb, produce_floor, warm_up

_FAN_OUT = 8
# What `weir-load` puts into such a batch; were it another number, readers would wait for what never comes, and fail.
_BATCH_BYTES, _RECORDS_A_BATCH = 65_536, 63


class Consumes(Work):
    """One log for all blocks; it is checked once, and then read to be measured."""

    def __init__(self, cold: bool = False):
        self._cold = cold
        self._topics: dict[str, str] = {}
        self._written: dict[str, Figures] = {}

    def prepare(self, site: Site, server: Server) -> None:
        topic = site.topic()
        server.topics.create_to_write(topic, 1)
        written = site.produce(server, topic, bytes=site.size.log_bytes)
        site.read_back(server, topic, written)
        self._topics[server.contender.name], self._written[server.contender.name] = topic, written

    def warm(self, site: Site, server: Server) -> None:
        warm_up(site, server, lambda: site.consume(server, self._topics[server.contender.name]))

    def measure(self, site: Site, server: Server) -> Figures:
        name = server.contender.name
        if self._cold:
            drop_from_page_cache(server.data)
        read = site.consume(server, self._topics[name])
        same(server, self._topics[name], self._written[name], read)
        return read

    def tidy(self, server: Server) -> None:
        server.topics.delete(self._topics.pop(server.contender.name))


@dataclass
class FansOut(Work):
    """Eight readers that wait for what one producer writes."""

    readers: int = _FAN_OUT

    def warm(self, site: Site, server: Server) -> None:
        warm_up(site, server, lambda: self.measure(site, server))

    def measure(self, site: Site, server: Server) -> Figures:
        topic = site.topic()
        server.topics.create_to_write(topic, 1)
        try:
            return self._write_and_read(site, server, topic)
        finally:
            server.topics.delete(topic)

    def _write_and_read(self, site: Site, server: Server, topic: str) -> Figures:
        requests = max(1, site.size.produce_bytes // 4 // _BATCH_BYTES)
        cpu_s = server.cpu_s()
        both = {"bootstrap": server.bootstrap, "topic": topic}
        read, written = site.load.together(
            ("consume", {**both, "readers": self.readers, "records": requests * _RECORDS_A_BATCH}),
            ("produce", {**both, "requests": requests, "record_bytes": 1024, "batch_bytes": _BATCH_BYTES}),
        )
        cost = server.cpu_s() - cpu_s
        same(server, topic, written, read, self.readers)
        figures = figures_of(read, cost)
        # Of what was written: each of these bytes is taken once and sent eight times.
        return figures | {
            "cpu_s_per_gb": cost / (written["batch_bytes"] / 1e9),
            "written_bytes": written["batch_bytes"],
            "produced": written["requests"],
        }


def _fan_out_floor(limits: dict, figures: Figures) -> float:
    produced = {"requests": figures["produced"], "batch_bytes": figures["written_bytes"]}
    return produce_floor(limits, produced) + _FAN_OUT * limits["sendfile"]["sender_cpu_s_per_gb"]


def drop_from_page_cache(directory: Path) -> None:
    """Written back first, for the kernel keeps what is dirty; no other file on the machine is touched."""
    for path in directory.rglob("*"):
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


_ASIDE = ("weir", "kafka", "kafka-tuned")
WORKLOADS = (
    Workload(
        "consume-hot",
        "a log of 1 KB records in batches of 64 KB is read from the page cache, 1 MB a fetch, one connection",
        Consumes,
        (cpu_per_gb(1.4, consume_floor, 0.88), RATE, CALLS),
        contenders=_ASIDE,
        counts_syscalls=True,
    ),
    Workload(
        "consume-cold",
        "the same log after it was dropped from the page cache",
        lambda: Consumes(cold=True),
        (cpu_per_gb(), RATE),
        contenders=_ASIDE,
    ),
    Workload(
        "fan-out-8",
        "eight readers of a log while it is written; cost for each GB written",
        FansOut,
        (cpu_per_gb(1.6, _fan_out_floor, 0.85), RATE),
        contenders=_ASIDE,
        block_s=15.0,
    ),
)
