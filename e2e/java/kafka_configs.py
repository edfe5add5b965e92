"""kafka-configs: topics and brokers, altered, described with their sources, put back; a wrong value is refused with its name."""

from scenario import eventually, unique
from tools import attempt, contains, refused, rows, tool


def main() -> None:
    topic = unique("configured")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", "1")
    of_a_topic(topic)
    of_brokers(topic)
    print("topic over broker over default, and back")


def of_a_topic(topic: str) -> None:
    entity = ("--entity-type", "topics", "--entity-name", topic)
    contains(
        tool("kafka-configs", *entity, "--alter", "--add-config", "retention.ms=3600000,cleanup.policy=[compact,delete]"),
        "Completed updating config",
    )
    described = tool("kafka-configs", *entity, "--describe")
    contains(
        described,
        "cleanup.policy=compact,delete",
        "retention.ms=3600000",
        "DYNAMIC_TOPIC_CONFIG:retention.ms=3600000",
        "DEFAULT_CONFIG:log.cleanup.policy=delete",
    )
    tool("kafka-configs", *entity, "--alter", "--delete-config", "retention.ms,cleanup.policy")
    contains(
        tool("kafka-configs", *entity, "--describe", "--all"),
        "retention.ms=604800000",
        "cleanup.policy=delete",
        "max.message.bytes=1048588",
        "compression.type=producer",
    )
    refused(
        "kafka-configs",
        *entity,
        "--alter",
        "--add-config",
        "retention.ms=soon",
        because="Invalid value soon for configuration retention.ms",
    )
    refused("kafka-configs", *entity, "--alter", "--add-config", "nosuch=1", because="nosuch")


def of_brokers(topic: str) -> None:
    default = ("--entity-type", "brokers", "--entity-default")
    try:
        tool("kafka-configs", *default, "--alter", "--add-config", "log.retention.ms=7200000")
        contains(tool("kafka-configs", *default, "--describe"), "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=7200000")
        eventually("a topic inherits the cluster's default", lambda: inherited(topic) == "7200000")

        one = ("--entity-type", "brokers", "--entity-name", broker_id())
        tool("kafka-configs", *one, "--alter", "--add-config", "log.retention.ms=5400000")
        contains(tool("kafka-configs", *one, "--describe"), "DYNAMIC_BROKER_CONFIG:log.retention.ms=5400000")
        eventually("the broker's own setting wins", lambda: inherited(topic) == "5400000")
        tool("kafka-configs", *one, "--alter", "--delete-config", "log.retention.ms")
        contains(tool("kafka-configs", *one, "--describe", "--all"), "auto.create.topics.enable=true", "num.partitions=1")
    finally:
        attempt("kafka-configs", *default, "--alter", "--delete-config", "log.retention.ms")
    eventually("and the default is back", lambda: inherited(topic) == "604800000")


def inherited(topic: str) -> str:
    described = tool("kafka-configs", "--entity-type", "topics", "--entity-name", topic, "--describe", "--all")
    return next(row[0].partition("=")[2] for row in rows(described) if row[0].startswith("retention.ms="))


def broker_id() -> str:
    described = tool("kafka-cluster", "list-endpoints")
    return rows(described)[-1][0]


if __name__ == "__main__":
    main()
