"""The kafka-python driver: an idempotent producer, one that never retries, and a group of two, which note all they are told.

Told by its environment what to do (see `drivers`) and by its standard input when to stop; writes the lines that `history` reads
to its standard output. Must never decide what an answer means for the log, beyond whether it promises anything.
"""

import itertools
import json
import logging
import os
import sys
import threading
import time

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import InvalidRecordError, KafkaError, MessageSizeTooLargeError, NotEnoughReplicasError

BOOTSTRAP = os.environ["BOOTSTRAP"].split(",")
TOPIC, GROUP = os.environ["TOPIC"], os.environ["GROUP"]
PARTITIONS, RATE, MEMBERS = (int(os.environ[name]) for name in ("PARTITIONS", "RATE", "MEMBERS"))
MAX_UNANSWERED = 1000
FINISH_WITHIN_S = 90.0
COMMIT_EVERY_S = 0.5
# Tuned to notice quickly: a dead connection at once, a silent one within a second and a half, a new leader within moments.
QUICK = {
    "request_timeout_ms": 1500,
    "retry_backoff_ms": 20,
    "reconnect_backoff_ms": 10,
    "reconnect_backoff_max_ms": 200,
    "metadata_max_age_ms": 1000,
}
# The answers which promise that nothing was written.
REFUSED = (NotEnoughReplicasError, InvalidRecordError, MessageSizeTooLargeError)

_writing = threading.Event()
_reading = threading.Event()
_output = threading.Lock()


def note(kind: str, **facts) -> None:
    line = json.dumps({"e": kind, "t": round(time.monotonic(), 6), **facts}, separators=(",", ":"))
    with _output:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Writer(threading.Thread):
    """Writes 0, 1, 2, … to each partition in turn, at a steady rate, until told to finish."""

    def __init__(self, name: str, per_second: float, **settings):
        super().__init__(name=name, daemon=True)
        self._per_second = per_second
        self._producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", metrics_enabled=False, **QUICK, **settings)
        self._room = threading.Semaphore(MAX_UNANSWERED)

    def run(self) -> None:
        began = time.monotonic()
        for count in itertools.count():
            if not _writing.is_set():
                break
            time.sleep(max(0.0, began + count / self._per_second - time.monotonic()))
            if not self._room.acquire(timeout=1.0):
                began += 1.0
                continue
            self._write(count % PARTITIONS, count // PARTITIONS)
        try:
            self._producer.flush(timeout=FINISH_WITHIN_S)
        except KafkaError as failed:
            note("note", why=f"{self.name} was not answered in {FINISH_WITHIN_S:.0f} s: {failed!r}")

    def _write(self, partition: int, number: int) -> None:
        value = {"w": self.name, "p": partition, "v": number}
        note("invoke", **value)
        try:
            future = self._producer.send(TOPIC, value=f"{self.name}:{number}".encode(), partition=partition)
        except KafkaError as failed:
            self._room.release()
            note("unknown", **value, why=repr(failed))
            return
        future.add_callback(self._acknowledged, value)
        future.add_errback(self._not_acknowledged, value)

    def _acknowledged(self, value: dict, metadata) -> None:
        self._room.release()
        note("ok", **value, o=metadata.offset)

    def _not_acknowledged(self, value: dict, error: BaseException) -> None:
        self._room.release()
        note("fail" if isinstance(error, REFUSED) else "unknown", **value, why=repr(error)[:200])


class Member(threading.Thread, ConsumerRebalanceListener):
    """A member of the group, which commits what it has polled and nothing else."""

    def __init__(self, name: str):
        threading.Thread.__init__(self, name=name, daemon=True)
        self._assignment = 0
        self._polled: dict[TopicPartition, int] = {}
        self._consumer = KafkaConsumer(
            bootstrap_servers=BOOTSTRAP,
            group_id=GROUP,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=500,
            fetch_max_wait_ms=100,
            metrics_enabled=False,
            **QUICK,
        )
        self._consumer.subscribe([TOPIC], listener=self)

    def run(self) -> None:
        committed_at = time.monotonic()
        while _reading.is_set():
            try:
                for place, records in self._consumer.poll(timeout_ms=100).items():
                    read = [[record.offset, *split(record.value)] for record in records]
                    note("poll", c=self.name, p=place.partition, a=self._assignment, r=read)
                    self._polled[place] = records[-1].offset + 1
                if time.monotonic() > committed_at + COMMIT_EVERY_S:
                    committed_at = time.monotonic()
                    self._commit()
            except KafkaError as failed:
                note("note", why=f"{self.name}: {failed!r}"[:200])
                time.sleep(0.1)
        self._consumer.close(autocommit=False, timeout_ms=5000)

    def on_partitions_revoked(self, revoked) -> None:
        self._polled.clear()
        note("revoke", c=self.name, ps=sorted(place.partition for place in revoked))

    def on_partitions_assigned(self, assigned) -> None:
        self._assignment += 1
        owned = sorted(place.partition for place in assigned)
        note("own", c=self.name, group=GROUP, g=self._consumer.group_metadata().generation_id, ps=owned)
        note("assign", c=self.name, a=self._assignment, ps=owned)

    def _commit(self) -> None:
        if self._polled:
            offsets = dict(self._polled)
            self._consumer.commit({place: OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}, timeout_ms=1500)
            note("commit", c=self.name, ps={str(place.partition): offset for place, offset in offsets.items()})


def split(value: bytes) -> list:
    writer, number = value.decode().rsplit(":", 1)
    return [writer, int(number)]


def main() -> None:
    logging.disable(logging.CRITICAL)
    _writing.set()
    _reading.set()
    note("careless", w="python-once")
    writers = [
        Writer("python", RATE, enable_idempotence=True, linger_ms=2, delivery_timeout_ms=120_000),
        # Its refusals are final, so they must be true; no retry can blur what became of a value.
        Writer("python-once", RATE / 5, enable_idempotence=False, retries=0, max_in_flight_requests_per_connection=1),
    ]
    members = [Member(f"python-{number}") for number in range(MEMBERS)]
    for thread in (*writers, *members):
        thread.start()
    note("note", why="ready")
    sys.stdin.readline()
    _writing.clear()
    for writer in writers:
        writer.join(FINISH_WITHIN_S + 10)
    note("note", why="finished")
    sys.stdin.readline()
    _reading.clear()
    for member in members:
        member.join(15)


if __name__ == "__main__":
    main()
