"""A worker that commits by hand and dies before its second commit: the work since the first one is handed out again."""

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique


def main() -> None:
    topic, group = unique("payments"), unique("ledger")
    payments = [b"payment %d" % number for number in range(30)]
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all")
    for payment in payments:
        producer.send(topic, payment).get(timeout=PATIENCE_S)
    producer.close()
    partition = TopicPartition(topic, 0)

    consumer = ledger(topic, group)
    taken = [record for _, record in zip(range(20), consumer)]
    consumer.commit({partition: OffsetAndMetadata(10, "half of it", -1)})
    consumer.close(autocommit=False)
    equal("first life", [record.value for record in taken], payments[:20])

    consumer = ledger(topic, group)
    taken = [record for _, record in zip(range(20), consumer)]
    equal("second life", [record.value for record in taken], payments[10:])
    equal("committed metadata", consumer.committed(partition, metadata=True).metadata, "half of it")
    consumer.commit()
    equal("committed after a plain commit", consumer.committed(partition), 30)
    consumer.close(autocommit=False)
    print("payments 10 to 19 were handed out again, 20 to 29 once")


def ledger(topic: str, group: str) -> KafkaConsumer:
    return KafkaConsumer(
        topic,
        bootstrap_servers=BOOTSTRAP,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=int(PATIENCE_S * 1000),
    )


if __name__ == "__main__":
    main()
