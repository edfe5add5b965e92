"""Reads a healed cluster to its end: once as any client would, and once from each replica alone, which no client can.

A replica is asked as KIP-392 allows: a follower serves consumers up to its own watermark. Must never judge what it finds.
"""

import socket
import struct
import time
from collections.abc import Iterator

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from faults.asking import QUIET, admin, standings
from faults.history import History, Seen, Value
from harness.cluster import Cluster, Node
from harness.readiness import read_frame

_FETCH_BYTES = 1 << 20
_MOST = 8 << 20
# Answers that mean: ask again, the replica is still finding its place.
_NOT_YET = {3, 5, 6, 9, 74, 75, 76, 78, 100}


def read_everything(cluster: Cluster, topic: str, partitions: int, groups: list[str], history: History, within_s: float) -> list[str]:
    """Fills in the log as it is at last, each replica's copy of it, and where the groups stand; says what could not be read."""
    complaints = []
    deadline = time.monotonic() + within_s
    ends = _ends(cluster, topic, partitions, deadline)
    replicas = {standing.partition: standing.replicas for standing in standings(cluster) if standing.topic == topic}
    complaints += [f"who has partition {partition} was not told" for partition in range(partitions) if partition not in replicas]
    history.final = _read_log(cluster, topic, ends, deadline)
    for partition, end in ends.items():
        if len(history.final.get(partition, [])) < end:
            complaints.append(f"partition {partition} ends at {end}, and only {len(history.final.get(partition, []))} could be read")
        for node in [cluster.nodes[number] for number in sorted(replicas.get(partition, ()))]:
            seen, trouble = _read_copy(node, topic, partition, end, deadline)
            history.copies[f"broker {node.number}", partition] = seen
            complaints += [f"broker {node.number}, partition {partition}: {trouble}"] if trouble else []
    for group in groups:
        history.group_offsets[group] = _group_offsets(cluster, group, topic, partitions, deadline)
    return complaints


def _ends(cluster: Cluster, topic: str, partitions: int, deadline: float) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "unused", **QUIET})
    try:
        return {
            partition: _until(
                deadline,
                f"the end of partition {partition}",
                lambda at=partition: consumer.get_watermark_offsets(TopicPartition(topic, at), 3)[1],
            )
            for partition in range(partitions)
        }
    finally:
        consumer.close()


def _read_log(cluster: Cluster, topic: str, ends: dict[int, int], deadline: float) -> dict[int, list[Seen]]:
    settings = {"group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": "error", "check.crcs": True, **QUIET}
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, **settings})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
    found: dict[int, list[Seen]] = {partition: [] for partition in ends}
    while time.monotonic() < deadline and any(
        not found[partition] and end or found[partition] and found[partition][-1].offset < end - 1 for partition, end in ends.items()
    ):
        for message in consumer.consume(1000, 0.2):
            if message.error() is None:
                found[message.partition()].append(Seen(message.offset(), _value(message.value())))
    consumer.close()
    return found


def _group_offsets(cluster: Cluster, group: str, topic: str, partitions: int, deadline: float) -> dict[int, int]:
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition) for partition in range(partitions)])
    asked = admin(cluster)
    answer = _until(deadline, f"the offsets of {group}", lambda: asked.list_consumer_group_offsets([wanted])[group].result(3))
    return {place.partition: place.offset for place in answer.topic_partitions if place.offset >= 0}


def _until(deadline: float, what: str, question):
    while True:
        try:
            return question()
        except KafkaException as refusal:
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} was not told: {refusal}") from refusal
            time.sleep(0.2)


def _read_copy(node: Node, topic: str, partition: int, end: int, deadline: float) -> tuple[list[Seen], str | None]:
    """What one replica holds up to the end the leader told."""
    seen: list[Seen] = []
    trouble = None
    while (not seen and end > 0) or (seen and seen[-1].offset + 1 < end):
        if time.monotonic() > deadline:
            return seen, trouble or f"{len(seen)} of {end} records, and no more came"
        try:
            with socket.create_connection((node.address, node.ports.clients), 2.0) as connection:
                connection.settimeout(5.0)
                trouble = _fetch_to(connection, topic, partition, end, deadline, seen)
        except OSError as broken:
            trouble = str(broken)
            time.sleep(0.2)
    return seen, None


def _fetch_to(connection: socket.socket, topic: str, partition: int, end: int, deadline: float, seen: list[Seen]) -> str | None:
    while (not seen and end > 0) or (seen and seen[-1].offset + 1 < end):
        at = seen[-1].offset + 1 if seen else 0
        connection.sendall(_fetch_request(topic, partition, at))
        error, records = _fetch_answer(read_frame(connection, _MOST))
        if error not in _NOT_YET and error != 0:
            raise ConnectionError(f"fetch at {at} was answered with error {error}")
        fresh = [one for one in _decode(records) if one.offset >= at]
        seen += fresh
        if not fresh:
            if time.monotonic() > deadline:
                return f"{len(seen)} of {end} records, error {error}"
            time.sleep(0.1)
    return None


def _fetch_request(topic: str, partition: int, offset: int) -> bytes:
    """Version 11: the last without flexible encoding that a follower may answer to a consumer."""
    name = topic.encode()
    body = struct.pack(">hhih", 1, 11, 1, -1) + struct.pack(">iiiibiii", -1, 200, 1, _FETCH_BYTES, 0, 0, -1, 1)
    body += struct.pack(">h", len(name)) + name + struct.pack(">iiiqqi", 1, partition, -1, offset, -1, _FETCH_BYTES)
    body += struct.pack(">ih", 0, 0)
    return struct.pack(">i", len(body)) + body


def _fetch_answer(answer: bytes) -> tuple[int, bytes]:
    """The partition's error, or the whole answer's, and its records."""
    _, _, error, _, topics = struct.unpack_from(">iihii", answer)
    if error != 0 or topics != 1:
        return error, b""
    at = 18
    (name,) = struct.unpack_from(">h", answer, at)
    at += 2 + name + 4
    _, error, _, _, _, aborted = struct.unpack_from(">ihqqqi", answer, at)
    at += 34 + max(0, aborted) * 16 + 4
    (length,) = struct.unpack_from(">i", answer, at)
    return error, answer[at + 4 : at + 4 + max(0, length)]


def _decode(records: bytes) -> Iterator[Seen]:
    """Whole, uncompressed batches of version 2; a piece of a batch at the end is left."""
    at = 0
    while at + 61 <= len(records):
        base, length = struct.unpack_from(">qi", records, at)
        if at + 12 + length > len(records):
            return
        (count,) = struct.unpack_from(">i", records, at + 57)
        place = at + 61
        for _ in range(count):
            size, place = _varint(records, place)
            ends = place + size
            _, place = _varint(records, place + 1)  # the time, behind the attributes
            delta, place = _varint(records, place)
            key, place = _varint(records, place)
            value, place = _varint(records, place + max(0, key))
            yield Seen(base + delta, _value(records[place : place + max(0, value)]))
            place = ends
        at += 12 + length


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def _value(raw: bytes) -> Value:
    writer, number = raw.decode().rsplit(":", 1)
    return Value(writer, int(number))
