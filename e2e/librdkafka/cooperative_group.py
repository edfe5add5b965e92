"""A cooperative group: a second member takes half, the first keeps the rest without a stop; leaving gives it back."""

import threading
import time

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from scenario import BOOTSTRAP, PATIENCE_S, equal, eventually, unique

PARTITIONS = 6


class Member:
    """A consumer on its own thread that keeps account of what it owns and reads."""

    def __init__(self, topic: str, group: str):
        self.owned: set[int] = set()
        self.revoked: list[int] = []
        self.read: list[bytes] = []
        self._leave = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": BOOTSTRAP,
                "group.id": group,
                "partition.assignment.strategy": "cooperative-sticky",
                "auto.offset.reset": "earliest",
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 500,
            }
        )
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(PATIENCE_S)

    def _work(self) -> None:
        while not self._leave.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.read.append(message.value())
        self._consumer.close()

    def _assigned(self, consumer: Consumer, added) -> None:
        consumer.incremental_assign(added)
        self.owned |= {partition.partition for partition in added}

    def _revoked(self, consumer: Consumer, taken) -> None:
        consumer.incremental_unassign(taken)
        self.owned -= {partition.partition for partition in taken}
        self.revoked += [partition.partition for partition in taken]


def main() -> None:
    topic, group = unique("tasks"), unique("crew")
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(PATIENCE_S)

    first = Member(topic, group)
    eventually("the first member has all", lambda: len(first.owned) == PARTITIONS)
    second = Member(topic, group)
    eventually("three each", lambda: len(first.owned) == 3 == len(second.owned))
    equal("nobody shares a partition", first.owned | second.owned, set(range(PARTITIONS)))
    equal("the first gave up only what it had to", len(first.revoked), 3)

    values = produce(topic)
    eventually("all is read", lambda: len(first.read) + len(second.read) >= len(values))
    equal("each value once", sorted(first.read + second.read), sorted(values))

    second.leave()
    began = time.monotonic()
    eventually("the first has all again", lambda: len(first.owned) == PARTITIONS)
    equal("and gave up nothing for it", len(first.revoked), 3)
    first.leave()
    print(f"6 -> 3 + 3 -> 6 partitions; taken back in {time.monotonic() - began:.1f} s")


def produce(topic: str) -> list[bytes]:
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    values = [f"{partition} {number}".encode() for partition in range(PARTITIONS) for number in range(50)]
    for value in values:
        producer.produce(topic, value, partition=int(value.split()[0]))
    equal("unsent", producer.flush(PATIENCE_S), 0)
    return values


if __name__ == "__main__":
    main()
