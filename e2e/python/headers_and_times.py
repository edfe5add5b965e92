"""Headers survive byte for byte, and a reader finds its place by time."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique

NOON = 1_700_000_000_000
HEADERS = [("trace", b"\x00\xff"), ("trace", b"twice"), ("empty", b""), ("ключ", "значение".encode())]


def main() -> None:
    topic = unique("events")
    partition = TopicPartition(topic, 0)
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for minute in range(10):
        producer.send(topic, b"%d" % minute, headers=HEADERS, timestamp_ms=NOON + minute * 60_000).get(timeout=PATIENCE_S)
    producer.send(topic, key=b"deleted", value=None, timestamp_ms=NOON + 600_000).get(timeout=PATIENCE_S)
    producer.close()

    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, consumer_timeout_ms=int(PATIENCE_S * 1000))
    consumer.assign([partition])
    equal("beginning", consumer.beginning_offsets([partition]), {partition: 0})
    equal("end", consumer.end_offsets([partition]), {partition: 11})

    for asked, offset in ((NOON - 1, 0), (NOON, 0), (NOON + 1, 1), (NOON + 540_000, 9), (NOON + 590_000, 10)):
        found = consumer.offsets_for_times({partition: asked})[partition]
        equal(f"offset for {asked - NOON} ms after noon", found.offset, offset)
        equal(f"time found for {asked - NOON} ms after noon", found.timestamp, NOON + offset * 60_000)
    equal("offset for a time to come", consumer.offsets_for_times({partition: NOON + 600_001})[partition], None)

    consumer.seek(partition, consumer.offsets_for_times({partition: NOON + 300_000})[partition].offset)
    read = [record for _, record in zip(range(6), consumer)]
    consumer.close()
    equal("values from five past noon", [record.value for record in read], [b"5", b"6", b"7", b"8", b"9", None])
    equal("times", [record.timestamp for record in read], [NOON + minute * 60_000 for minute in range(5, 11)])
    equal("timestamp type: the producer's", {record.timestamp_type for record in read}, {0})
    equal("headers", [tuple(header) for header in read[0].headers], HEADERS)
    equal("key of the tombstone", read[-1].key, b"deleted")
    print("headers and times are as they were given")


if __name__ == "__main__":
    main()
