"""Asks a cluster how it stands: who leads what, who is in sync, who is the controller; and waits until all is well."""

import socket
import struct
import time
from collections.abc import Container

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from faults.promise import Quorum, Standing
from harness.cluster import Cluster, Node
from harness.readiness import read_frame

QUIET = {"log_level": 0, "socket.timeout.ms": 3000, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200}


def admin(cluster: Cluster, leaving_out: Container[int] = ()) -> AdminClient:
    asked = [node.bootstrap for node in cluster.nodes if node.number not in leaving_out]
    return AdminClient({"bootstrap.servers": ",".join(asked), **QUIET})


def create_topic(cluster: Cluster, topic: str, partitions: int, replicas: int = 3, within_s: float = 30.0, **config: str) -> None:
    """With three replicas, of which two must have what is acknowledged, unless something else is said."""
    wanted = NewTopic(topic, partitions, min(replicas, len(cluster.nodes)), config={"min.insync.replicas": "2", **config})
    asked = admin(cluster)
    asked.create_topics([wanted], operation_timeout=within_s)[topic].result(within_s)


def standings(cluster: Cluster, timeout_s: float = 3.0, leaving_out: Container[int] = ()) -> list[Standing]:
    """Of every partition, as the first broker that answers tells it; nothing when none does. One that is cut off tells old news."""
    try:
        topics = admin(cluster, leaving_out).list_topics(timeout=timeout_s).topics.values()
    except KafkaException:
        return []
    return [
        Standing(topic.topic, partition.id, partition.leader, frozenset(partition.replicas), frozenset(partition.isrs))
        for topic in topics
        for partition in topic.partitions.values()
    ]


def not_whole(cluster: Cluster) -> list[str]:
    """What is still amiss; a cluster that tells of no partition is amiss."""
    told = standings(cluster)
    return [str(standing) for standing in told if not standing.whole] if told else ["no broker answers"]


def await_whole(cluster: Cluster, within_s: float) -> list[str]:
    """Waits until every partition is led and in sync, and returns what is not when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        amiss = not_whole(cluster)
        if not amiss or time.monotonic() > deadline:
            return amiss
        time.sleep(0.2)


def leader_of(cluster: Cluster, topic: str, partition: int) -> int | None:
    for standing in standings(cluster):
        if (standing.topic, standing.partition) == (topic, partition) and standing.leader >= 0:
            return standing.leader
    return None


def controller(cluster: Cluster) -> int | None:
    """Who leads the quorum; for Kafka's metadata names any broker as controller."""
    told = quorum(cluster)
    return told.leader if told and 0 <= told.leader < len(cluster.nodes) else None


def quorum(cluster: Cluster, leaving_out: Container[int] = ()) -> Quorum | None:
    """By DescribeQuorum, as the broker tells it that knows of the latest reign."""
    asked = [node for node in cluster.nodes if node.runs() and not node.paused and node.number not in leaving_out]
    told = [answer for answer in map(quorum_of, asked) if answer is not None and answer.leader >= 0]
    return max(told, key=lambda answer: answer.epoch, default=None)


def quorum_of(node: Node, timeout_s: float = 1.0) -> Quorum | None:
    """DescribeQuorum version 0: flexible, one topic, one partition."""
    topic = b"__cluster_metadata"
    body = b"\x02" + bytes([len(topic) + 1]) + topic + b"\x02" + struct.pack(">i", 0) + b"\0\0\0"
    header = struct.pack(">hhih", 55, 0, 1, -1) + b"\0"
    try:
        with socket.create_connection((node.address, node.ports.clients), timeout_s) as connection:
            connection.settimeout(timeout_s)
            frame = header + body
            connection.sendall(struct.pack(">i", len(frame)) + frame)
            return _quorum(read_frame(connection), len(topic))
    except (OSError, struct.error):
        return None


def _quorum(answer: bytes, name: int) -> Quorum | None:
    # Correlation and tags, the error, one topic with its name, one partition: its number, its error, its leader.
    at = 4 + 1
    (error,) = struct.unpack_from(">h", answer, at)
    if error != 0 or len(answer) < at + 2 + 1 + 1 + name + 1 + 10:
        return None
    at += 2 + 1 + 1 + name + 1 + 4
    error, leader, epoch, committed, voters = struct.unpack_from(">hiiqB", answer, at)
    if error != 0:
        return None
    # A compact array: one more than its length; each voter has a number, the end of its log, and no tags.
    ends = dict(struct.unpack_from(">iqx", answer, at + 19 + 13 * place) for place in range(voters - 1))
    return Quorum(leader, frozenset(ends), frozenset(voter for voter, end in ends.items() if end >= committed), epoch)
