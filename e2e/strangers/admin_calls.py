"""The admin service meets what can not be: wrong disks, brokers, clusters and assignments, garbage, floods. Each is refused, the same
by every broker, and nothing changes.
"""

import socket
import struct
import sys
import time
from contextlib import ExitStack

import grpc

from harness.cluster import Node
from scenario import PATIENCE_S, eventually
from strangers.unharmed import Unharmed, judged, one_cluster
from strangers.words import OTHER_CLUSTER, OTHER_DISK, WITHIN_S, admin, admin_of, reason, reason_of

MIB = 1 << 20
# The bounds of the service: of what one connection may ask at once, and of connections.
CALLS_MAX, CONNECTIONS_MAX = 64, 256
STREAMS = 1_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _PING, _HEADERS, _RST, _DATA = 4, 6, 1, 3, 0


def main() -> int:
    with one_cluster() as cluster:
        unharmed = Unharmed(cluster)
        judge = Judge(unharmed)
        for node in cluster.nodes:
            channel, stub = admin_of(f"{node.address}:{node.ports.admin}")
            with channel:
                judge.whole_calls(stub)
                judge.items(stub)
                judge.sizes(channel, stub)
        for node in (unharmed.controller, cluster.nodes[(unharmed.controller.number + 1) % 3]):
            judge.garbage(node)
            judge.flood_of_streams(node)
            judge.flood_of_connections(node)
        problems = judge.wrong + unharmed.problems()
        return judged(
            problems, f"{judge.asked} bad calls, {len(judge.wrong)} wrong; bystander: {unharmed.bystander.round_trips} round trips"
        )


