"""A well-behaved client that works all the while: it writes and reads back, and must see no error and no long stop."""

import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

LONGEST_STOP_S = 10.0


class Bystander:
    """Produces numbers and reads them back on a thread of its own."""

    def __init__(self, bootstrap: str, topic: str):
        self.round_trips = 0
        self.longest_s = 0.0
        self.errors: list[str] = []
        self._topic = topic
        # Errors are remembered; a broker that ends after it all is none.
        both = {"bootstrap.servers": bootstrap, "error_cb": self._error, "log_level": 0}
        self._producer = Producer({**both, "acks": "all", "linger.ms": 0})
        self._consumer = Consumer({**both, "group.id": f"{topic}-group"})
        self._consumer.assign([TopicPartition(topic, 0, 0)])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        self._stop.set()
        self._thread.join(3 * LONGEST_STOP_S)
        self._consumer.close()

    def problems(self) -> list[str]:
        found = [f"the bystander: {error}" for error in self.errors[:5]]
        if self.longest_s > LONGEST_STOP_S:
            found.append(f"the bystander waited {self.longest_s:.1f} s")
        return found

    def _work(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            value = b"%d" % self.round_trips
            self._producer.produce(self._topic, value, partition=0, on_delivery=self._delivered)
            if self._producer.flush(LONGEST_STOP_S):
                self.errors.append(f"no acknowledgement in {LONGEST_STOP_S:.0f} s")
            message = self._consumer.poll(LONGEST_STOP_S)
            if message is None or message.error() or message.value() != value:
                self.errors.append(f"read {message and (message.error() or message.value())!r} instead of {value!r}")
                return
            self.round_trips += 1
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            time.sleep(0.01)

    def _delivered(self, error, _message) -> None:
        if error is not None:
            self.errors.append(f"not delivered: {error}")

    def _error(self, error) -> None:
        self.errors.append(str(error))
