"""kafka-topics: create as every tutorial does, list, describe, add partitions, delete; and what it says when it may not."""

from scenario import eventually, unique
from tools import attempt, contains, refused, tool


def main() -> None:
    topic = unique("tutorial")
    created = tool(
        "kafka-topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", "1", "--config", "retention.ms=3600000"
    )
    contains(created, f"Created topic {topic}.")
    described = tool("kafka-topics", "--describe", "--topic", topic)
    contains(
        described, f"Topic: {topic}", "PartitionCount: 1", "ReplicationFactor: 1", "retention.ms=3600000", "Partition: 0\tLeader: ", "Isr: "
    )
    refused(
        "kafka-topics",
        "--create",
        "--topic",
        topic,
        because=f"Topic '{topic}' already exists",
        or_because=f'topic "{topic}" already exists',
    )
    refused(
        "kafka-topics",
        "--create",
        "--topic",
        unique("t"),
        "--config",
        "nosuch=1",
        because="Unknown topic config name: nosuch",
        or_because='unknown topic setting "nosuch"',
    )
    refused("kafka-topics", "--create", "--topic", unique("t"), "--replication-factor", "3", because="replication factor")

    tool("kafka-topics", "--alter", "--topic", topic, "--partitions", "3")
    contains(tool("kafka-topics", "--describe", "--topic", topic), "PartitionCount: 3", "Partition: 2")
    contains(tool("kafka-topics", "--list"), topic)

    tool("kafka-topics", "--delete", "--topic", topic)
    eventually("the topic is gone", lambda: topic not in attempt("kafka-topics", "--list")[1])
    refused("kafka-topics", "--describe", "--topic", topic, because="does not exist")
    print("created, described, grown, listed, deleted; four refusals")


if __name__ == "__main__":
    main()