class Judge:
    """Says bad things, and remembers what was answered otherwise than it should be."""

    def __init__(self, unharmed: Unharmed):
        self.asked, self.wrong = 0, []
        self._unharmed = unharmed
        (self._topic,) = (topic for topic in unharmed.before.topics if topic.name == unharmed.topic)
        self._broker = unharmed.before.brokers[2].broker

    def whole_calls(self, stub) -> None:
        """Calls that mean another broker, disk or cluster, through every call that names one."""
        own, nobody = self._broker, admin.BrokerRef(id=99, incarnation=OTHER_DISK)
        cases = {
            "WRONG_INCARNATION": dict(broker=admin.BrokerRef(id=own.id, incarnation=OTHER_DISK)),
            "UNKNOWN_BROKER": dict(broker=nobody),
            "INVALID_ARGUMENT": dict(broker=admin.BrokerRef(id=own.id, incarnation="not a disk")),
            "WRONG_CLUSTER": dict(broker=own, cluster_id=OTHER_CLUSTER),
        }
        for wanted, named in cases.items():
            for call, request in (
                (stub.Drain, admin.DrainRequest),
                (stub.Undrain, admin.UndrainRequest),
                (stub.MayStop, admin.MayStopRequest),
            ):
                self.refuses(f"{request.__name__} {wanted}", call, request(**named), wanted)
            # Who is not there is forgotten already.
            if wanted != "UNKNOWN_BROKER":
                self.refuses(f"Unregister {wanted}", stub.Unregister, admin.UnregisterRequest(**named), wanted)
        self.refuses("Unregister a live one", stub.Unregister, admin.UnregisterRequest(broker=own), "BROKER_ALIVE")
        self.refuses("Drain nobody", stub.Drain, admin.DrainRequest(), "INVALID_ARGUMENT")
        elsewhere = dict(cluster_id=OTHER_CLUSTER)
        for call, request in (
            (stub.MovePartitions, admin.MovePartitionsRequest(**elsewhere)),
            (stub.CancelMoves, admin.CancelMovesRequest(**elsewhere)),
            (stub.ElectLeaders, admin.ElectLeadersRequest(kind=1, **elsewhere)),
            (stub.CreateTopics, admin.CreateTopicsRequest(topics=[admin.NewTopic(name="no")], **elsewhere)),
            (stub.AlterTopics, admin.AlterTopicsRequest(**elsewhere)),
            (stub.DeleteTopics, admin.DeleteTopicsRequest(topic_ids=[self._topic.topic_id], **elsewhere)),
        ):
            self.refuses(f"{type(request).__name__} of another cluster", call, request, "WRONG_CLUSTER")
        self.refuses("an election of no kind", stub.ElectLeaders, admin.ElectLeadersRequest(), "INVALID_ARGUMENT")
        everywhere = admin.ElectLeadersRequest(kind=admin.ELECTION_KIND_UNCLEAN)
        self.refuses("unclean leaders everywhere", stub.ElectLeaders, everywhere, "INVALID_ARGUMENT")

        def progress(request, timeout: float) -> list:
            return list(stub.Progress(request, timeout=timeout))

        self.refuses("Progress without a pause", progress, admin.ProgressRequest(interval_ms=1), "INVALID_ARGUMENT")

    def items(self, stub) -> None:
        """Impossible items, each refused for itself."""
        here = admin.PartitionRef(topic_id=self._topic.topic_id, partition=0)

        def to(*ids: int, partition=here, **more):
            return admin.Move(partition=partition, replicas=[admin.MoveTarget(id=id) for id in ids], **more)

        def of(topic_id: str, partition: int = 0):
            return to(0, partition=admin.PartitionRef(topic_id=topic_id, partition=partition))

        def by_hand(*ids: int):
            return dict(assignment=[admin.Replicas(brokers=ids)])

        moves = [
            ("to nobody", to(), "INVALID_ASSIGNMENT"),
            ("twice to one", to(0, 0), "INVALID_ASSIGNMENT"),
            ("to an unknown broker", to(0, 99), "INVALID_ASSIGNMENT"),
            ("to a negative broker", to(-1), "INVALID_ASSIGNMENT"),
            ("to more than there are", to(0, 1, 2, 3), "INVALID_ASSIGNMENT"),
            ("to ten thousand", to(*range(10_000)), "INVALID_ASSIGNMENT"),
            ("to another disk", admin.Move(partition=here, replicas=[admin.MoveTarget(id=0, incarnation=OTHER_DISK)]), "WRONG_INCARNATION"),
            ("of an unknown partition", of(self._topic.topic_id, 7), "UNKNOWN_PARTITION"),
            ("of a negative partition", of(self._topic.topic_id, -1), "UNKNOWN_PARTITION"),
            ("of an unknown topic", of(OTHER_CLUSTER), "UNKNOWN_TOPIC"),
            ("of nonsense", of("\0" * 1000), "INVALID_ARGUMENT"),
            ("of nothing", admin.Move(replicas=[admin.MoveTarget(id=0)]), "INVALID_ARGUMENT"),
            ("of what has changed", to(1, 0, 2, partition_epoch=99), "STALE_PARTITION"),
            ("at no speed", to(1, 0, 2, throttle_bytes_per_second=0), "INVALID_ARGUMENT"),
        ]
        for what, move, wanted in moves:
            (result,) = _asked(stub.MovePartitions, admin.MovePartitionsRequest(moves=[move])).results
            self.is_refusal(f"a move {what}", result, wanted)
        topics = [
            ("on nobody", by_hand(), "INVALID_ASSIGNMENT"),
            ("twice on one", by_hand(0, 0), "INVALID_ASSIGNMENT"),
            ("on an unknown broker", by_hand(0, 99), "INVALID_ASSIGNMENT"),
            ("with more replicas than brokers", dict(partitions=1, replication_factor=4), "INVALID_REPLICATION_FACTOR"),
            ("with no replica", dict(partitions=1, replication_factor=0), "INVALID_REPLICATION_FACTOR"),
            ("without partitions", dict(partitions=0), "INVALID_PARTITIONS"),
            ("with 2^31-1 partitions", dict(partitions=2**31 - 1), "BATCH_TOO_LARGE"),
            ("with an unknown setting", dict(config=[admin.Setting(name="nosuch", value="1")]), "INVALID_CONFIG"),
            ("with a bad value", dict(config=[admin.Setting(name="retention.ms", value="soon")]), "INVALID_CONFIG"),
        ]
        for what, more, wanted in topics:
            (result,) = _asked(stub.CreateTopics, admin.CreateTopicsRequest(topics=[admin.NewTopic(name="bad", **more)])).results
            self.is_refusal(f"a topic {what}", result, wanted)
        for name in ("", ".", "..", "a/b", "x" * 250, "\n"):
            (result,) = _asked(stub.CreateTopics, admin.CreateTopicsRequest(topics=[admin.NewTopic(name=name)])).results
            self.is_refusal(f"a topic called {name[:9]!r}", result, "INVALID_TOPIC_NAME")
        shrink = admin.TopicChange(topic_id=self._topic.topic_id, partitions=-1)
        (result,) = _asked(stub.AlterTopics, admin.AlterTopicsRequest(changes=[shrink])).results
        self.is_refusal("a topic with fewer partitions", result, "INVALID_PARTITIONS")

    def sizes(self, channel, stub) -> None:
        """Batches that are too large, messages that are, and such as are no messages."""
        nothing = admin.PartitionRef()
        for request, call in (
            (admin.MovePartitionsRequest(moves=[admin.Move()] * 10_001), stub.MovePartitions),
            (admin.CancelMovesRequest(partitions=[nothing] * 10_001), stub.CancelMoves),
            (admin.ElectLeadersRequest(kind=1, partitions=[nothing] * 10_001), stub.ElectLeaders),
            (admin.CreateTopicsRequest(topics=[admin.NewTopic(name="a")] * 10_001), stub.CreateTopics),
            (admin.AlterTopicsRequest(changes=[admin.TopicChange()] * 10_001), stub.AlterTopics),
            (admin.DeleteTopicsRequest(topic_ids=[OTHER_CLUSTER] * 10_001), stub.DeleteTopics),
        ):
            self.refuses(f"{type(request).__name__} of 10,001", call, request, "BATCH_TOO_LARGE")
        drain, nonsense = (channel.unary_unary(f"/weir.admin.v1.Admin/{name}") for name in ("Drain", "Nonsense"))
        self.refuses("a message of 9 MiB", drain, bytes(9 * MIB), "OUT_OF_RANGE")
        self.refuses("a message that is none", drain, b"\xff" * 20, "INTERNAL")
        self.refuses("a call that is none", nonsense, b"", "UNIMPLEMENTED")

    def garbage(self, node: Node) -> None:
        """HTTP/2 that is none: the connection ends, nobody else's does."""
        header_bomb = b"".join(_frame(9 if n else _HEADERS, 0, 1, b"\x40\x7f\x81\x7f" + bytes(9_000)) for n in range(40))
        resets = b"".join(
            _frame(_HEADERS, 5, 2 * n + 1, b"\x83\x86\x44\x01\x2f") + _frame(_RST, 0, 2 * n + 1, bytes(4)) for n in range(20_000)
        )
        for what, words in (
            ("a frame of 16 MiB", PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x00" + bytes(100)),
            ("settings of half a setting", PREFACE + _frame(_SETTINGS, 0, 0, bytes(5))),
            ("data of nobody", PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_DATA, 0, 7, b"hello")),
            ("headers that are none", PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, 5, 1, b"\xff" * 100)),
            ("headers without an end", PREFACE + _frame(_SETTINGS, 0, 0, b"") + header_bomb),
            ("twenty thousand calls, taken back", PREFACE + _frame(_SETTINGS, 0, 0, b"") + resets),
            ("random bytes", PREFACE + bytes(range(256)) * 40),
            ("plain HTTP", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("TLS", bytes.fromhex("160301020001000001fc0303") + bytes(200)),
            ("nothing at all", b""),
        ):
            self.asked += 1
            if not _is_closed(node, words):
                self.wrong.append(f"{what}: the connection is still open")

    def flood_of_streams(self, node: Node) -> None:
        """One connection asks to watch a thousand times: as many as may are served, and others notice nothing."""
        path = b"/weir.admin.v1.Admin/Watch"
        headers = (
            b"\x83\x86\x04" + bytes([len(path)]) + path + _literal(b"content-type", b"application/grpc") + _literal(b"te", b"trailers")
        )
        numbers = range(1, 2 * STREAMS, 2)
        calls = b"".join(_frame(_HEADERS, 4, number, headers) + _frame(_DATA, 1, number, bytes(5)) for number in numbers)
        with socket.create_connection((node.address, node.ports.admin), WITHIN_S) as connection:
            connection.sendall(PREFACE + _frame(_SETTINGS, 0, 0, b"") + calls)
            served, refused = _served(connection, STREAMS)
            self.asked += STREAMS
            if not 0 < served <= CALLS_MAX or served + refused != STREAMS:
                self.wrong.append(f"of {STREAMS} streams {served} are served and {refused} refused; {CALLS_MAX} may be")
            eventually("a call from elsewhere", lambda: self._is_answered(node))

    def flood_of_connections(self, node: Node) -> None:
        """More connections than may be: the ones beyond are closed, and when they have gone others are served again."""
        with ExitStack() as crowd:
            every = [
                crowd.enter_context(socket.create_connection((node.address, node.ports.admin), WITHIN_S))
                for _ in range(CONNECTIONS_MAX + 40)
            ]
            for one in every:
                one.sendall(PREFACE + _frame(_SETTINGS, 0, 0, b""))
            self.asked += len(every)
            closed = sum(_ends(one, 0.05) for one in every[-40:])
            if closed < 30:
                self.wrong.append(f"{closed} of 40 connections beyond the bound were closed")
        eventually("a call after the crowd", lambda: self._is_answered(node))

    def refuses(self, what: str, call, request, wanted: str) -> None:
        self.asked += 1
        try:
            _asked(call, request)
            got = "done"
        except grpc.RpcError as error:
            got = reason_of(error)
        if got != wanted:
            self.wrong.append(f"{what}: {got} instead of {wanted}")

    def is_refusal(self, what: str, result, wanted: str) -> None:
        self.asked += 1
        got = reason(result.refusal) if result.HasField("refusal") else f"done ({result.changed})"
        if got != wanted or not result.refusal.advice:
            self.wrong.append(f"{what}: {got} instead of {wanted}: {result.refusal.message}")

    def _is_answered(self, node: Node) -> bool:
        channel, stub = admin_of(f"{node.address}:{node.ports.admin}")
        with channel:
            try:
                return stub.MayStop(admin.MayStopRequest(broker=self._broker), timeout=2) is not None
            except grpc.RpcError:
                return False


