"""Looking after groups: list, describe, move and delete their offsets, delete them; refused while somebody is inside."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

from scenario import BOOTSTRAP, PATIENCE_S, equal, eventually, unique


def main() -> None:
    topic, group = unique("mail"), unique("readers")
    partition = TopicPartition(topic, 0)
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for number in range(10):
        producer.send(topic, b"%d" % number).get(timeout=PATIENCE_S)
    producer.close()
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)

    consumer = reader(topic, group)
    equal("read", [record.value for _, record in zip(range(4), consumer)], [b"0", b"1", b"2", b"3"])
    consumer.commit({partition: OffsetAndMetadata(4, "", -1)})
    equal("listed", group in {listed["group_id"] for listed in admin.list_groups()}, True)
    described = admin.describe_groups([group])[group]
    equal("state with a member", described["group_state"], "Stable")
    equal("protocol type", described["protocol_type"], "consumer")
    equal("members", [member["client_id"] for member in described["members"]], ["the reader"])
    equal("deleting a group with a member", admin.delete_groups([group]), {group: "NonEmptyGroupError"})
    consumer.close(autocommit=False)

    eventually("the group is empty", lambda: admin.describe_groups([group])[group]["group_state"] == "Empty")
    equal("committed", admin.list_group_offsets(group)[group][partition].offset, 4)
    admin.alter_group_offsets(group, {partition: OffsetAndMetadata(8, "moved", -1)})
    consumer = reader(topic, group)
    equal("read after the move", [record.value for _, record in zip(range(2), consumer)], [b"8", b"9"])
    consumer.close(autocommit=False)

    admin.delete_group_offsets(group, [partition])
    equal("offsets after their deletion", admin.list_group_offsets(group)[group].get(partition), None)
    admin.alter_group_offsets(group, {partition: OffsetAndMetadata(1, "", -1)})
    equal("deleting the empty group", admin.delete_groups([group]), {group: "OK"})
    equal("deleting it again", admin.delete_groups([group]), {group: "GroupIdNotFoundError"})
    equal("listed after that", group in {listed["group_id"] for listed in admin.list_groups()}, False)
    admin.close()
    print("listed, described, moved, forgotten, deleted")


def reader(topic: str, group: str) -> KafkaConsumer:
    return KafkaConsumer(
        topic,
        bootstrap_servers=BOOTSTRAP,
        client_id="the reader",
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=int(PATIENCE_S * 1000),
    )


if __name__ == "__main__":
    main()
