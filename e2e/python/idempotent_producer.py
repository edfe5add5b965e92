"""The idempotent producer, five requests in flight on every partition: each record once, in order."""

from collections import defaultdict

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique

PARTITIONS, EACH = 3, 2000


def main() -> None:
    topic = unique("ledger")
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)

    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        enable_idempotence=True,
        acks="all",
        batch_size=512,
        max_in_flight_requests_per_connection=5,
    )
    sent = [producer.send(topic, b"%d" % number, partition=partition) for number in range(EACH) for partition in range(PARTITIONS)]
    acknowledged = defaultdict(list)
    for future in sent:
        metadata = future.get(timeout=PATIENCE_S)
        acknowledged[metadata.partition].append(metadata.offset)
    for partition in range(PARTITIONS):
        equal(f"acknowledged offsets of {partition}", acknowledged[partition], list(range(EACH)))

    consumer = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", consumer_timeout_ms=int(PATIENCE_S * 1000))
    values = defaultdict(list)
    for _, record in zip(sent, consumer):
        values[record.partition].append(int(record.value))
    equal("nothing more", consumer.poll(timeout_ms=300), {})
    for partition in range(PARTITIONS):
        equal(f"values of {partition}", values[partition], list(range(EACH)))
    consumer.close()
    producer.close()
    admin.close()
    print(f"{PARTITIONS * EACH} records, each once and in order")


if __name__ == "__main__":
    main()
