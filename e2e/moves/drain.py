"""`weir cluster drain` empties a broker while a client writes and reads, says when nobody can take what is left, and is taken back.

Four brokers, topics of three replicas: one broker can be emptied, two can not.
"""

import json
import os
import subprocess
import sys

from confluent_kafka import Producer

from badinput.bystander import Bystander
from faults.asking import create_topic
from harness import children
from harness.cluster import Cluster
from scenario import equal, eventually, unique
from strangers.unharmed import one_cluster

PARTITIONS, RECORDS, RECORD_BYTES = 12, 600, 10_000
WITHIN_S = 90


def main() -> int:
    with one_cluster(brokers=4) as cluster:
        topic, quiet = unique("orders"), unique("quiet")
        create_topic(cluster, topic, PARTITIONS)
        create_topic(cluster, quiet, 1)
        _fill(cluster, topic)
        weir = Weir(cluster)
        bystander = Bystander(cluster.bootstrap, quiet)
        # Its group's offsets are replicas too.
        eventually("the bystander works", lambda: bystander.round_trips > 5 and "__consumer_offsets" in weir.topics())
        held = weir.holds(3)

        emptied = weir.json("cluster", "drain", "3")
        equal("what was moved", (emptied["moved"], emptied["replicas"], emptied["leaders"]), (held, 0, 0))
        equal("what it holds", weir.holds(3), 0)
        equal("health", weir.health(), (0, 0))
        again = weir.json("cluster", "drain", "3")
        equal("a second time", (again["moved"], again["changed"]), (0, False))

        nowhere = weir.run("cluster", "drain", "2")
        equal("nowhere to go", (nowhere.returncode, nowhere.stdout), (1, ""))
        for words in ("nobody can take ", " others", "help: start another broker, undrain one"):
            if words not in nowhere.stderr:
                raise AssertionError(f"{words!r} is missing: {nowhere.stderr}")
        weir.json("cluster", "undrain", "2")

        equal("taken back", weir.json("cluster", "undrain", "3"), {"broker": 3, "drained": False, "changed": True, "cancelled": 0})
        slow = weir.begin("cluster", "drain", "0", "--throttle", "1000", "--at-once", "3")
        try:
            # What is empty has moved in a moment; this topic takes minutes.
            eventually("moves that take long", lambda: weir.moving() == [topic] * 3)
            taken_back = weir.json("cluster", "undrain", "0")
            equal("moves that were cancelled", taken_back["cancelled"], 3)
            equal("the command that drained", slow.wait(WITHIN_S), 1)
        finally:
            children.end_group(slow)
        equal("what moves still", weir.moving(), [])
        equal("health after all", weir.health(), (0, 0))
        bystander.leave()
        if problems := bystander.problems():
            raise AssertionError("\n".join(problems))
        longest = f"longest {bystander.longest_s * 1000:.0f} ms"
        print(f"{held} replicas moved, 3 moves taken back; bystander: {bystander.round_trips} round trips, {longest}")
    return 0


class Weir:
    """The command line, against this cluster."""

    def __init__(self, cluster: Cluster):
        self._binary = str(cluster.weir_binary)
        node = cluster.nodes[0]
        self._environment = {**os.environ, "WEIR_BOOTSTRAP": cluster.bootstrap, "WEIR_ADMIN": f"{node.address}:{node.ports.admin}"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self._binary, *arguments], capture_output=True, text=True, timeout=WITHIN_S, check=False, env=self._environment
        )

    def begin(self, *arguments: str) -> subprocess.Popen:
        return children.spawn([self._binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._environment)

    def json(self, *arguments: str):
        ended = self.run(*arguments, "-o", "json")
        if ended.returncode != 0:
            raise AssertionError(f"weir {' '.join(arguments)} ended with {ended.returncode}:\n{ended.stderr}")
        return json.loads(ended.stdout)

    def holds(self, broker: int) -> int:
        (row,) = (row for row in self.json("cluster", "describe")["brokers"] if row["id"] == broker)
        return row["holds"]

    def health(self) -> tuple[int, int]:
        described = self.json("cluster", "describe")
        return described["under_replicated"], described["without_leader"]

    def topics(self) -> set[str]:
        return {topic["name"] for topic in self.json("topic", "list", "--internal")}

    def moving(self) -> list[str]:
        return [move["topic"] for move in self.json("cluster", "moves")["moves"]]


def _fill(cluster: Cluster, topic: str) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all"})
    for number in range(RECORDS):
        producer.produce(topic, bytes(RECORD_BYTES), partition=number % PARTITIONS)
    if left := producer.flush(WITHIN_S):
        raise AssertionError(f"{left} records were not taken")


if __name__ == "__main__":
    sys.exit(main())
