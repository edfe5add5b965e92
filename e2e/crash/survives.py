"""What a broker must still know after kill -9, and after a clean stop: topics, settings, records, the offsets of groups.

Starts, kills and stops a broker of its own. Each life begins with reading what the lives before it left.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

from asking import until_answered
from harness.brokers import Broker
from harness.paths import WEIR_BINARY
from scenario import PATIENCE_S, equal, eventually
from writing import PATIENT

TOPIC, GROUP = "orders", "billing"
EACH = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=Path, default=WEIR_BINARY)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-survives-") as directory:
        broker = Broker(asked.against, Path(directory), asked.weir)
        try:
            lives(broker)
        except BaseException:
            print(f"--- the end of the broker's log\n{broker.log_tail()}", file=sys.stderr)
            raise
        finally:
            broker.stop()
    return 0


def lives(broker: Broker) -> None:
    broker.start()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **PATIENT})
    admin.create_topics([NewTopic(TOPIC, 1, 1, config={"retention.ms": "3600000"}), NewTopic("doomed", 1, 1)])[TOPIC].result(PATIENCE_S)
    change_settings(admin)
    for life, end in enumerate((broker.kill, broker.kill, broker.stop, broker.kill)):
        produce(broker.bootstrap, life)
        consume_and_commit(broker.bootstrap, life)
        if end() is False:
            raise AssertionError("the broker did not stop when it was told to")
        ready_s = broker.start()
        still_known(broker.bootstrap, life)
        print(f"life {life + 1} ended by {end.__name__}: all is known {ready_s * 1000:.0f} ms after exec", flush=True)
    print("4 lives: topics, settings, records and committed offsets outlived each")


def change_settings(admin: AdminClient) -> None:
    entry = ConfigEntry("max.message.bytes", "2097152", incremental_operation=AlterConfigOpType.SET)
    for future in (
        *admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])]).values(),
        *admin.create_partitions([NewPartitions(TOPIC, 2)]).values(),
        *admin.delete_topics(["doomed"]).values(),
    ):
        future.result(PATIENCE_S)


def produce(bootstrap: str, life: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **PATIENT})
    for number in range(EACH):
        producer.produce(TOPIC, f"{life} {number}", partition=0)
    equal("records without a report", producer.flush(PATIENCE_S), 0)


def consume_and_commit(bootstrap: str, life: int) -> None:
    """Takes the records of this life by the group's own position, which the last life left behind."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False, **PATIENT}
    )
    consumer.subscribe([TOPIC])
    values: list[str] = []

    def take() -> bool:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            values.append(message.value().decode())
        return len(values) == EACH

    eventually("the records of this life", take)
    equal("taken by the group", values, [f"{life} {number}" for number in range(EACH)])
    consumer.commit(asynchronous=False)
    consumer.close()


def still_known(bootstrap: str, life: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **PATIENT})
    topics = eventually("a leader for every partition", lambda: led(admin))
    equal("partitions", len(topics[TOPIC].partitions), 2)
    equal("the deleted topic", "doomed" in topics, False)
    resource = ConfigResource(ResourceType.TOPIC, TOPIC)
    settings = admin.describe_configs([resource])[resource].result(PATIENCE_S)
    equal("settings", (settings["retention.ms"].value, settings["max.message.bytes"].value), ("3600000", "2097152"))
    end = (life + 1) * EACH
    equal("committed by the group", committed(bootstrap), end)
    equal("records", records(bootstrap, end), [f"{past} {number}" for past in range(life + 1) for number in range(EACH)])


def led(admin: AdminClient) -> dict | None:
    topics = admin.list_topics(timeout=PATIENCE_S).topics
    return topics if TOPIC in topics and all(partition.leader >= 0 for partition in topics[TOPIC].partitions.values()) else None


def committed(bootstrap: str) -> int:
    """Asked by a consumer: librdkafka's admin client crashes when a coordinator answers that it is still loading."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP, **PATIENT})
    (position,) = until_answered("the committed offset", lambda: consumer.committed([TopicPartition(TOPIC, 0)], 5))
    consumer.close()
    return position.offset


def records(bootstrap: str, count: int) -> list[str]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", **PATIENT})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    values: list[str] = []
    eventually(
        "every record",
        lambda: values.extend(m.value().decode() for m in consumer.consume(count, 0.5) if m.error() is None) or len(values) >= count,
    )
    consumer.close()
    return values


if __name__ == "__main__":
    sys.exit(main())
