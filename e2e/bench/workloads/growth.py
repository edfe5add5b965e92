"""What grows with the work: partitions and connections. Memory and time for each of them, at every step."""

import time

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import Site
from bench.workloads.workload import Figure, Work, Workload

_SETTLED_S = 3.0
_TOPIC_PARTITIONS = 1_000
_KIB = 1024


class GrowsPartitions(Work):
    """From an empty broker in steps; at each one memory, a spread write, a clean restart, and again memory."""

    def measure(self, site: Site, server: Server) -> Figures:
        server.wipe()
        server.start()
        time.sleep(_SETTLED_S)
        empty_mib, held, topics = server.rss_mib(), 0, []
        figures: Figures = {"empty_mib": empty_mib}
        for wanted in site.size.partitions:
            began = time.monotonic()
            while held < wanted:
                topics.append(site.topic())
                each = min(_TOPIC_PARTITIONS, wanted - held)
                server.topics.create(topics[-1], each)
                held += each
            figures[f"create_s_{wanted}"] = time.monotonic() - began
            figures |= self._costs(site, server, wanted, topics, empty_mib)
        server.stop()
        return figures

    def _costs(self, site: Site, server: Server, held: int, topics: list[str], empty_mib: float) -> Figures:
        time.sleep(_SETTLED_S)
        figures = {f"kib_each_{held}": (server.rss_mib() - empty_mib) * _KIB / held}
        written = site.produce(server, topics[-1], requests=max(1_000, site.size.small_requests // 10), batch_bytes=16_384, connections=8)
        site.read_back(server, topics[-1], written)
        figures[f"produce_cpu_us_{held}"] = written["cpu_us_per_request"]
        server.stop()
        began, ready_s = time.monotonic(), server.start()
        server.topics.await_in_sync(topics[-1], None)
        figures[f"restart_s_{held}"] = time.monotonic() - began
        site.read_back(server, topics[-1], written)
        # The next step begins where the disk is full of partitions and the process is young.
        return figures | {f"ready_s_{held}": ready_s}


class HoldsConnections(Work):
    """Connections that have said who they are and ask nothing any more."""

    def warm(self, site: Site, server: Server) -> None:
        time.sleep(min(site.size.warmup_s, 10.0))

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


def _steps(wanted: tuple[int, ...], figures: tuple[tuple[str, str, float | None], ...]) -> tuple[Figure, ...]:
    return tuple(Figure(f"{name}_{step}", f"{title}, at {step:,}", target=target) for step in wanted for name, title, target in figures)


_ASIDE = ("weir", "kafka")
_PARTITION_FIGURES = (
    ("kib_each", "KiB a partition", 15.0),
    ("create_s", "seconds to create them", None),
    ("restart_s", "seconds of a clean restart", None),
    ("produce_cpu_us", "broker CPU-us a batch of 16 KB", None),
)
WORKLOADS = (
    Workload(
        "many-partitions",
        "an empty broker gets more and more partitions",
        GrowsPartitions,
        _steps((1_000, 10_000), _PARTITION_FIGURES),
        contenders=_ASIDE,
        owns_process=True,
        once=True,
        block_s=180.0,
    ),
    Workload(
        "connections",
        "connections that have introduced themselves and then ask nothing",
        HoldsConnections,
        _steps((1_000, 10_000), (("kib_each", "KiB a connection", None), ("open_s", "seconds to open them", None))),
        contenders=_ASIDE,
        once=True,
        block_s=60.0,
    ),
)
