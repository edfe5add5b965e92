"""Many partitions on three brokers of one machine: how long they take to make, what they cost, how quickly the controller is replaced,
how long a restart takes. Starts brokers of its own; prints each number, and fails past the stated bounds.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from faults import asking
from harness.children import rss_mib
from harness.cluster import Cluster
from harness.paths import WEIR_BINARY

EACH = 100
WITHIN_S = 600.0
# Loose, for a machine of two shared cores; they catch what grows with the square, not what takes a second longer.
BOUNDS = {"create all": 180.0, "new controller": 15.0, "all led again": 60.0, "restart in sync": 180.0, "memory MiB": 1500.0}


def main() -> int:
    asked = arguments()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="weir-scale-", dir=asked.directory) as directory:
        cluster = Cluster(asked.against, Path(directory), asked.weir)
        try:
            print(f"three brokers ready in {cluster.start():.1f} s, {memory(cluster)}", flush=True)
            measure(cluster, asked.partitions, found)
        except BaseException:
            print(f"--- the end of the brokers' logs\n{cluster.log_tail()}", file=sys.stderr)
            raise
        finally:
            cluster.stop(30)
    past = [f"{what}: {found[what]:.1f}, bound {bound:g}" for what, bound in BOUNDS.items() if found[what] > bound]
    print("\n".join(f"PAST ITS BOUND {one}" for one in past))
    print(f"{asked.partitions} partitions: " + ", ".join(f"{what} {value:.1f}" for what, value in found.items()))
    return 1 if past and asked.against == "weir" else 0


def measure(cluster: Cluster, partitions: int, found: dict[str, float]) -> None:
    topics = [f"wide-{number:03}" for number in range(partitions // EACH)]
    began = time.monotonic()
    create(cluster, topics)
    found["asked and answered"] = time.monotonic() - began
    await_whole(cluster, partitions)
    found["create all"] = time.monotonic() - began
    print(f"{partitions} partitions of three replicas in sync in {found['create all']:.1f} s, {memory(cluster)}", flush=True)

    began = time.monotonic()
    write_and_read(cluster, topics)
    print(f"a record to each partition of every tenth topic, written and read in {time.monotonic() - began:.1f} s", flush=True)
    time.sleep(10)
    found["memory MiB"] = max(rss_mib(node.pid) for node in cluster.nodes)
    print(f"after ten idle seconds {memory(cluster)}, {cpu(cluster)}", flush=True)

    replace_controller(cluster, partitions, found)


def create(cluster: Cluster, topics: list[str]) -> None:
    """Twenty topics a request, for a broker should not have to answer for ten thousand partitions at once."""
    asked = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    for first in range(0, len(topics), 20):
        wanted = [NewTopic(topic, EACH, 3) for topic in topics[first : first + 20]]
        for future in asked.create_topics(wanted, request_timeout=120, operation_timeout=120).values():
            future.result(180)


def replace_controller(cluster: Cluster, partitions: int, found: dict[str, float]) -> None:
    number = asking.controller(cluster)
    if number is None:
        raise AssertionError("no broker knows who the controller is")
    node = cluster.nodes[number]
    began = time.monotonic()
    node.kill()
    until("another controller", lambda: asking.controller(cluster) not in (None, number))
    found["new controller"] = time.monotonic() - began
    until("a leader for every partition", lambda: len(led(cluster)) >= partitions and number not in led(cluster))
    found["all led again"] = time.monotonic() - began
    print(f"controller killed: another after {found['new controller']:.1f} s, all led after {found['all led again']:.1f} s", flush=True)
    began = time.monotonic()
    node.start()
    cluster.await_ready([node])
    found["restart ready"] = time.monotonic() - began
    await_whole(cluster, partitions)
    found["restart in sync"] = time.monotonic() - began
    print(
        f"restarted after kill -9: ready in {found['restart ready']:.1f} s, in sync in {found['restart in sync']:.1f} s, {memory(cluster)}"
    )
    began = time.monotonic()
    node.stop(120)
    found["clean stop"] = time.monotonic() - began
    began = time.monotonic()
    node.start()
    cluster.await_ready([node])
    await_whole(cluster, partitions)
    found["clean restart in sync"] = time.monotonic() - began
    print(
        f"stopped cleanly in {found['clean stop']:.1f} s, in sync again {found['clean restart in sync']:.1f} s after its start", flush=True
    )


def led(cluster: Cluster) -> list[int]:
    return [standing.leader for standing in asking.standings(cluster, 20.0) if standing.leader >= 0]


def await_whole(cluster: Cluster, partitions: int) -> None:
    def whole() -> bool:
        told = asking.standings(cluster, 20.0)
        return len(told) >= partitions and all(standing.whole for standing in told)

    until("every replica in sync", whole)


def write_and_read(cluster: Cluster, topics: list[str]) -> None:
    places = [(topic, partition) for topic in topics[::10] for partition in range(EACH)]
    refused = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "log_level": 0})
    for topic, partition in places:
        producer.produce(
            topic, b"%d" % partition, partition=partition, on_delivery=lambda error, _: refused.append(error) if error else None
        )
    if producer.flush(120) or refused:
        raise AssertionError(f"not all was acknowledged: {refused[:3]}")
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "unused", "log_level": 0})
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in places])
    seen: set[tuple[str, int]] = set()

    def all_read() -> bool:
        seen.update((message.topic(), message.partition()) for message in consumer.consume(500, 0.5) if message.error() is None)
        return len(seen) == len(places)

    until("every record read", all_read)
    consumer.close()


def until(what: str, fact) -> None:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            if fact():
                return
        except KafkaException:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not within {WITHIN_S:.0f} s: {what}")


def memory(cluster: Cluster) -> str:
    return "resident " + ", ".join(f"{rss_mib(node.pid):.0f}" for node in cluster.nodes if node.runs()) + " MiB"


def cpu(cluster: Cluster) -> str:
    """What idling costs: seconds of processor time in five seconds."""
    before = [spent(node.pid) for node in cluster.nodes]
    time.sleep(5)
    return "processor " + ", ".join(f"{(spent(node.pid) - was) / 5 * 100:.0f}" for node, was in zip(cluster.nodes, before)) + " % of a core"


def spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=Path, default=WEIR_BINARY)
    parser.add_argument("--partitions", type=int, default=10_000)
    parser.add_argument("--directory", type=Path, help="where to put the data (default: the temporary directory)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
