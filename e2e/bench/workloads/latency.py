"""Delay at a steady rate: records are sent when they are due, at a tenth and at half of what the slower contender can do at most."""

import time

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import Site
from bench.workloads.workload import Figure, Work, Workload

_SHARES = {"10": 0.10, "50": 0.50}
_SHAPE = {"record_bytes": 1024, "connections": 4}
_PARTITIONS = 4
_QUANTILES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}
# A record takes one to be acknowledged, and its consumer's fetch another.
_TWO_ROUND_TRIPS = 0.5


class Delays(Work):
    """The rates are the same for all: shares of the least of their peaks, each measured with the same requests."""

    def __init__(self) -> None:
        self._peaks: dict[str, float] = {}

    def warm(self, site: Site, server: Server) -> None:
        until = time.monotonic() + site.warm_s(server)
        while True:
            self._peaks[server.contender.name] = self._peak(site, server)
            if time.monotonic() >= until:
                return

    def measure(self, site: Site, server: Server) -> Figures:
        slowest = min(self._peaks.values())
        figures: Figures = {"peak": self._peaks[server.contender.name]}
        for label, share in _SHARES.items():
            rate = max(10, int(slowest * share))
            figures |= self._at(site, server, label, rate)
            if server.contender.name == "weir":
                figures |= _echoed(site, label, rate)
        return figures

    def _peak(self, site: Site, server: Server) -> float:
        topic = site.topic()
        server.topics.create_to_write(topic, _PARTITIONS)
        try:
            return site.produce(server, topic, requests=site.size.small_requests // 4, batch_bytes=1, **_SHAPE)["requests_s"]
        finally:
            server.topics.delete(topic)

    def _at(self, site: Site, server: Server, label: str, rate: int) -> Figures:
        topic = site.topic()
        server.topics.create_to_write(topic, _PARTITIONS)
        try:
            cpu_s = server.cpu_s()
            told = site.load.run("latency", bootstrap=server.bootstrap, topic=topic, rate=rate, seconds=site.size.latency_s, **_SHAPE)
            cost = server.cpu_s() - cpu_s
        finally:
            server.topics.delete(topic)
        ends, acks = told["end_to_end"], told["acknowledged"]
        return {
            f"rate_{label}": rate,
            f"reached_{label}": told["reached_rate"],
            f"p50_{label}": ends["p50_us"] / 1000,
            f"p99_{label}": ends["p99_us"] / 1000,
            f"p999_{label}": ends["p999_us"] / 1000,
            f"ack_p50_{label}": acks["p50_us"] / 1000,
            f"ack_p99_{label}": acks["p99_us"] / 1000,
            f"sent_late_p999_{label}": told["sent_late"]["p999_us"] / 1000,
            f"cpu_us_per_record_{label}": cost * 1e6 / told["records"],
            **{f"curve_{label}_{quantile}": us / 1000 for quantile, us in ends["curve"]},
        }


def _echoed(site: Site, label: str, rate: int) -> Figures:
    """What of it is the machine's: the same load by the least server there is, in the same minute."""
    told = site.load.run("echo", server_core=site.load.cores.broker, rate=rate, seconds=site.size.latency_s, **_SHAPE)
    return {f"echo_{quantile}_{label}": told["back"][f"{quantile}_us"] / 1000 for quantile in _QUANTILES}


def _figures() -> tuple[Figure, ...]:
    found = []
    for label in _SHARES:
        found += [
            Figure(f"rate_{label}", f"records/s at {label} % of the peak", less_is_better=False),
            Figure(f"p50_{label}", f"p50 end to end at {label} %, ms", target=2.0, floor=f"echo_p50_{label}", share=_TWO_ROUND_TRIPS),
            Figure(f"p99_{label}", f"p99 end to end at {label} %, ms", target=5.0, floor=f"echo_p99_{label}"),
            Figure(f"p999_{label}", f"p99.9 end to end at {label} %, ms", target=10.0, floor=f"echo_p999_{label}"),
            *(Figure(f"echo_{quantile}_{label}", f"an echo's {title} at the same rate, ms") for quantile, title in _QUANTILES.items()),
            Figure(f"sent_late_p999_{label}", f"the client's own lateness with sending, p99.9 at {label} %, ms"),
            Figure(f"cpu_us_per_record_{label}", f"broker CPU-us a record at {label} %"),
        ]
    return tuple(found)


WORKLOADS = (
    Workload(
        "latency",
        "open loop, one record of 1 KB a request, from when it was due to when a waiting consumer has it; acks=all",
        Delays,
        _figures(),
        block_s=65.0,
    ),
)
