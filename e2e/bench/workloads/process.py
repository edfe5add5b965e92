"""The process itself: how quickly it starts, what it costs when nobody asks anything, and how it comes back after kill -9."""

import time

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import Site
from bench.workloads.workload import Figure, Work, Workload

_SETTLED_S = 0.2


class Starts(Work):
    """An empty disk, each time."""

    def measure(self, site: Site, server: Server) -> Figures:
        server.wipe()
        ready_s = server.start()
        time.sleep(_SETTLED_S)
        figures = {"ready_ms": ready_s * 1000, "rss_mib": server.rss_mib(), "start_cpu_s": server.cpu_s()}
        server.stop()
        return figures


class Idles(Work):
    """Started, and left alone; the JVM is given its time to settle first."""

    def warm(self, site: Site, server: Server) -> None:
        time.sleep(min(site.warm_s(server), 20.0))

    def measure(self, site: Site, server: Server) -> Figures:
        cpu_s, began = server.cpu_s(), time.monotonic()
        time.sleep(site.size.idle_s)
        used = (server.cpu_s() - cpu_s) / (time.monotonic() - began)
        return {"rss_mib": server.rss_mib(), "cpu_percent": 100 * used}


class Recovers(Work):
    """A log is written, the process is killed, and everything that was acknowledged is there when it is back."""

    def measure(self, site: Site, server: Server) -> Figures:
        server.wipe()
        server.start()
        topic = site.topic()
        server.topics.create_to_write(topic, 1)
        written = site.produce(server, topic, bytes=site.size.recover_bytes)
        server.kill()
        ready_s = server.start()
        began = time.monotonic()
        server.topics.await_in_sync(topic, 1)
        led_s = ready_s + time.monotonic() - began
        cpu_s = server.cpu_s()
        site.read_back(server, topic, written)
        server.stop()
        return {"ready_ms": ready_s * 1000, "serving_ms": led_s * 1000, "recovery_cpu_s": cpu_s, "log_gb": written["batch_bytes"] / 1e9}


_ASIDE = ("weir", "kafka")
WORKLOADS = (
    Workload(
        "start",
        "from exec to the first answer, on an empty disk",
        Starts,
        (Figure("ready_ms", "ready, ms", target=25.0), Figure("rss_mib", "resident, MiB"), Figure("start_cpu_s", "CPU-s")),
        contenders=(*_ASIDE, "tansu"),
        owns_process=True,
    ),
    Workload(
        "idle",
        "nobody asks anything",
        Idles,
        (Figure("rss_mib", "resident, MiB", target=20.0), Figure("cpu_percent", "% of a processor")),
        contenders=(*_ASIDE, "tansu"),
        wants_young=True,
        block_s=30.0,
    ),
    Workload(
        "recover",
        "restart after kill -9, with 1 GB of log; all is read back",
        Recovers,
        (
            Figure("ready_ms", "first answer, ms"),
            Figure("serving_ms", "the partition is led, ms", target=30.0),
            Figure("recovery_cpu_s", "CPU-s until then"),
        ),
        contenders=_ASIDE,
        owns_process=True,
        block_s=30.0,
    ),
)
