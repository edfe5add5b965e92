"""kill -9 in the middle of produce, again and again: nothing acknowledged is lost, doubled or reordered, and restarts are quick.

Starts and kills a broker of its own. Every moment of killing comes from the seed, so a bad schedule can be run again.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from asking import until_answered
from harness.brokers import Broker
from harness.paths import WEIR_BINARY
from history import History, check
from writing import PATIENT, Follower, Writer

PARTITIONS = 4
PROGRESS_WITHIN_S = 60.0
ANSWERS_WITHIN_S = 120.0
READY_WITHIN_S = 1.0
MIB = 1 << 20


@dataclass(frozen=True)
class Restart:
    """How quick one restart was."""

    ready_s: float
    first_ack_s: float


def main() -> int:
    asked = arguments()
    print(f"seed {asked.seed}: {asked.rounds} kills against {asked.against}", flush=True)
    with tempfile.TemporaryDirectory(prefix="weir-kill9-", dir=asked.directory) as directory:
        broker = Broker(asked.against, Path(directory), asked.weir)
        try:
            broker.start()
            history, restarts = ordeal(broker, asked)
        except BaseException:
            print(f"--- the end of the broker's log\n{broker.log_tail()}", file=sys.stderr)
            raise
        finally:
            broker.stop()
    return verdict(history, restarts, asked)


def ordeal(broker: Broker, asked: argparse.Namespace) -> tuple[History, list[Restart]]:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **PATIENT})
    for future in admin.create_topics([NewTopic("ledger", PARTITIONS, 1), NewTopic("ballast", PARTITIONS, 1)]).values():
        future.result(30)
    if asked.log_gb:
        prefill(broker.bootstrap, asked.log_gb)
    history, chance = History(), random.Random(asked.seed)
    follower = Follower(broker.bootstrap, "ledger", PARTITIONS, history)
    writer = Writer(broker.bootstrap, "ledger", PARTITIONS, history)
    await_progress(writer, 0)

    restarts = []
    for number in range(1, asked.rounds + 1):
        lived_s = chance.uniform(0.05, asked.longest_life_s)
        time.sleep(lived_s)
        restart = kill_and_restart(broker, writer)
        restarts.append(restart)
        print(
            f"kill {number:>3} after {lived_s:4.2f} s: ready in {restart.ready_s * 1000:5.0f} ms, "
            f"first acknowledgement after {restart.first_ack_s * 1000:5.0f} ms, {writer.acknowledged} acknowledged",
            flush=True,
        )
    unanswered = writer.finish(ANSWERS_WITHIN_S)
    print(f"sent {writer.sent}, acknowledged {writer.acknowledged}, without an answer {unanswered}", flush=True)

    broker.kill()  # What is read at last is what a restart finds, not what the page cache of a living process holds.
    broker.start()
    ends = log_ends(broker.bootstrap)
    follower.read_to(ends, ANSWERS_WITHIN_S)
    Follower(broker.bootstrap, "ledger", PARTITIONS, history).read_to(ends, ANSWERS_WITHIN_S)
    if follower.errors:
        raise AssertionError(f"the follower saw errors: {follower.errors[:5]}")
    if unanswered:
        raise AssertionError(f"{unanswered} records had no answer {ANSWERS_WITHIN_S:.0f} s after the last restart")
    return history, restarts


def kill_and_restart(broker: Broker, writer: Writer) -> Restart:
    broker.kill()
    acknowledged_before = writer.acknowledged
    began = time.monotonic()
    ready_s = broker.start()
    await_progress(writer, acknowledged_before)
    return Restart(ready_s, time.monotonic() - began)


def await_progress(writer: Writer, acknowledged_before: int) -> None:
    deadline = time.monotonic() + PROGRESS_WITHIN_S
    while writer.acknowledged <= acknowledged_before:
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing was acknowledged in {PROGRESS_WITHIN_S:.0f} s")
        time.sleep(0.002)


def prefill(bootstrap: str, gigabytes: float) -> None:
    """A log of this size to recover at each restart."""
    began = time.monotonic()
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "linger.ms": 20,
            "batch.size": MIB * 9 // 10,
            "queue.buffering.max.kbytes": 64 * 1024,
            **PATIENT,
        }
    )
    value = random.Random(1).randbytes(16 * 1024)
    count = int(gigabytes * 1024 * MIB / len(value))
    for number in range(count):
        while True:
            try:
                producer.produce("ballast", value, partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
        if number % (count // 4) == 0:
            print(f"prefill: {number * len(value) // MIB} MiB of {count * len(value) // MIB}", flush=True)
    if producer.flush(ANSWERS_WITHIN_S):
        raise AssertionError("the prefill was not acknowledged")
    print(f"prefilled {gigabytes:g} GiB in {time.monotonic() - began:.1f} s", flush=True)


def log_ends(bootstrap: str) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", **PATIENT})
    ends = {}
    for partition in range(PARTITIONS):
        place = TopicPartition("ledger", partition)
        ends[partition] = until_answered(
            f"the end of partition {partition}", lambda place=place: consumer.get_watermark_offsets(place, 5)[1]
        )
    consumer.close()
    return ends


def verdict(history: History, restarts: list[Restart], asked: argparse.Namespace) -> int:
    anomalies = check(history)
    for anomaly in anomalies[:20]:
        print(anomaly)
    ready = [restart.ready_s for restart in restarts]
    slow = asked.against == "weir" and max(ready) >= READY_WITHIN_S
    if slow:
        print(f"a restart took {max(ready):.2f} s to be ready; {READY_WITHIN_S:g} s is promised")
    counts = {kind: sum(anomaly.kind == kind for anomaly in anomalies) for kind in ("lost", "duplicate", "reordered")}
    records = sum(len(acknowledged) for acknowledged in history.acknowledged.values())
    print(
        f"{len(restarts)} kills, {records} acknowledged: {counts['lost']} lost, {counts['duplicate']} duplicated, "
        f"{counts['reordered']} reordered, {len(anomalies)} anomalies in all; ready in {statistics.median(ready) * 1000:.0f} ms (median), "
        f"{max(ready) * 1000:.0f} ms (max)"
    )
    return 1 if anomalies or slow else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=Path, default=WEIR_BINARY)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="the same seed kills at the same moments")
    parser.add_argument("--longest-life-s", type=float, default=1.5)
    parser.add_argument("--log-gb", type=float, default=0.0, help="fill the log with this much before the first kill")
    parser.add_argument("--directory", type=Path, help="where to put the data (default: the temporary directory)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
