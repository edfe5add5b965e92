"""A byte flips in a closed segment of a working cluster, on a follower, then on the leader: found and repaired, and no client notices."""

import argparse
import hashlib
import re
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from badinput.bystander import Bystander
from faults.asking import await_whole, create_topic, leader_of
from harness.cluster import Cluster, Node
from scenario import equal, eventually, unique

RECORDS, RECORD_BYTES = 6_000, 1_000
SETTINGS = {"weir.log.scrub.interval.ms": "1000"}
FOUND, REPAIRED, LEFT = "weir_log_damage_found_total", "weir_log_damage_repaired_total", "weir_log_damaged_partitions"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", choices=("weir",), default="weir")
    parser.add_argument("--weir", type=Path, required=True)
    asked = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="weir-rot-"))
    try:
        with Cluster("weir", directory, asked.weir, 3, settings=SETTINGS) as cluster:
            _rot(cluster)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def _rot(cluster: Cluster) -> None:
    topic, quiet = unique("orders"), unique("quiet")
    create_topic(cluster, topic, 1, **{"segment.bytes": str(1 << 20)})
    create_topic(cluster, quiet, 1)
    _write(cluster, topic, 0, RECORDS)
    equal("partitions that are not whole", await_whole(cluster, 30), [])
    bystander = Bystander(cluster.bootstrap, quiet)
    written = RECORDS
    for who in ("a follower", "the leader"):
        leader = leader_of(cluster, topic, 0)
        node = cluster.nodes[leader if who == "the leader" else (leader + 1) % 3]
        before = _metrics(node)
        _flip(_segments(node)[1])
        _write(cluster, topic, written, 200)
        written += 200
        _has_more(node, f"{who} finds it", FOUND, before)
        _has_more(node, f"{who} is repaired", REPAIRED, before)
        equal(f"partitions that are not whole, once {who} was repaired", await_whole(cluster, 60), [])
        equal("damaged partitions", _metrics(node)[LEFT], 0)
        told = [line for line in node.log_path.read_text(errors="replace").splitlines() if "records on the disk are damaged" in line]
        if not any(".log" in line and "position" in line for line in told):
            raise AssertionError(f"{who} does not tell which file is damaged: {told}")
        equal("what a consumer reads", _read(cluster, topic, written), list(range(written)))
        eventually("three equal copies", lambda: len({_content(node) for node in cluster.nodes}) == 1)
    bystander.leave()
    if problems := bystander.problems():
        raise AssertionError("\n".join(problems))
    longest = f"longest {bystander.longest_s * 1000:.0f} ms"
    print(f"{written} records whole after two flips; bystander: {bystander.round_trips} round trips, {longest}")


def _has_more(node: Node, what: str, metric: str, before: dict[str, int]) -> None:
    eventually(what, lambda: _metrics(node)[metric] > before[metric])


def _write(cluster: Cluster, topic: str, first: int, count: int) -> None:
    errors = []

    def answered(error, _) -> None:
        if error:
            errors.append(error)

    producer = Producer({"bootstrap.servers": cluster.bootstrap, "enable.idempotence": True, "linger.ms": 5, "log_level": 0})
    for value in range(first, first + count):
        producer.produce(topic, b"%d" % value + b"." * RECORD_BYTES, partition=0, on_delivery=answered)
    equal("records without an answer", producer.flush(60), 0)
    equal("records that were refused", errors, [])


def _read(cluster: Cluster, topic: str, count: int) -> list[int]:
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": unique("readers"), "check.crcs": True, "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = []
    try:
        while len(values) < count:
            message = consumer.poll(20)
            if message is None or message.error():
                raise AssertionError(f"after {len(values)} records: {message and message.error()}")
            values.append(int(message.value().split(b".", 1)[0]))
    finally:
        consumer.close()
    return values


def _metrics(node: Node) -> dict[str, int]:
    with urllib.request.urlopen(f"http://{node.address}:{node.ports.http}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {name: int(re.search(rf"^{name} (\d+)", text, re.MULTILINE)[1]) for name in (FOUND, REPAIRED, LEFT)}


def _segments(node: Node) -> list[Path]:
    """Of the log that has most of them."""
    logs = (sorted(partition.glob("*.log")) for partition in node.data.glob("topics/*/*"))
    return max(logs, key=len)


def _content(node: Node) -> str:
    digest = hashlib.sha256()
    for segment in _segments(node):
        digest.update(segment.read_bytes())
    return digest.hexdigest()


def _flip(file: Path) -> None:
    middle = file.stat().st_size // 2
    with open(file, "r+b") as opened:
        opened.seek(middle)
        byte = opened.read(1)[0]
        opened.seek(middle)
        opened.write(bytes([byte ^ 0x10]))


if __name__ == "__main__":
    sys.exit(main())
