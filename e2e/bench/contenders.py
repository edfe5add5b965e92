"""Who is measured: each column of the report, how it is set up, and when it acknowledges. Decides; starts nothing."""

from dataclasses import dataclass, field

# What the start script of Apache Kafka 4.2 gives its JVM.
_JVM_BY_DEFAULT = ("-Xms1G", "-Xmx1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")
_JVM_TUNED = (
    "-Xms2G",
    "-Xmx2G",
    "-server",
    "-XX:+AlwaysPreTouch",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
)
# Fewer threads than the default's eight and three, for one processor; and buffers for loopback.
_KAFKA_TUNED = {
    "num.io.threads": "2",
    "num.network.threads": "1",
    "socket.send.buffer.bytes": "1048576",
    "socket.receive.buffer.bytes": "1048576",
    "replica.fetch.max.bytes": "10485760",
}
_BUFFERED = "acknowledged from memory; the kernel writes it later"
_SYNCED = "acknowledged when it is synced to disk"
_HELD = "held in memory and never written to a disk: another promise than all the others', so a figure to know and none to be measured by"


@dataclass(frozen=True)
class Contender:
    """One column."""

    name: str
    kind: str  # weir, kafka or tansu
    durability: str
    topic_settings: dict[str, str] = field(default_factory=dict)
    broker_settings: dict[str, str] = field(default_factory=dict)
    jvm: tuple[str, ...] = ()
    # A guest is there to be seen beside the others: no target is about it, and what it can not do is told while they go on.
    guest: bool = False

    @property
    def runs_in_a_jvm(self) -> bool:
        return self.kind == "kafka"


_ALL = (
    Contender("weir", "weir", _BUFFERED, {"weir.durability": "replicated"}),
    Contender("weir-fsync", "weir", _SYNCED, {"weir.durability": "fsync"}),
    Contender("kafka", "kafka", _BUFFERED, jvm=_JVM_BY_DEFAULT),
    Contender("kafka-tuned", "kafka", _BUFFERED, broker_settings=_KAFKA_TUNED, jvm=_JVM_TUNED),
    # The same as `kafka`, in a process of its own: what the two differ by is noise.
    Contender("kafka-again", "kafka", _BUFFERED, jvm=_JVM_BY_DEFAULT),
    Contender("tansu", "tansu", _HELD, guest=True),
    Contender("kafka-fsync", "kafka", _SYNCED, {"flush.messages": "1"}, jvm=_JVM_BY_DEFAULT),
)
BY_NAME = {contender.name: contender for contender in _ALL}


def chosen(wanted: tuple[str, ...], peers: frozenset[str]) -> list[Contender]:
    """Those of a workload's columns that are ours or of a peer that was asked for."""
    return [BY_NAME[name] for name in wanted if BY_NAME[name].kind == "weir" or BY_NAME[name].kind in peers]
