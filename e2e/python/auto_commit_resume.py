"""A worker with auto-commit stops and starts again: it goes on where it was, and sees nothing twice and nothing never."""

from kafka import KafkaConsumer, KafkaProducer

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique


def main() -> None:
    topic, group = unique("jobs"), unique("workers")
    jobs = [b"job %d" % number for number in range(60)]
    with_producer(topic, jobs)

    first = work(topic, group, 25)
    second = work(topic, group, 35)
    equal("first run", first, jobs[:25])
    equal("second run, after the restart", second, jobs[25:])
    print("the second run went on at job 25")


def with_producer(topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for value in values:
        producer.send(topic, value)
    producer.flush(timeout=PATIENCE_S)
    producer.close()


def work(topic: str, group: str, count: int) -> list[bytes]:
    """One life of the worker; closing it commits what it has taken."""
    consumer = KafkaConsumer(
        bootstrap_servers=BOOTSTRAP,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=True,
        auto_commit_interval_ms=200,
        consumer_timeout_ms=int(PATIENCE_S * 1000),
    )
    consumer.subscribe([topic])
    done = [record.value for _, record in zip(range(count), consumer)]
    consumer.close()
    return done


if __name__ == "__main__":
    main()
