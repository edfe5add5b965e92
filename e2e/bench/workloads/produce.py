"""Writing: large and small records, compressed, one a request, and durable before it is acknowledged."""

from dataclasses import dataclass, field

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import Site
from bench.workloads.workload import (
    BUFFERED,
    CALLS,
    RATE,
    SYNCED,
    Figure,
    Work,
    Workload,
    cpu_per_gb,
    echo_floor,
    produce_floor,
    sync_rate,
    warm_up,
)

# A share of a block, again and again until the warm-up is over.
_WARM_SHARE = 4


@dataclass
class Produces(Work):
    """A new topic each block, read back and deleted."""

    partitions: int = 1
    options: dict = field(default_factory=dict)

    def warm(self, site: Site, server: Server) -> None:
        warm_up(site, server, lambda: self._once(site, server, _WARM_SHARE))

    def measure(self, site: Site, server: Server) -> Figures:
        return self._once(site, server, 1)

    def _once(self, site: Site, server: Server, share: int) -> Figures:
        topic = site.topic()
        server.topics.create_to_write(topic, self.partitions)
        try:
            written = site.produce(server, topic, **self._amount(site, share), **self.options)
            site.read_back(server, topic, written)
            return written
        finally:
            server.topics.delete(topic)

    def _amount(self, site: Site, share: int) -> dict:
        return {"bytes": max(1, site.size.produce_bytes // share)}


@dataclass
class ProducesSmall(Produces):
    """So many requests, however small."""

    def _amount(self, site: Site, share: int) -> dict:
        return {"requests": max(1, site.size.small_requests // share)}


@dataclass
class ProducesSynced(Produces):
    def _amount(self, site: Site, share: int) -> dict:
        return {"requests": max(1, site.size.synced_batches // share)}


def _plain(record_bytes: int, batch_bytes: int, partitions: int, connections: int, **more: object) -> Produces:
    return Produces(partitions, {"record_bytes": record_bytes, "batch_bytes": batch_bytes, "connections": connections, **more})


def _produce(name: str, what: str, work, target: float | None, share: float | None, **more) -> Workload:
    return Workload(name, what, work, (cpu_per_gb(target, produce_floor, share), RATE, CALLS), counts_syscalls=True, **more)


WORKLOADS = (
    _produce(
        "produce-1k",
        "records of 1 KB in batches of 64 KB, one partition, one connection, five requests under way, acks=all",
        lambda: _plain(1024, 65_536, 1, 1),
        2.5,
        0.70,
        contenders=("weir", "kafka", "kafka-tuned", "kafka-again", "weir-fsync"),
    ),
    _produce(
        "produce-1k-wide",
        "records of 1 KB in batches of 16 KB, 1000 partitions, 64 connections, acks=all",
        lambda: _plain(1024, 16_384, 1000, 64),
        None,
        None,
        block_s=30.0,
    ),
    _produce(
        "produce-1k-acks1",
        "records of 1 KB in batches of 1 MB, 16 partitions, 16 connections, acks=1",
        lambda: _plain(1024, 1_000_000, 16, 16, acks=1),
        None,
        None,
    ),
    _produce(
        "produce-100b",
        "records of 100 B in batches of 64 KB, one partition, acks=all; by all of them every record is looked at before it is taken",
        lambda: _plain(100, 65_536, 1, 1),
        2.0,
        0.65,
    ),
    _produce("produce-10k", "records of 10 KB in batches of 256 KB, one partition", lambda: _plain(10_240, 262_144, 1, 1), None, None),
    _produce(
        "produce-lz4",
        "records of 1 KB in batches of 64 KB before lz4, passed through",
        lambda: _plain(1024, 65_536, 1, 1, codec="lz4"),
        6.0,
        0.65,
    ),
    _produce(
        "produce-zstd",
        "records of 1 KB in batches of 64 KB before zstd, passed through",
        lambda: _plain(1024, 65_536, 1, 1, codec="zstd"),
        6.0,
        0.65,
    ),
    Workload(
        "small-requests",
        "one record of 100 B a request, five under way on each of 16 connections, 16 partitions",
        lambda: ProducesSmall(16, {"record_bytes": 100, "batch_bytes": 1, "connections": 16}),
        (
            Figure("cpu_us_per_request", "broker CPU-us a request", target=6.0, floor=echo_floor, share=0.40),
            Figure("requests_s", "requests/s", less_is_better=False),
            CALLS,
        ),
        contenders=(*BUFFERED, "tansu"),
        counts_syscalls=True,
    ),
)
DURABLE = (
    Workload(
        "produce-fsync",
        "batches of 16 KB, one partition, 16 connections, synced before the acknowledgement",
        lambda: ProducesSynced(1, {"batch_bytes": 16_384, "connections": 16}),
        (
            Figure("requests_s", "durable batches/s", less_is_better=False),
            Figure("p99_ms", "p99 to the acknowledgement, ms"),
            Figure("cpu_us_per_request", "broker CPU-us a batch"),
        ),
        contenders=SYNCED,
    ),
    Workload(
        "produce-fsync-wide",
        "batches of 16 KB, 1000 partitions, 64 connections, synced before the acknowledgement",
        lambda: ProducesSynced(1000, {"batch_bytes": 16_384, "connections": 64}),
        (
            Figure("requests_s", "durable batches/s", less_is_better=False, target=8.0, floor=sync_rate, share=0.75),
            Figure("p99_ms", "p99 to the acknowledgement, ms"),
            Figure("cpu_us_per_request", "broker CPU-us a batch"),
        ),
        contenders=SYNCED,
    ),
)
