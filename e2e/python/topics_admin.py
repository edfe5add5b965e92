"""The administrator's day: create, describe, grow, configure, empty and delete topics; and the refusals, each with its own error."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.admin import ConfigResource, ConfigResourceType

from scenario import BOOTSTRAP, PATIENCE_S, equal, eventually, unique


def main() -> None:
    topic = unique("inventory")
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    admin.create_topics(
        {topic: {"num_partitions": 2, "replication_factor": 1, "configs": {"retention.ms": "3600000"}}}, wait_for_metadata=True
    )
    refusals(admin, topic)
    equal("listed", topic in admin.list_topics(), True)
    described = admin.describe_topics([topic])[0]
    equal("partitions", sorted(partition["partition_index"] for partition in described["partitions"]), [0, 1])

    admin.create_partitions({topic: 5})
    eventually("five partitions", lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 5)
    refused(errors.InvalidPartitionsError, lambda: admin.create_partitions({topic: 3}))

    configure(admin, topic)
    empty(admin, topic)
    equal("brokers", len(admin.describe_cluster()["brokers"]), 1)
    admin.delete_topics([topic])
    eventually("the topic is gone", lambda: topic not in admin.list_topics())
    refused(errors.UnknownTopicOrPartitionError, lambda: admin.delete_topics([topic]))
    admin.close()
    print("created, grown, configured, emptied, deleted; and seven refusals")


def refusals(admin: KafkaAdminClient, existing: str) -> None:
    refused(errors.TopicAlreadyExistsError, lambda: admin.create_topics([existing]))
    refused(errors.InvalidTopicError, lambda: admin.create_topics(["no spaces, please"]))
    refused(errors.InvalidPartitionsError, lambda: admin.create_topics({unique("t"): {"num_partitions": 0}}))
    refused(errors.InvalidReplicationFactorError, lambda: admin.create_topics({unique("t"): {"replication_factor": 7}}))
    refused(errors.InvalidConfigurationError, lambda: admin.create_topics({unique("t"): {"configs": {"retention.ms": "soon"}}}))
    only_validated = unique("validated")
    admin.create_topics([only_validated], validate_only=True)
    equal("validate_only creates nothing", only_validated in admin.list_topics(), False)


def configure(admin: KafkaAdminClient, topic: str) -> None:
    def setting(name: str) -> str:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})
        return admin.describe_configs([asked], config_filter="all")["topic"][topic][name]["value"]

    equal("retention.ms as created", setting("retention.ms"), "3600000")
    equal("cleanup.policy by default", setting("cleanup.policy"), "delete")
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "7200000", "cleanup.policy": "compact"})])
    eventually("altered", lambda: (setting("retention.ms"), setting("cleanup.policy")) == ("7200000", "compact"))
    admin.reset_configs([ConfigResource(ConfigResourceType.TOPIC, topic, ["retention.ms", "cleanup.policy"])])
    eventually("reset", lambda: (setting("retention.ms"), setting("cleanup.policy")) == ("604800000", "delete"))


def empty(admin: KafkaAdminClient, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for number in range(10):
        producer.send(topic, b"%d" % number, partition=0).get(timeout=PATIENCE_S)
    producer.close()
    deleted = admin.delete_records({partition: 7})
    equal("low watermark", deleted[partition]["low_watermark"], 7)
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP)
    equal("beginning after the deletion", consumer.beginning_offsets([partition]), {partition: 7})
    consumer.close()


def refused(error: type, attempt) -> None:
    try:
        attempt()
    except error:
        return
    raise AssertionError(f"expected {error.__name__}, but nothing was refused")


if __name__ == "__main__":
    main()
