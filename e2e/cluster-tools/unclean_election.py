"""The last replica that has everything is gone: the partition stays without a leader until somebody says that losing is allowed.

Starts, stops and kills brokers of its own.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from confluent_kafka import KafkaException, Producer

from faults import asking
from harness.cluster import Cluster
from java.tools import attempt, contains
from scenario import AGAINST, equal, eventually

TOPIC = "dared"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="weir-unclean-") as directory:
        cluster = Cluster(AGAINST, Path(directory), Path(os.environ["WEIR_BINARY"]))
        try:
            cluster.start()
            dare(cluster)
        except BaseException:
            print(f"--- the end of the brokers' logs\n{cluster.log_tail()}", file=sys.stderr)
            raise
        finally:
            cluster.stop()
    return 0


def dare(cluster: Cluster) -> None:
    asking.create_topic(cluster, TOPIC, 1, **{"min.insync.replicas": "1"})
    eventually("all in sync", lambda: not asking.not_whole(cluster))
    controller = asking.controller(cluster)
    # Two brokers keep the quorum, so that somebody is there to refuse: the third partition's replica is moved off the controller.
    first, second = [node for node in cluster.nodes if node.number != controller]
    keep(cluster, [first.number, second.number])
    produce(cluster, b"known to both")
    equal("the follower stopped", second.stop(), True)
    eventually("in sync without it", lambda: in_sync(cluster) == {first.number})
    produce(cluster, b"known to one")
    first.kill()
    second.start()
    cluster_of_two = [node for node in cluster.nodes if node is not first]
    eventually("the follower is back", lambda: all(node.is_ready(at_least=2) for node in cluster_of_two), within_s=60)
    for _ in range(20):
        equal("nobody leads", asking.leader_of(cluster, TOPIC, 0), None)
    bootstrap = second.bootstrap
    arguments = ("--topic", TOPIC, "--partition", "0")
    code, output = attempt("kafka-leader-election", "--election-type", "preferred", *arguments, bootstrap=bootstrap)
    equal("a preferred election finds nobody", code != 0, True)
    _, output = attempt("kafka-leader-election", "--election-type", "unclean", *arguments, bootstrap=bootstrap)
    contains(output, "Successfully completed leader election (UNCLEAN)")
    eventually("the follower leads", lambda: asking.leader_of(cluster, TOPIC, 0) == second.number)
    produce(cluster, b"after the loss")
    first.start()
    eventually("all in sync again", lambda: in_sync(cluster) == {first.number, second.number}, within_s=60)
    print("no leader until an unclean election was asked for; then writes go on and the old leader follows")


def keep(cluster: Cluster, brokers: list[int]) -> None:
    plan = cluster.directory / "keep.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": TOPIC, "partition": 0, "replicas": brokers}]}))
    code, output = attempt("kafka-reassign-partitions", "--execute", "--reassignment-json-file", str(plan), bootstrap=cluster.bootstrap)
    equal(f"the move was taken: {output}", code, 0)
    eventually("two replicas in sync", lambda: in_sync(cluster) == set(brokers))
    attempt("kafka-leader-election", "--election-type", "preferred", "--topic", TOPIC, "--partition", "0", bootstrap=cluster.bootstrap)
    eventually("the first leads", lambda: asking.leader_of(cluster, TOPIC, 0) == brokers[0])


def in_sync(cluster: Cluster) -> set[int]:
    return next((set(standing.in_sync) for standing in asking.standings(cluster) if standing.topic == TOPIC), set())


def produce(cluster: Cluster, value: bytes) -> None:
    refused = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", **asking.QUIET})
    producer.produce(TOPIC, value, partition=0, on_delivery=lambda error, _: refused.append(error) if error else None)
    if producer.flush(30) or refused:
        raise KafkaException(*refused) if refused else AssertionError(f"{value!r} was not answered")


if __name__ == "__main__":
    sys.exit(main())
