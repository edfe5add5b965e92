"""Asks one broker, in the protocol's own words: a client library takes longer to understand what it hears of ten thousand partitions than
the broker takes to say it, and would retry where this is to show how long there was no answer.
"""

import contextlib
import socket
import struct
import time
from dataclasses import dataclass

from harness.cluster import Cluster, Node
from harness.readiness import read_frame

_MOST = 64 << 20
METADATA, CREATE_TOPICS = 3, 19


@dataclass(frozen=True)
class Told:
    """What a broker says of all partitions, or of one topic's, and how long it took to say it."""

    leaders: list[int]
    not_whole: int
    seconds: float

    @property
    def partitions(self) -> int:
        return len(self.leaders)


class Reader:
    """Takes fields off a response that is not of a flexible version."""

    def __init__(self, frame: bytes):
        self._frame, self._at = frame, 0

    def take(self, shape: str) -> tuple:
        values = struct.unpack_from(f">{shape}", self._frame, self._at)
        self._at += struct.calcsize(f">{shape}")
        return values

    def one(self, shape: str) -> int:
        return self.take(shape)[0]

    def text(self) -> str | None:
        length = self.one("h")
        if length < 0:
            return None
        self._at += length
        return self._frame[self._at - length : self._at].decode()

    def integers(self) -> tuple:
        return self.take(f"{self.one('i')}i")


def ask(node: Node, key: int, version: int, body: bytes, timeout_s: float) -> tuple[Reader, float]:
    """The answer's body, and the seconds from the request's first byte to the answer's last."""
    frame = struct.pack(">hhih", key, version, 1, -1) + body
    with socket.create_connection((node.address, node.ports.clients), timeout_s) as connection:
        connection.settimeout(timeout_s)
        began = time.monotonic()
        connection.sendall(struct.pack(">i", len(frame)) + frame)
        answer = read_frame(connection, _MOST)
        seconds = time.monotonic() - began
    reader = Reader(answer)
    reader.one("i")
    return reader, seconds


def metadata(node: Node, topic: str | None = None, timeout_s: float = 5.0) -> Told:
    """Metadata version 7: of one topic, or of all."""
    named = struct.pack(">i", -1) if topic is None else struct.pack(">ih", 1, len(topic)) + topic.encode()
    answer, seconds = ask(node, METADATA, 7, named + b"\0", timeout_s)
    answer.one("i")
    for _ in range(answer.one("i")):
        answer.one("i"), answer.text(), answer.one("i"), answer.text()
    answer.text(), answer.one("i")
    leaders, not_whole = [], 0
    for _ in range(answer.one("i")):
        answer.one("h"), answer.text(), answer.one("?")
        for _ in range(answer.one("i")):
            _, _, leader, _ = answer.take("hiii")
            replicas, in_sync = answer.integers(), answer.integers()
            answer.integers()
            leaders.append(leader)
            not_whole += leader < 0 or len(in_sync) < len(replicas)
    return Told(leaders, not_whole, seconds)


def create_topic(node: Node, topic: str, timeout_s: float) -> bool:
    """CreateTopics version 2, of one partition with the two replicas that two brokers can hold: whether it was done."""
    body = struct.pack(">ih", 1, len(topic)) + topic.encode() + struct.pack(">ihii", 1, 2, 0, 0)
    answer, _ = ask(node, CREATE_TOPICS, 2, body + struct.pack(">i?", round(timeout_s * 1000), False), timeout_s)
    answer.one("i"), answer.one("i"), answer.text()
    return answer.one("h") == 0


def any_metadata(cluster: Cluster) -> Told | None:
    """What the first broker says that answers."""
    for node in cluster.nodes:
        if node.runs():
            with contextlib.suppress(OSError):
                return metadata(node)
    return None
