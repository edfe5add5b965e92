"""confluent-kafka's producer: a report for every record, idempotence, every codec; headers with nulls, and times, read back."""

from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Producer, TopicPartition

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
NOON = 1_700_000_000_000
HEADERS = [("trace", b"\x00\xff"), ("trace", b"twice"), ("empty", b""), ("null", None)]
EACH = 500


def main() -> None:
    topic = unique("reports")
    reported: list[tuple[int, bytes]] = []

    def report(error, message) -> None:
        equal("error of the delivery", error, None)
        reported.append((message.offset(), message.value()))

    for codec in CODECS:
        producer = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True, "compression.type": codec, "linger.ms": 20})
        for number in range(EACH):
            producer.produce(topic, f"{codec} {number}", key=codec, headers=HEADERS, timestamp=NOON + number, on_delivery=report)
            producer.poll(0)
        equal("records without a report", producer.flush(PATIENCE_S), 0)
    count = len(CODECS) * EACH
    equal("reported offsets", [offset for offset, _ in reported], list(range(count)))

    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": unique("readers"), "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    read = []
    while len(read) < count:
        messages = consumer.consume(count - len(read), timeout=PATIENCE_S)
        if not messages:
            raise AssertionError(f"only {len(read)} of {count} records came back")
        read += messages
    equal("offsets and values", [(message.offset(), message.value()) for message in read], reported)
    equal("headers", read[-1].headers(), HEADERS)
    equal("times", [message.timestamp() for message in read[:EACH]], [(TIMESTAMP_CREATE_TIME, NOON + number) for number in range(EACH)])
    equal("watermarks", consumer.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE_S), (0, count))
    found = consumer.offsets_for_times([TopicPartition(topic, 0, NOON + 250)], PATIENCE_S)[0]
    equal("offset for a time", found.offset, 250)
    consumer.close()
    print(f"{count} reports, each true; {', '.join(CODECS)}")


if __name__ == "__main__":
    main()
