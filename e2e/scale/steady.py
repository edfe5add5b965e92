"""A producer with acks=all that never rests, in a process of its own, so that what the test does beside it does not hold it up. Writes
when each value was acknowledged; `Steady` starts it and says how long it got no answer.
"""

import contextlib
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import Producer

from harness import children, paths

PARTITIONS = 6
# Values a second in each partition: what a gap can be told from.
RATE = 50
# How a client is tuned to notice quickly.
TUNED = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 0,
    "socket.timeout.ms": 1500,
    "request.timeout.ms": 1500,
    "message.timeout.ms": 120_000,
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 100,
    "retry.backoff.ms": 10,
    "retry.backoff.max.ms": 50,
    "topic.metadata.refresh.interval.ms": 1000,
    "topic.metadata.refresh.fast.interval.ms": 20,
    "log_level": 0,
}


class Steady:
    """The process, and what it wrote so far."""

    def __init__(self, bootstrap: str, topic: str, directory: Path):
        self._path = directory / f"{topic}.acks"
        told = dict(os.environ, BOOTSTRAP=bootstrap, TOPIC=topic, PYTHONPATH=str(paths.E2E), PYTHONUNBUFFERED="1")
        with open(self._path, "wb") as output:
            self._process = children.spawn([sys.executable, __file__], stdin=subprocess.PIPE, stdout=output, env=told)

    def acknowledged(self) -> list[tuple[int, float]]:
        """The partition and the moment of each acknowledgement."""
        lines = self._path.read_text().splitlines(keepends=True)
        fields = (line.split() for line in lines if line.endswith("\n"))
        return [(int(partition), float(moment)) for partition, moment in fields]

    def longest_gap(self, since: float, until: float) -> float:
        """The longest time without an acknowledgement in any one partition that overlaps with these moments."""
        moments: dict[int, list[float]] = {partition: [] for partition in range(PARTITIONS)}
        for partition, moment in self.acknowledged():
            moments[partition].append(moment)
        pairs = (pair for of_one in moments.values() for pair in itertools.pairwise([*of_one, until]))
        return max((after - before for before, after in pairs if after >= since and before <= until), default=until - since)

    def stop(self) -> int:
        """Lets what is on its way be acknowledged; gives how many were."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        if self._process.wait(130) != 0:
            raise AssertionError("a steady producer was refused, or got no answer")
        return len(self.acknowledged())

    def kill(self) -> None:
        children.end_group(self._process)


def main() -> int:
    producer = Producer({"bootstrap.servers": os.environ["BOOTSTRAP"], **TUNED})
    topic, refused = os.environ["TOPIC"], []

    def acknowledged(error, message) -> None:
        if error is not None:
            refused.append(error)
        else:
            print(message.partition(), f"{time.monotonic():.4f}")

    os.set_blocking(sys.stdin.fileno(), False)
    due = time.monotonic()
    while sys.stdin.buffer.read(1) is None:
        for partition in range(PARTITIONS):
            producer.produce(topic, b"x", partition=partition, on_delivery=acknowledged)
        due = max(due + 1 / RATE, time.monotonic() - 1)
        while (left := due - time.monotonic()) > 0:
            producer.poll(left)
    return 1 if producer.flush(120) or refused else 0


if __name__ == "__main__":
    sys.exit(main())
