"""A reader without a group goes where it likes: beginning, end, an offset, out of range, paused and on again."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique


def main() -> None:
    topic = unique("pages")
    partition = TopicPartition(topic, 0)
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for number in range(50):
        producer.send(topic, b"%d" % number)
    producer.flush(timeout=PATIENCE_S)

    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset="none", consumer_timeout_ms=int(PATIENCE_S * 1000))
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    equal("from the beginning", take(consumer, 3), [b"0", b"1", b"2"])
    consumer.seek(partition, 40)
    equal("from an offset", take(consumer, 2), [b"40", b"41"])
    equal("position", consumer.position(partition), 42)

    consumer.seek_to_end(partition)
    equal("position at the end", consumer.position(partition), 50)
    equal("nothing there yet", consumer.poll(timeout_ms=300), {})
    producer.send(topic, b"new").get(timeout=PATIENCE_S)
    equal("a new record wakes the reader", take(consumer, 1), [b"new"])

    consumer.pause(partition)
    consumer.seek(partition, 0)
    equal("a paused partition is silent", consumer.poll(timeout_ms=300), {})
    consumer.resume(partition)
    equal("and speaks again", take(consumer, 1), [b"0"])

    consumer.seek(partition, 1000)
    try:
        consumer.poll(timeout_ms=int(PATIENCE_S * 1000))
        raise AssertionError("reading past the end raised nothing")
    except OffsetOutOfRangeError:
        pass
    consumer.close()
    producer.close()
    print("beginning, end, middle and out of range")


def take(consumer: KafkaConsumer, count: int) -> list[bytes]:
    return [record.value for _, record in zip(range(count), consumer)]


if __name__ == "__main__":
    main()
