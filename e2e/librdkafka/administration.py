"""confluent-kafka's AdminClient: topics, settings, partitions, offsets, records, groups, the cluster itself."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from scenario import BOOTSTRAP, PATIENCE_S, equal, eventually, unique


def main() -> None:
    topic = unique("admin")
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    done(admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "3600000"})]))
    refused(KafkaError.TOPIC_ALREADY_EXISTS, admin.create_topics([NewTopic(topic, 1, 1)]))
    done(admin.create_partitions([NewPartitions(topic, 3)]))
    eventually("three partitions", lambda: len(admin.list_topics(topic, PATIENCE_S).topics[topic].partitions) == 3)

    settings(admin, topic)
    offsets_and_records(admin, topic)
    groups(admin, topic)
    cluster = admin.describe_cluster(request_timeout=PATIENCE_S).result(PATIENCE_S)
    equal("brokers", len(cluster.nodes), 1)
    done(admin.delete_topics([topic]))
    eventually("the topic is gone", lambda: topic not in admin.list_topics(timeout=PATIENCE_S).topics)
    refused(KafkaError.UNKNOWN_TOPIC_OR_PART, admin.delete_topics([topic]))
    print("topics, settings, offsets, records, groups")


def settings(admin: AdminClient, topic: str) -> None:
    def value(name: str) -> str:
        return done(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))[0][name].value

    def change(operation: AlterConfigOpType, name: str, to: str | None) -> None:
        entry = ConfigEntry(name, to, incremental_operation=operation)
        done(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))

    equal("retention.ms as created", value("retention.ms"), "3600000")
    change(AlterConfigOpType.SET, "max.message.bytes", "2097152")
    change(AlterConfigOpType.APPEND, "cleanup.policy", "compact")
    eventually("changed", lambda: (value("max.message.bytes"), value("cleanup.policy")) == ("2097152", "delete,compact"))
    change(AlterConfigOpType.SUBTRACT, "cleanup.policy", "compact")
    change(AlterConfigOpType.DELETE, "max.message.bytes", None)
    eventually("changed back", lambda: (value("max.message.bytes"), value("cleanup.policy")) == ("1048588", "delete"))


def offsets_and_records(admin: AdminClient, topic: str) -> None:
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    for number in range(10):
        producer.produce(topic, str(number), partition=0, timestamp=1_700_000_000_000 + number)
    equal("unsent", producer.flush(PATIENCE_S), 0)
    partition = TopicPartition(topic, 0)

    def offset(spec: OffsetSpec) -> int:
        return done(admin.list_offsets({partition: spec}))[0].offset

    asked = [OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp(), OffsetSpec.for_timestamp(1_700_000_000_004)]
    equal("offsets", [offset(spec) for spec in asked], [0, 10, 9, 4])
    equal("low watermark", done(admin.delete_records([TopicPartition(topic, 0, 6)]))[0].low_watermark, 6)
    equal("earliest after the deletion", offset(OffsetSpec.earliest()), 6)


def groups(admin: AdminClient, topic: str) -> None:
    group = unique("admins")
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    message = eventually("a record", lambda: consumer.poll(0.5))
    equal("first record after the deletion", (message.error(), message.value()), (None, b"6"))
    consumer.commit(message, asynchronous=False)
    described = done(admin.describe_consumer_groups([group]))[0]
    equal("group with a member", (described.state.name, len(described.members)), ("STABLE", 1))
    refused(KafkaError.NON_EMPTY_GROUP, admin.delete_consumer_groups([group]))
    consumer.close()

    listed = admin.list_consumer_groups().result(PATIENCE_S).valid
    equal("listed", group in {entry.group_id for entry in listed}, True)
    eventually("the group is empty", lambda: done(admin.describe_consumer_groups([group]))[0].state.name == "EMPTY")
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 9)])
    done(admin.alter_consumer_group_offsets([moved]))
    committed = done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[0].topic_partitions
    equal("committed", [(entry.partition, entry.offset) for entry in committed], [(0, 9)])
    done(admin.delete_consumer_groups([group]))
    refused(KafkaError.GROUP_ID_NOT_FOUND, admin.delete_consumer_groups([group]))


def done(futures: dict) -> list:
    return [future.result(PATIENCE_S) for future in futures.values()]


def refused(code: int, futures: dict) -> None:
    try:
        done(futures)
    except KafkaException as answer:
        equal("error code of the refusal", answer.args[0].code(), code)
        return
    raise AssertionError(f"expected error {code}, but nothing was refused")


if __name__ == "__main__":
    main()
