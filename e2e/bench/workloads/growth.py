"""What grows with the work: partitions, topics, connections, the log. Memory and time for each of them, at every step."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import metadata
from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import FULL, GB, Site, Size
from bench.workloads.workload import Curve, Work, Workload, steps
from harness.brokers import BrokerFailed

_SETTLED_S = 3.0
# Partitions of a topic where they are many, and of all topics of one request.
_AT_ONCE = 1_000
_KIB = 1024
# What stat counts in.
_BLOCK = 512
# Written in pieces, so that the disk never has to hold more than a few of them.
_LOG_PIECE_GB = 2
_LOG_BATCH_BYTES = 900_000
# One to a batch: between the heads of smaller ones there is no whole block of zeros.
_LOG_RECORD_BYTES = 880_000
# Of what a closed segment says, the most that the disk may still hold of it; a small one is no matter.
_HELD_SHARE = 0.25
_HELD_BYTES = 16 << 20
_DIG_WITHIN_S = 300
_ZEROS = {"batch_bytes": _LOG_BATCH_BYTES, "record_bytes": _LOG_RECORD_BYTES, "zeros": True}


@dataclass
class Grows(Work):
    """From an empty broker in steps of partitions; at each one memory, a spread write, a clean restart, and again memory."""

    a_topic: int
    # Of a size, and of a contender by its kind.
    steps: Callable[[Size, str], tuple[int, ...]]

    def measure(self, site: Site, server: Server) -> Figures:
        server.wipe()
        server.start()
        time.sleep(_SETTLED_S)
        empty_mib, held = server.rss_mib(), 0
        figures: Figures = {"empty_mib": empty_mib}
        for wanted in self.steps(site.size, server.contender.kind):
            began = time.monotonic()
            while held < wanted:
                newest, made = self._more(site, server, wanted - held)
                held += made
            server.topics.await_led(held)
            figures[f"create_s_{wanted}"] = time.monotonic() - began
            server.topics.await_leaders(*newest)
            figures |= self._costs(site, server, wanted, newest, empty_mib)
        server.stop()
        return figures

    def _more(self, site: Site, server: Server, wanted: int) -> tuple[tuple[str, int], int]:
        """As many at once as go into one request; the newest topic with its partitions, and how many partitions were made."""
        most = min(_AT_ONCE, wanted)
        names = [site.topic() for _ in range(max(1, most // self.a_topic))]
        partitions = min(self.a_topic, most)
        server.topics.create_all(names, partitions)
        return (names[-1], partitions), len(names) * partitions

    def _costs(self, site: Site, server: Server, held: int, newest: tuple[str, int], empty_mib: float) -> Figures:
        topic, _ = newest
        time.sleep(_SETTLED_S)
        figures = {f"kib_each_{held}": (server.rss_mib() - empty_mib) * _KIB / held}
        told = metadata.of_all_topics(server.port)
        figures |= {f"metadata_kib_{held}": told.bytes / _KIB, f"metadata_ms_{held}": told.seconds * 1000}
        written = site.produce(server, topic, requests=max(1_000, site.size.small_requests // 10), batch_bytes=16_384, connections=8)
        site.read_back(server, topic, written)
        figures[f"produce_cpu_us_{held}"] = written["cpu_us_per_request"]
        server.stop()
        began, ready_s = time.monotonic(), server.start()
        server.topics.await_in_sync(*newest)
        server.topics.await_leaders(*newest)
        figures[f"restart_s_{held}"] = time.monotonic() - began
        site.read_back(server, topic, written)
        # The next step begins where the disk is full of partitions and the process is young.
        return figures | {f"ready_s_{held}": ready_s}


def _partition_steps(size: Size, kind: str) -> tuple[int, ...]:
    """Kafka maps two files into memory for each partition, and a machine as it comes allows 65,530 mappings."""
    return (*size.partitions, *(size.partitions_alone if kind == "weir" else ()))


class GrowsLog(Work):
    """One partition in steps; at each one a kill -9 and how long it takes to be back, and at the end everything is read."""

    def measure(self, site: Site, server: Server) -> Figures:
        server.wipe()
        server.start()
        topic = site.topic()
        server.topics.create_to_write(topic, 1)
        figures: Figures = {}
        total = {"records": 0, "batch_bytes": 0, "crc_sum": 0}
        for wanted in site.size.log_gb:
            while total["batch_bytes"] < wanted * GB:
                piece = min(_LOG_PIECE_GB * GB, wanted * GB - total["batch_bytes"])
                written = site.produce(server, topic, bytes=max(1, int(piece)), **_ZEROS)
                total = {name: (value + written[name]) % (1 << 64) for name, value in total.items()}
                _make_holes(server)
            server.kill()
            ready_s = server.start()
            began = time.monotonic()
            server.topics.await_in_sync(topic, 1)
            figures[f"serving_ms_{wanted}"] = (ready_s + time.monotonic() - began) * 1000
            figures[f"recovery_cpu_s_{wanted}"] = server.cpu_s()
        site.read_back(server, topic, total)
        server.stop()
        return figures


def _make_holes(server: Server) -> None:
    """Zeros need no place on the disk. The files say the same as before; the last one is still written to, and left alone."""
    for _, *closed in _segments(server):
        for path in closed:
            subprocess.run(["fallocate", "--dig-holes", str(path)], check=True, timeout=_DIG_WITHIN_S)
            told = path.stat()
            held = told.st_blocks * _BLOCK
            if held > max(told.st_size * _HELD_SHARE, _HELD_BYTES):
                raise BrokerFailed(f"{path.name} of {told.st_size} bytes still takes {held}: the disk would fill up")


def _segments(server: Server) -> list[list[Path]]:
    """By directory, the newest first."""
    by_directory: dict[Path, list[Path]] = {}
    for path in sorted(server.data.rglob("*.log"), reverse=True):
        by_directory.setdefault(path.parent, []).append(path)
    return list(by_directory.values())


class HoldsConnections(Work):
    """Connections that have said who they are and ask nothing any more."""

    def warm(self, site: Site, server: Server) -> None:
        time.sleep(min(site.warm_s(server), 10.0))

    def measure(self, site: Site, server: Server) -> Figures:
        figures: Figures = {}
        for wanted in site.size.connections:
            before_mib = server.rss_mib()
            with site.load.hold(bootstrap=server.bootstrap, connections=wanted) as opened:
                time.sleep(_SETTLED_S)
                figures[f"kib_each_{wanted}"] = max(0.0, server.rss_mib() - before_mib) * _KIB / wanted
                figures[f"open_s_{wanted}"] = opened["seconds"]
            time.sleep(_SETTLED_S)
        return figures


_ASIDE = ("weir", "kafka")
_COSTS = (
    Curve("create_s", "seconds to create them"),
    Curve("restart_s", "seconds of a clean restart"),
    Curve("metadata_kib", "KiB of an answer that names all of them"),
    Curve("metadata_ms", "ms until that has been read"),
    Curve("produce_cpu_us", "broker CPU-us a batch of 16 KB"),
)
WORKLOADS = (
    Workload(
        "many-partitions",
        "an empty broker gets more and more partitions",
        lambda: Grows(_AT_ONCE, _partition_steps),
        steps((*FULL.partitions, *FULL.partitions_alone), (Curve("kib_each", "KiB a partition", {10_000: 15.0}), *_COSTS)),
        contenders=_ASIDE,
        owns_process=True,
        once=True,
        block_s=120.0,
    ),
    Workload(
        "many-topics",
        "an empty broker gets more and more topics, of one partition each",
        lambda: Grows(1, lambda size, _: size.topics),
        steps(FULL.topics, (Curve("kib_each", "KiB a topic"), *_COSTS)),
        contenders=_ASIDE,
        owns_process=True,
        once=True,
        block_s=60.0,
    ),
    Workload(
        "connections",
        "connections that have introduced themselves and then ask nothing",
        HoldsConnections,
        steps(FULL.connections, (Curve("kib_each", "KiB a connection"), Curve("open_s", "seconds to open them"))),
        contenders=_ASIDE,
        wants_young=True,
        once=True,
        block_s=20.0,
    ),
    Workload(
        "log-grows",
        "restart after kill -9 of a log that grows, of zeros whose place on the disk is given back; at the end all of it is read",
        GrowsLog,
        steps(
            FULL.log_gb, (Curve("serving_ms", "the partition is led, ms", {50: 30.0}), Curve("recovery_cpu_s", "CPU-s until then")), " GB"
        ),
        contenders=_ASIDE,
        owns_process=True,
        once=True,
        block_s=200.0,
    ),
)
