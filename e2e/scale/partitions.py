"""Many partitions on three brokers of one machine: how long they take to make, what they cost while nobody asks for them, how long writers
wait when the controller is killed or a broker is restarted, how long a restart takes. Starts brokers of its own, prints each number, reads
everything back after each kind of restart, and fails on what is missing and past the bounds in `figures`.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from faults import asking
from harness.cluster import Cluster, Node
from harness.paths import WEIR_BINARY
from scale import raw
from scale.figures import Figures, cost
from scale.steady import PARTITIONS as STEADY_PARTITIONS
from scale.steady import Steady

EACH = 100
WITHIN_S = 300.0
IDLE_S = 5.0
# After something was hurt the writers are watched for this long.
AFTERMATH_S = 2.0
STEADY = "steady"


def main() -> int:
    asked = arguments()
    figures = Figures(asked.partitions)
    with tempfile.TemporaryDirectory(prefix="weir-scale-", dir=asked.directory) as directory:
        cluster = Cluster(asked.against, Path(directory), asked.weir)
        try:
            print(f"three brokers ready in {cluster.start():.1f} s: {cost(cluster, 1.0)}", flush=True)
            measure(cluster, asked.partitions, figures)
        except BaseException:
            print(f"--- the end of the brokers' logs\n{cluster.log_tail()}", file=sys.stderr)
            raise
        finally:
            cluster.stop(30)
    print(f"{asked.partitions} partitions of three replicas\n{figures}")
    past = figures.past_bounds()
    print("\n".join(f"PAST ITS BOUND {one}" for one in past), end="\n" if past else "")
    return 1 if past and asked.against == "weir" else 0


def measure(cluster: Cluster, partitions: int, figures: Figures) -> None:
    topics = [f"wide-{number:03}" for number in range(partitions // EACH)]
    places = [(topic, partition) for topic in topics for partition in range(EACH)]
    created(cluster, topics, figures)
    metadata_asked(cluster, topics[0], figures)
    empty = idle(cluster, "empty")
    figures.note(empty_MiB=empty.resident_mib, empty_percent=empty.percent)
    filled_and_read(cluster, places, figures)
    filled = idle(cluster, "a record in each")
    figures.note(filled_MiB=filled.resident_mib, filled_percent=filled.percent, filled_open_files=filled.files)

    asking.create_topic(cluster, STEADY, STEADY_PARTITIONS)
    await_whole(cluster)
    with writing(cluster) as steady:
        controller_killed(cluster, steady, figures)
        rolled(cluster, steady, figures)
        print(f"{steady.stop()} values acknowledged meanwhile, none refused", flush=True)
    all_restarted(cluster, "clean", figures)
    read(cluster, places)
    all_restarted(cluster, "killed", figures)
    read(cluster, places)
    print("every record read again after each", flush=True)


def created(cluster: Cluster, topics: list[str], figures: Figures) -> None:
    """Twenty topics a request, for a broker should not have to answer for ten thousand partitions at once."""
    began = time.monotonic()
    asked = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    for first in range(0, len(topics), 20):
        wanted = [NewTopic(topic, EACH, 3) for topic in topics[first : first + 20]]
        for future in asked.create_topics(wanted, request_timeout=120, operation_timeout=120).values():
            future.result(180)
    answered = time.monotonic() - began
    await_whole(cluster, len(topics) * EACH)
    figures.note(create_answered_s=answered, create_s=time.monotonic() - began)
    print(f"made, all in sync in {figures.found['create s']:.1f} s", flush=True)


def metadata_asked(cluster: Cluster, topic: str, figures: Figures) -> None:
    """The median of some."""

    def median_ms(named: str | None) -> float:
        return sorted(raw.metadata(cluster.nodes[number % 3], named).seconds for number in range(9))[4] * 1000

    figures.note(metadata_of_one_ms=median_ms(topic), metadata_of_all_ms=median_ms(None))


def idle(cluster: Cluster, what: str):
    time.sleep(IDLE_S)
    found = cost(cluster, IDLE_S)
    print(f"idle, {what}: {found}", flush=True)
    return found


def filled_and_read(cluster: Cluster, places: list[tuple[str, int]], figures: Figures) -> None:
    began = time.monotonic()
    refused = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "enable.idempotence": True, "log_level": 0})
    for topic, partition in places:
        value = f"{topic} {partition}".encode()
        producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: refused.append(error) if error else None)
        producer.poll(0)
    if producer.flush(WITHIN_S) or refused:
        raise AssertionError(f"not all was acknowledged: {refused[:3]}")
    figures.note(fill_s=time.monotonic() - began)
    began = time.monotonic()
    read(cluster, places)
    figures.note(read_s=time.monotonic() - began)
    print(f"a record to each partition in {figures.found['fill s']:.1f} s, read in {figures.found['read s']:.1f} s", flush=True)


def read(cluster: Cluster, places: list[tuple[str, int]]) -> None:
    """The record that was written to each partition, and no other."""
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "unused", "log_level": 0})
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in places])
    seen: list[tuple[str, int]] = []

    def all_read() -> bool:
        for message in consumer.consume(1000, 0.2):
            if message.error() is None:
                if message.value() != f"{message.topic()} {message.partition()}".encode():
                    raise AssertionError(f"{message.topic()}-{message.partition()} holds {message.value()!r}")
                seen.append((message.topic(), message.partition()))
        return len(seen) >= len(places)

    until("every record read", all_read)
    consumer.close()
    if sorted(seen) != sorted(places):
        raise AssertionError(f"{len(seen)} records read where {len(places)} were written, {len(set(seen))} of them different")


@contextlib.contextmanager
def writing(cluster: Cluster) -> Iterator[Steady]:
    steady = Steady(cluster.bootstrap, STEADY, cluster.directory)
    try:
        until("a first acknowledgement in each partition", lambda: len({at for at, _ in steady.acknowledged()}) == STEADY_PARTITIONS)
        time.sleep(1.0)
        yield steady
    finally:
        steady.kill()


def controller_killed(cluster: Cluster, steady: Steady, figures: Figures) -> None:
    """kill -9: until a topic can be made, until everything is led, and what the writers noticed."""
    number = asking.controller(cluster)
    if number is None:
        raise AssertionError("no broker knows who the controller is")
    node, others = cluster.nodes[number], [node for node in cluster.nodes if node.number != number]
    began = time.monotonic()
    node.kill()
    names = (f"made-by-the-next-{attempt}" for attempt in range(10_000))
    until("the next controller makes a topic", lambda: raw.create_topic(others[0], next(names), 1.0))
    decides = time.monotonic() - began
    until("a leader for every partition", lambda: number not in (told := raw.metadata(others[0]).leaders) and -1 not in told)
    led = time.monotonic() - began
    time.sleep(AFTERMATH_S)
    gap = steady.longest_gap(began, began + led + AFTERMATH_S)
    figures.note(controller_decides_s=decides, all_led_s=led, controller_gap_s=gap)
    print(f"controller killed: next decides after {decides:.2f} s, all led after {led:.2f} s, writers waited {gap:.2f} s", flush=True)
    started, gap = start_again(cluster, node, steady)
    figures.note(killed_broker_ready_s=started[0], killed_broker_in_sync_s=started[1], killed_broker_back_gap_s=gap)
    print(f"it is back: ready in {started[0]:.2f} s, in sync in {started[1]:.2f} s, writers waited {gap:.2f} s", flush=True)


def rolled(cluster: Cluster, steady: Steady, figures: Figures) -> None:
    """Each broker stopped cleanly and started again, one after the other."""
    stopped, in_sync, gaps = [], [], []
    for node in cluster.nodes:
        began = time.monotonic()
        if not node.stop(120):
            raise AssertionError(f"broker {node.number} did not heed SIGTERM")
        stopped.append(time.monotonic() - began)
        time.sleep(0.5)
        gaps.append(steady.longest_gap(began, time.monotonic()))
        started, gap = start_again(cluster, node, steady)
        in_sync.append(started[1])
        gaps.append(gap)
    figures.note(rolling_stop_s=max(stopped), rolling_in_sync_s=max(in_sync), rolling_gap_s=max(gaps))
    print(f"rolled: stopped in {max(stopped):.2f} s, in sync again in {max(in_sync):.2f} s, writers waited {max(gaps):.2f} s", flush=True)


def start_again(cluster: Cluster, node: Node, steady: Steady) -> tuple[tuple[float, float], float]:
    """Seconds to ready and to in sync, and how long writers waited until then."""
    began = time.monotonic()
    node.start()
    cluster.await_ready([node])
    ready = time.monotonic() - began
    await_whole(cluster)
    in_sync = time.monotonic() - began
    time.sleep(AFTERMATH_S)
    return (ready, in_sync), steady.longest_gap(began, began + in_sync + AFTERMATH_S)


def all_restarted(cluster: Cluster, how: str, figures: Figures) -> None:
    began = time.monotonic()
    if how == "clean":
        for node in cluster.nodes:
            node.ask_to_stop()
        if not all(node.stop(120) for node in cluster.nodes):
            raise AssertionError("a broker did not heed SIGTERM")
    else:
        for node in cluster.nodes:
            node.kill()
    stopped = time.monotonic() - began
    began = time.monotonic()
    for node in cluster.nodes:
        node.start()
    cluster.await_ready(cluster.nodes)
    ready = time.monotonic() - began
    await_whole(cluster)
    in_sync = time.monotonic() - began
    figures.note(**{f"{how}_stop_s": stopped, f"{how}_start_ready_s": ready, f"{how}_start_in_sync_s": in_sync})
    print(f"all three, {how}: stopped in {stopped:.2f} s, ready in {ready:.2f} s, in sync in {in_sync:.2f} s", flush=True)


def await_whole(cluster: Cluster, partitions: int = 1) -> None:
    def whole() -> bool:
        told = raw.any_metadata(cluster)
        return told is not None and told.partitions >= partitions and told.not_whole == 0

    until("every replica in sync", whole)


def until(what: str, fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(KafkaException, OSError):
            if fact():
                return
        time.sleep(0.01)
    raise AssertionError(f"not within {WITHIN_S:.0f} s: {what}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=Path, default=WEIR_BINARY)
    parser.add_argument("--partitions", type=int, default=10_000, help=f"a multiple of {EACH}")
    parser.add_argument("--directory", type=Path, help="where to put the data (default: the temporary directory)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
