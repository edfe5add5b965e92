"""Readings of many sensors over four partitions: a sensor's readings share a partition and keep their order."""

from collections import defaultdict

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique

SENSORS, READINGS = 20, 25


def main() -> None:
    topic = unique("readings")
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1}}, wait_for_metadata=True)
    admin.close()

    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, linger_ms=5)
    sent = [
        producer.send(topic, key=b"sensor-%d" % sensor, value=b"%d" % reading) for reading in range(READINGS) for sensor in range(SENSORS)
    ]
    for future in sent:
        future.get(timeout=PATIENCE_S)
    producer.close()

    consumer = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", consumer_timeout_ms=int(PATIENCE_S * 1000))
    values, partitions = defaultdict(list), defaultdict(set)
    for _, record in zip(sent, consumer):
        values[record.key].append(int(record.value))
        partitions[record.key].add(record.partition)
    equal("partitions known", consumer.partitions_for_topic(topic), {0, 1, 2, 3})
    consumer.close()

    equal("sensors", len(values), SENSORS)
    for key, seen in values.items():
        equal(f"order of {key}", seen, list(range(READINGS)))
        equal(f"number of partitions of {key}", len(partitions[key]), 1)
    used = set.union(*partitions.values())
    equal("partitions used", used, {0, 1, 2, 3})
    print(f"{SENSORS} keys kept their order on {len(used)} partitions")


if __name__ == "__main__":
    main()