def _asked(call, request):
    """Asks as a client should: again, for some time, while there is no controller."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call(request, timeout=WITHIN_S)
        except grpc.RpcError as error:
            if reason_of(error) != "NO_CONTROLLER" or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def _literal(name: bytes, value: bytes) -> bytes:
    """A header that is spelled out."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _served(connection: socket.socket, streams: int) -> tuple[int, int]:
    """How many streams are answered, and how many refused."""
    served, refused = set(), set()
    connection.settimeout(WITHIN_S)
    reader = connection.makefile("rb")
    try:
        while len(served) + len(refused) < streams and (head := reader.read(9)):
            number = int.from_bytes(head[5:9], "big")
            reader.read(int.from_bytes(head[:3], "big"))
            {_HEADERS: served, _RST: refused}.get(head[3], set()).add(number)
    except TimeoutError:
        pass
    return len(served - refused), len(refused)


def _is_closed(node: Node, words: bytes) -> bool:
    """Whether the broker ends a connection that says this. Whoever says nothing is heard for three seconds."""
    with socket.create_connection((node.address, node.ports.admin), WITHIN_S) as connection:
        try:
            connection.sendall(words)
        except OSError:
            return True
        return _ends(connection, WITHIN_S)


def _ends(connection: socket.socket, within_s: float) -> bool:
    connection.settimeout(within_s)
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


if __name__ == "__main__":
    sys.exit(main())
