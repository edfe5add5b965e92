"""The words the programs of a three-broker cluster share: topics of three replicas, who leads, and waiting until it is so."""

from confluent_kafka.admin import AdminClient

from java.tools import tool
from scenario import BOOTSTRAP, eventually

_admin = AdminClient({"bootstrap.servers": BOOTSTRAP})


def create(topic: str, *assignment: str, **config: str) -> None:
    """With the replicas of each partition as given: "0:1:2" is led by 0."""
    settings = [part for name, value in config.items() for part in ("--config", f"{name.replace('_', '.')}={value}")]
    tool("kafka-topics", "--create", "--topic", topic, "--replica-assignment", ",".join(assignment), *settings)
    eventually(
        "its leaders and replicas", lambda: all(partition.leader >= 0 for partition in partitions(topic).values()) and partitions(topic)
    )


def partitions(topic: str) -> dict:
    described = _admin.list_topics(topic, timeout=10).topics[topic]
    return described.partitions


def replicas(topic: str) -> dict[int, list[int]]:
    return {partition.id: list(partition.replicas) for partition in partitions(topic).values()}


def leaders(topic: str) -> dict[int, int]:
    return {partition.id: partition.leader for partition in partitions(topic).values()}


def in_sync(topic: str) -> dict[int, set[int]]:
    return {partition.id: set(partition.isrs) for partition in partitions(topic).values()}
