"""Two workers share four partitions: the second takes its half, nothing is lost, and when it leaves the first has all again."""

import threading

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from scenario import BOOTSTRAP, PATIENCE_S, equal, eventually, unique

PARTITIONS, EACH = 4, 50


class Worker:
    """A consumer on its own thread that notes what it was given and what it read."""

    def __init__(self, topic: str, group: str):
        self.read: set[bytes] = set()
        self.assigned: set[int] = set()
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(topic, group), daemon=True)
        self._thread.start()

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(PATIENCE_S)
        equal("the worker has left", self._thread.is_alive(), False)

    def _work(self, topic: str, group: str) -> None:
        consumer = KafkaConsumer(
            topic,
            bootstrap_servers=BOOTSTRAP,
            group_id=group,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=500,
        )
        while not self._leave.is_set():
            for records in consumer.poll(timeout_ms=200).values():
                self.read.update(record.value for record in records)
            self.assigned = {partition.partition for partition in consumer.assignment()}
        consumer.close()
        self.assigned = set()


def main() -> None:
    topic, group = unique("tasks"), unique("pool")
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)

    first = Worker(topic, group)
    eventually("the first worker has every partition", lambda: len(first.assigned) == PARTITIONS)
    early = produce(topic, "early")
    eventually("the first worker reads alone", lambda: first.read == early)

    second = Worker(topic, group)
    eventually("two partitions each", lambda: len(first.assigned) == 2 == len(second.assigned))
    equal("no partition owned twice", first.assigned | second.assigned, set(range(PARTITIONS)))
    members = admin.describe_groups([group])[group]["members"]
    equal("members of the group", len(members), 2)
    shared = produce(topic, "shared")
    eventually("both together read everything", lambda: first.read | second.read >= early | shared)
    equal("nothing was read by both", first.read & second.read & shared, set())

    second.leave()
    eventually("the first worker has every partition again", lambda: len(first.assigned) == PARTITIONS)
    late = produce(topic, "late")
    eventually("the first worker reads alone again", lambda: first.read >= late)
    first.leave()
    admin.close()
    print("4 -> 2 + 2 -> 4 partitions, nothing lost")


def produce(topic: str, phase: str) -> set[bytes]:
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    values = {f"{phase} {partition} {number}".encode(): partition for partition in range(PARTITIONS) for number in range(EACH)}
    for value, partition in values.items():
        producer.send(topic, value, partition=partition)
    producer.flush(timeout=PATIENCE_S)
    producer.close()
    return set(values)


if __name__ == "__main__":
    main()
