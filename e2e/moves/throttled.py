"""A move with a limit keeps to it: so many bytes in a second and no more, for that partition alone, and nothing of the limit is left
when the move has ended.

Four brokers; a partition that is moved twice, slowly and then as fast as it goes, and one beside it that is written to meanwhile.
"""

import re
import sys
import time
import urllib.request

from confluent_kafka import Producer

from badinput.bystander import Bystander
from faults.asking import create_topic
from harness.cluster import Cluster, Node
from moves.drain import Weir
from scenario import equal, eventually, unique
from strangers.unharmed import one_cluster
from strangers.words import admin, admin_of

MIB = 1 << 20
SIZE_MIB, RATE = 12, 2 * MIB
# What may be taken at once before the limit bites is a second's worth; one fetch may take more than is left, and owes it.
BURST_S = 1.0
# A busy machine may be slower than it is allowed to be, but not by this much; and never faster.
SLOWER_AT_MOST = 2.5
WITHIN_S = 90
_BYTES_IN = re.compile(r"^weir_replication_bytes_in_total (\d+)", re.MULTILINE)


def main() -> int:
    with one_cluster(brokers=4) as cluster:
        topic, quiet = unique("heavy"), unique("quiet")
        create_topic(cluster, topic, 1)
        create_topic(cluster, quiet, 1)
        _fill(cluster, topic)
        weir = Weir(cluster)
        bystander = Bystander(cluster.bootstrap, quiet)
        eventually("the bystander works", lambda: bystander.round_trips > 5)

        homes = _homes(cluster, topic)
        (added,) = set(range(4)) - set(homes)
        slow_s = _moved(cluster, weir, topic, [*homes[:2], added], RATE)
        least = SIZE_MIB * MIB / RATE - BURST_S
        if not least <= slow_s <= least * SLOWER_AT_MOST:
            raise AssertionError(
                f"{SIZE_MIB} MiB at {RATE // MIB} MiB/s took {slow_s:.1f} s; {least:.1f} s at least, a little more at most"
            )
        equal("what is left of the limit", _limits(cluster, topic), [0] * 4)

        fast_s = _moved(cluster, weir, topic, homes, None)
        if fast_s > least / 2:
            raise AssertionError(f"back without a limit it took {fast_s:.1f} s: a limit is left")
        equal("health after all", weir.health(), (0, 0))
        bystander.leave()
        if problems := bystander.problems():
            raise AssertionError("\n".join(problems))
        longest = f"longest {bystander.longest_s * 1000:.0f} ms"
        print(f"{SIZE_MIB} MiB at {RATE // MIB} MiB/s in {slow_s:.1f} s, back without a limit in {fast_s:.1f} s; bystander: {longest}")
    return 0


def _moved(cluster: Cluster, weir: Weir, topic: str, to: list[int], rate: int | None) -> float:
    """Moves the partition there; gives the seconds until it is there. No faster than the limit at any time on the way."""
    known, node = _described(cluster.nodes[0], topic), cluster.nodes[0]
    arrives = cluster.nodes[next(broker for broker in to if broker not in known.partitions[0].replicas)]
    move = admin.Move(partition=admin.PartitionRef(topic_id=known.topic_id, partition=0), throttle_bytes_per_second=rate)
    move.replicas.extend(admin.MoveTarget(id=broker) for broker in to)
    before, began = _bytes_in(arrives), time.monotonic()
    channel, stub = admin_of(f"{node.address}:{node.ports.admin}")
    with channel:
        (begun,) = stub.MovePartitions(admin.MovePartitionsRequest(moves=[move]), timeout=15).results
    equal("whether it moves", (begun.changed, begun.refusal.message), (True, ""))
    while _homes(cluster, topic) != to or weir.moving():
        took = time.monotonic() - began
        if took > WITHIN_S:
            raise AssertionError(f"it is not there after {took:.0f} s")
        # Asked for before the clock is read, so that it may only be less than what is allowed by then.
        copied, took = _bytes_in(arrives) - before, time.monotonic() - began
        if rate and copied > rate * (took + BURST_S) + 2 * MIB:
            raise AssertionError(f"{copied / MIB:.1f} MiB came within {took:.1f} s: the limit is {rate / MIB:.0f} MiB/s")
        time.sleep(0.1)
    return time.monotonic() - began


def _described(node: Node, topic: str):
    channel, stub = admin_of(f"{node.address}:{node.ports.admin}")
    with channel:
        asked = admin.DescribeClusterRequest(topics=[topic], without_measures=True)
        (described,) = (row for part in stub.DescribeCluster(asked, timeout=15) for row in part.topics)
    return described


def _homes(cluster: Cluster, topic: str) -> list[int]:
    return list(_described(cluster.nodes[0], topic).partitions[0].replicas)


def _limits(cluster: Cluster, topic: str) -> list[int]:
    """As each of the brokers knows it."""
    return [_described(node, topic).partitions[0].throttle_bytes_per_second for node in cluster.nodes]


def _bytes_in(node: Node) -> int:
    with urllib.request.urlopen(f"http://{node.address}:{node.ports.http}/metrics", timeout=10) as answer:
        return int(_BYTES_IN.search(answer.read().decode()).group(1))


def _fill(cluster: Cluster, topic: str) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all"})
    for _ in range(SIZE_MIB * 16):
        producer.produce(topic, bytes(MIB // 16), partition=0)
    if left := producer.flush(WITHIN_S):
        raise AssertionError(f"{left} records were not taken")


if __name__ == "__main__":
    sys.exit(main())
