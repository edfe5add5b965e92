"""An idempotent producer that never stops by itself, and a reader that follows it; both note all they are told.

The producer writes 0, 1, 2, … to each partition, with five requests in flight and no end to its retries. It must never decide
what an answer means: that is the checker's business.
"""

import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from history import History

PER_SECOND = 4000
MAX_UNANSWERED = 20_000
# Back within a fifth of a second, and silent about every refused connection: the kills are ours.
PATIENT = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "socket.timeout.ms": 10_000, "log_level": 0}
_OF_A_RESTART = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}


class Writer:
    """Produces on its own thread until told to finish."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, history: History):
        self._topic, self._partitions, self._history = topic, partitions, history
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "max.in.flight.requests.per.connection": 5,
                "message.timeout.ms": 0,
                "linger.ms": 2,
                "batch.num.messages": 50,
                "retry.backoff.ms": 20,
                **PATIENT,
            }
        )
        self._stop = threading.Event()
        self._unanswered = 0
        self.sent = 0
        self.acknowledged = 0
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def finish(self, within_s: float) -> int:
        """Stops sending, waits for the answers still due, and returns how many never came."""
        self._stop.set()
        self._thread.join(within_s)
        return self._producer.flush(within_s)

    def _write(self) -> None:
        began = time.monotonic()
        value = 0
        while not self._stop.is_set():
            behind = self._unanswered >= MAX_UNANSWERED or self.sent > PER_SECOND * (time.monotonic() - began)
            self._producer.poll(0.005 if behind else 0)
            if behind:
                continue
            for partition in range(self._partitions):
                self._producer.produce(self._topic, b"%d" % value, partition=partition, on_delivery=self._answered)
                self._unanswered += 1
                self.sent += 1
            value += 1

    def _answered(self, error: KafkaError | None, message) -> None:
        self._unanswered -= 1
        if error is None:
            self.acknowledged += 1
            self._history.acknowledged[message.partition()][int(message.value())] = message.offset()
        elif error.code() not in (KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError._PURGE_INFLIGHT):  # of unknown fate
            self._history.failed[message.partition()].add(int(message.value()))


class Follower:
    """Reads every partition from its beginning, through all restarts."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, history: History):
        self._polled = history.new_reader()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{topic}-unused",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 100,
                **PATIENT,
            }
        )
        self._consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
        self._stop = threading.Event()
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def read_to(self, ends: dict[int, int], within_s: float) -> None:
        """Waits until every partition was read up to its end, then closes."""
        deadline = time.monotonic() + within_s
        while any(self._position(partition) < end for partition, end in ends.items()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._stop.set()
        self._thread.join(within_s)
        self._consumer.close()

    def _position(self, partition: int) -> int:
        polled = self._polled[partition]
        return polled[-1][0] + 1 if polled else 0

    def _read(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, timeout=0.1):
                if message.error() is None:
                    self._polled[message.partition()].append((message.offset(), int(message.value())))
                elif not message.error().retriable() and message.error().code() not in _OF_A_RESTART:
                    self.errors.append(str(message.error()))
