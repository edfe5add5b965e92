"""What a workload is given: how much to do, the load generator, and a way to fill and to read back a topic.

Every byte that was acknowledged is read again and compared: a broker that is quick because it loses something fails the run.
"""

from dataclasses import dataclass, replace

from bench import syscalls
from bench.blocks import Figures
from bench.contenders import Contender
from bench.loading import Load
from bench.server import Server

GB = 1e9
_COMPILED_WARM_S = 10.0
SYSCALLS = "syscalls_per_request"


class WrongData(Exception):
    """What was read is not what was acknowledged."""


@dataclass(frozen=True)
class Size:
    """How much is done. `full` is for figures, `quick` only for whether everything works."""

    blocks: int
    produce_bytes: int
    small_requests: int
    synced_batches: int
    log_bytes: int
    recover_bytes: int
    # A log that grows to so many GB.
    log_gb: tuple[float, ...]
    latency_s: int
    idle_s: float
    limits_s: float
    # The same beside each block of what is held against them.
    limits_of_block_s: float
    # Of memory, before anything is measured.
    touched_bytes: int
    # For a JVM, and for one that another workload has warmed; see `warm_s`.
    warmup_s: float
    warmup_again_s: float
    partitions: tuple[int, ...]
    # Steps beyond what a peer can do on a machine as it comes.
    partitions_alone: tuple[int, ...]
    # Of one partition each.
    topics: tuple[int, ...]
    connections: tuple[int, ...]
    kills: int
    # Of one group.
    members: tuple[int, ...]

    def to_count(self) -> "Size":
        """A tenth: of what is counted for each request, more tell no more."""
        return replace(self, produce_bytes=self.produce_bytes // 10, small_requests=self.small_requests // 10)

    def warm_s(self, contender: Contender, again: bool = False) -> float:
        """A compiled program has nothing to learn: it only needs its files and its memory."""
        jvm_s = min(self.warmup_s, self.warmup_again_s) if again else self.warmup_s
        return jvm_s if contender.runs_in_a_jvm else min(jvm_s, _COMPILED_WARM_S)


FULL = Size(
    blocks=5,
    produce_bytes=1_000_000_000,
    small_requests=200_000,
    synced_batches=20_000,
    log_bytes=1_000_000_000,
    recover_bytes=1_000_000_000,
    log_gb=(1, 10, 50),
    latency_s=20,
    idle_s=30.0,
    limits_s=3.0,
    limits_of_block_s=0.5,
    touched_bytes=24 << 30,
    warmup_s=60.0,
    warmup_again_s=20.0,
    partitions=(100, 1_000, 10_000),
    partitions_alone=(100_000,),
    topics=(100, 1_000, 10_000),
    connections=(100, 1_000, 10_000),
    kills=10,
    members=(10, 100, 1_000),
)
QUICK = Size(
    blocks=1,
    produce_bytes=8_000_000,
    small_requests=2_000,
    synced_batches=50,
    log_bytes=8_000_000,
    recover_bytes=8_000_000,
    log_gb=(0.008, 0.016),
    latency_s=1,
    idle_s=1.0,
    limits_s=0.2,
    limits_of_block_s=0.02,
    touched_bytes=0,
    warmup_s=0.0,
    warmup_again_s=0.0,
    partitions=(100,),
    partitions_alone=(200,),
    topics=(10, 20),
    connections=(100,),
    kills=1,
    members=(5,),
)


@dataclass
class Site:
    size: Size
    load: Load
    # Of its topics.
    name: str
    # Those that go on from the workload before.
    settled: frozenset[str] = frozenset()
    # Instead of what a load costs: the system calls that it makes the broker do.
    counts_syscalls: bool = False
    _topics: int = 0

    def topic(self) -> str:
        """A name that nobody has used."""
        self._topics += 1
        return f"{self.name}-{self._topics}"

    def warm_s(self, server: Server) -> float:
        return self.size.warm_s(server.contender, server.contender.name in self.settled)

    def produce(self, server: Server, topic: str, **options: object) -> Figures:
        """Loads, and says what it cost."""
        told, figures = self._loaded("produce", server, topic, options)
        return figures | {
            "p50_ms": told["acknowledged"]["p50_us"] / 1000,
            "p99_ms": told["acknowledged"]["p99_us"] / 1000,
        }

    def consume(self, server: Server, topic: str, **options: object) -> Figures:
        return self._loaded("consume", server, topic, options)[1]

    def _loaded(self, command: str, server: Server, topic: str, options: dict) -> tuple[dict, Figures]:
        cpu_s = server.cpu_s()
        if not self.counts_syscalls:
            told = self.load.run(command, bootstrap=server.bootstrap, topic=topic, **options)
            return told, figures_of(told, server.cpu_s() - cpu_s)
        with syscalls.counted(server.pid) as counted:
            told = self.load.run(command, bootstrap=server.bootstrap, topic=topic, **options)
        figures = figures_of(told, server.cpu_s() - cpu_s)
        if counted.calls is not None:
            figures[SYSCALLS] = counted.calls / max(figures["requests"], 1)
        return told, figures

    def read_back(self, server: Server, topic: str, written: Figures) -> None:
        """Every batch against its checksum, and all of them against what was acknowledged."""
        server.topics.await_readable(topic, written["records"])
        read = self.load.run("consume", bootstrap=server.bootstrap, topic=topic, verify=True)
        same(server, topic, written, read)


def same(server: Server, topic: str, written: Figures, read: Figures, readers: int = 1) -> None:
    """The sums of the checksums may wrap, and so does the product."""
    for name in ("records", "batch_bytes", "crc_sum"):
        if read[name] != written[name] * readers % (1 << 64):
            raise WrongData(
                f"{server.contender.name}, {topic}: {name} read {read[name]}, acknowledged {written[name]}, by {readers} readers"
            )


def figures_of(told: dict, broker_cpu_s: float) -> Figures:
    """Rates and costs of what was told; bytes are those of batches on the wire."""
    gb = told["batch_bytes"] / GB
    requests = told.get("requests") or told.get("fetches") or 0
    return {
        "seconds": told["seconds"],
        "gb_s": gb / told["seconds"],
        "records_s": told["records"] / told["seconds"],
        "requests_s": requests / told["seconds"],
        "cpu_s_per_gb": broker_cpu_s / gb,
        "cpu_us_per_request": broker_cpu_s * 1e6 / max(requests, 1),
        "client_cpu_s_per_gb": told["client_cpu_s"] / gb,
        "requests": requests,
        "records": told["records"],
        "batch_bytes": told["batch_bytes"],
        "crc_sum": told["crc_sum"],
    }
