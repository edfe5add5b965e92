"""What a workload is: who takes part, what it does in a block, and which of its figures are compared."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import SYSCALLS, Site

# From the machine's limits and the figures of a block: the least that it could have cost, or the rate that it could have reached, in
# the unit of the figure; None where that was not measured.
Floor = Callable[[dict, Figures], float | None]

BUFFERED = ("weir", "kafka", "kafka-tuned", "weir-fsync")
SYNCED = ("weir-fsync", "kafka-fsync")


@dataclass(frozen=True)
class Figure:
    """A figure of the report."""

    name: str
    title: str
    less_is_better: bool = True
    # Where it must land beside Kafka, in times better.
    target: float | None = None
    # And beside the machine: what bounds it, by the machine's limits or as a figure of the same block, and the share which must be reached.
    floor: Floor | str | None = None
    share: float | None = None
    # What it is one point of, where the work grows in steps: the curve's title, and how much work there was.
    curve: str | None = None
    at: float = 0.0


class Work:
    """What is done with one contender. `prepare`, `warm` and `tidy` come once, where there is something to do; `measure` once a block."""

    def prepare(self, site: Site, server: Server) -> None:
        """Makes what the blocks need."""

    def warm(self, site: Site, server: Server) -> None:
        """Lets the contender settle."""

    def measure(self, site: Site, server: Server) -> Figures:
        raise NotImplementedError

    def tidy(self, server: Server) -> None:
        """Takes away what the blocks have left: the server may go on to another workload."""


def warm_up(site: Site, server: Server, once: Callable[[], object]) -> None:
    """Again and again, for as long as a contender is given to settle."""
    until = time.monotonic() + site.warm_s(server)
    while time.monotonic() < until:
        once()


@dataclass(frozen=True)
class Workload:
    name: str
    what: str
    work: Callable[[], Work]
    figures: tuple[Figure, ...]
    contenders: tuple[str, ...] = BUFFERED
    # Does it start, kill and wipe the broker itself?
    owns_process: bool = False
    # Does it look at the memory of a process, or set what the next workload would not want?
    wants_young: bool = False
    # Brokers of one contender: one, or three.
    brokers: int = 1
    # Left out where only Weir is looked at, and no JVM is wanted.
    needs_java: bool = False
    # After the blocks comes one more, in which nothing is measured but the system calls of each request.
    counts_syscalls: bool = False
    # Most blocks are worth repeating; what only counts memory is not.
    once: bool = False
    # Seconds of a block, about: for the time left.
    block_s: float = 10.0

    @property
    def wants_limits(self) -> bool:
        """Is it held against limits of the machine that it does not measure itself?"""
        return any(callable(figure.floor) for figure in self.figures)


@dataclass(frozen=True)
class Curve:
    """A figure that is taken at each step of what grows."""

    name: str
    title: str
    # By step, where it must land beside Kafka.
    targets: dict[float, float] = field(default_factory=dict)

    def point(self, step: float, unit: str) -> Figure:
        title = f"{self.title}, at {step:,}{unit}"
        return Figure(f"{self.name}_{step}", title, target=self.targets.get(step), curve=self.title, at=step)


def steps(at: tuple[float, ...], curves: tuple[Curve, ...], unit: str = "") -> tuple[Figure, ...]:
    return tuple(curve.point(step, unit) for step in at for curve in curves)


def cpu_per_gb(target: float | None = None, floor: Floor | None = None, share: float | None = None) -> Figure:
    return Figure("cpu_s_per_gb", "broker CPU-s/GB", target=target, floor=floor, share=share)


RATE = Figure("gb_s", "GB/s", less_is_better=False)
CALLS = Figure(SYSCALLS, "system calls a request")


def produce_floor(limits: dict, figures: Figures) -> float:
    """Receiving, checking and appending every byte, and an echo for every request."""
    each = limits["echo"]["server_cpu_us_per_request"] / 1e6
    requests_per_gb = figures["requests"] / (figures["batch_bytes"] / 1e9)
    return (
        limits["loopback"]["receiver_cpu_s_per_gb"] + 1 / limits["crc32c_gb_s"] + limits["append"]["cpu_s_per_gb"] + each * requests_per_gb
    )


def consume_floor(limits: dict, figures: Figures) -> float:
    """Sending every byte by sendfile, and an echo for every request."""
    each = limits["echo"]["server_cpu_us_per_request"] / 1e6
    return limits["sendfile"]["sender_cpu_s_per_gb"] + each * figures["requests"] / (figures["batch_bytes"] / 1e9)


def echo_floor(limits: dict, _: Figures) -> float:
    return limits["echo"]["server_cpu_us_per_request"]


def sync_rate(limits: dict, _: Figures) -> float:
    """One thread that appends to a file and syncs it, again and again."""
    return limits["fdatasync_per_s"]
