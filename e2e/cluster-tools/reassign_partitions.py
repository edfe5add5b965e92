"""kafka-reassign-partitions: propose, execute, list, verify and cancel; with a throttle, which holds while it moves and is gone after."""

import json
import tempfile
import time
from pathlib import Path

from confluent_kafka import Producer

from java.tools import contains, tool
from scenario import BOOTSTRAP, equal, eventually, unique
from three import create, in_sync, leaders, replicas

MIB = 1 << 20
# The tools themselves take seconds to start, and the move must still be going on when they ask.
SIZE_MIB, THROTTLE = 20, MIB


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="weir-moves-") as directory:
        moves = Path(directory) / "moves.json"
        proposes(moves)
        moves_and_goes_on(moves)
        throttles(moves)
        cancels(moves)
    print("proposed, moved, moved slowly, cancelled; nothing lost, no throttle left")


def proposes(moves: Path) -> None:
    topic = unique("proposed")
    create(topic, "0:1", "1:0")
    moves.write_text(json.dumps({"version": 1, "topics": [{"topic": topic}]}))
    output = tool("kafka-reassign-partitions", "--generate", "--topics-to-move-json-file", str(moves), "--broker-list", "0,1,2")
    contains(output, "Current partition replica assignment", "Proposed partition reassignment configuration", topic)
    proposed = json.loads(output.splitlines()[-1])
    equal("partitions in the proposal", sorted(move["partition"] for move in proposed["partitions"]), [0, 1])


def moves_and_goes_on(moves: Path) -> None:
    topic = unique("moved")
    create(topic, "0:1", "1:0")
    fill(topic, 1)
    plan(moves, topic, {0: [1, 2], 1: [2, 0]})
    contains(
        tool("kafka-reassign-partitions", "--execute", "--reassignment-json-file", str(moves)),
        "Successfully started partition reassignment",
    )
    eventually("the replicas are where they should be", lambda: replicas(topic) == {0: [1, 2], 1: [2, 0]})
    eventually("and in sync", lambda: in_sync(topic) == {0: {1, 2}, 1: {2, 0}})
    equal("leaders are replicas", {0: leaders(topic)[0] in (1, 2), 1: leaders(topic)[1] in (2, 0)}, {0: True, 1: True})
    verified = tool("kafka-reassign-partitions", "--verify", "--reassignment-json-file", str(moves))
    contains(verified, f"Reassignment of partition {topic}-0 is completed", f"Reassignment of partition {topic}-1 is completed")
    contains(tool("kafka-reassign-partitions", "--list"), "No partition reassignments found")
    equal("records after the move", ends(topic), {0: MIB // 1000 // 2, 1: MIB // 1000 // 2})


def throttles(moves: Path) -> None:
    """A follower that is moved may take this much a second, so the move takes its time; a higher throttle ends it."""
    topic = unique("slow")
    create(topic, "0:1")
    fill(topic, SIZE_MIB)
    plan(moves, topic, {0: [1, 2]})
    began = time.monotonic()
    throttled = ("kafka-reassign-partitions", "--execute", "--reassignment-json-file", str(moves), "--throttle")
    contains(tool(*throttled, str(THROTTLE)), "Successfully started partition reassignment")
    running = tool("kafka-reassign-partitions", "--verify", "--reassignment-json-file", str(moves))
    contains(running, f"Reassignment of partition {topic}-0 is still in progress")
    contains(tool("kafka-reassign-partitions", "--list"), f"{topic}-0: replicas: ", "adding: 2", "removing: 0")
    contains(settings_of_broker(2), f"follower.replication.throttled.rate={THROTTLE}")
    contains(settings_of_topic(topic), "follower.replication.throttled.replicas=0:2")
    eventually("the slow move ends", lambda: replicas(topic) == {0: [1, 2]}, within_s=90)
    took = time.monotonic() - began
    if took < SIZE_MIB * MIB / THROTTLE / 2:
        raise AssertionError(f"{SIZE_MIB} MiB at {THROTTLE // MIB} MiB/s came over in {took:.1f} s")
    verified = tool("kafka-reassign-partitions", "--verify", "--reassignment-json-file", str(moves))
    contains(verified, "is completed", "Clearing broker-level throttles", "Clearing topic-level throttles")
    equal("throttles left on the broker", ".replication.throttled." in settings_of_broker(2), False)
    equal("throttles left on the topic", ".replication.throttled." in settings_of_topic(topic), False)
    equal("records after the move", ends(topic), {0: SIZE_MIB * MIB // 1000})


def cancels(moves: Path) -> None:
    topic = unique("cancelled")
    create(topic, "0:1")
    fill(topic, SIZE_MIB)
    plan(moves, topic, {0: [1, 2]})
    tool("kafka-reassign-partitions", "--execute", "--reassignment-json-file", str(moves), "--throttle", str(MIB // 4))
    contains(tool("kafka-reassign-partitions", "--list"), f"{topic}-0: replicas: ")
    cancelled = tool("kafka-reassign-partitions", "--cancel", "--reassignment-json-file", str(moves))
    contains(cancelled, "Successfully cancelled partition reassignment")
    # In which order, Kafka forgets.
    eventually("it is where it was", lambda: set(replicas(topic)[0]) == {0, 1} == in_sync(topic)[0])
    contains(tool("kafka-reassign-partitions", "--list"), "No partition reassignments found")
    equal("throttles left on the topic", ".replication.throttled." in settings_of_topic(topic), False)
    equal("records after all", ends(topic), {0: SIZE_MIB * MIB // 1000})


def plan(moves: Path, topic: str, wanted: dict[int, list[int]]) -> None:
    planned = [{"topic": topic, "partition": partition, "replicas": brokers} for partition, brokers in wanted.items()]
    moves.write_text(json.dumps({"version": 1, "partitions": planned}))


def fill(topic: str, size_mib: int) -> None:
    """Records of a thousand bytes, dealt out evenly."""
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "linger.ms": 5})
    count = len(replicas(topic))
    for number in range(size_mib * MIB // 1000 // count * count):
        producer.produce(topic, b"x" * 1000, partition=number % count)
        producer.poll(0)
    equal("records without an answer", producer.flush(60), 0)


def ends(topic: str) -> dict[int, int]:
    lines = tool("kafka-get-offsets", "--topic", topic).split()
    return {int(line.split(":")[1]): int(line.split(":")[2]) for line in lines}


def settings_of_broker(broker: int) -> str:
    return tool("kafka-configs", "--describe", "--entity-type", "brokers", "--entity-name", str(broker))


def settings_of_topic(topic: str) -> str:
    return tool("kafka-configs", "--describe", "--entity-type", "topics", "--entity-name", topic)


if __name__ == "__main__":
    main()
