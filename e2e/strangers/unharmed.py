"""A cluster that strangers meet, and the proof that it took no harm: the same metadata down to its index, the same controller in
the same term, no broker that ended or grew, and a client beside it all that saw no error.
"""

import argparse
import difflib
import re
import shutil
import tempfile
import urllib.request
import uuid
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from badinput.bystander import Bystander
from faults.asking import create_topic
from harness.children import rss_mib
from harness.cluster import Cluster, Node
from scenario import eventually, unique
from strangers.words import Node as Disk
from strangers.words import admin, admin_of

# Buffers of some hundred streams, and what the allocator keeps.
GROWTH_MIB = 120.0
_LINES_OF_DIFFERENCE = 40
# A busy machine must not change who leads, and nobody waits for fifty partitions of offsets.
_SETTINGS = {"weir.quorum.election.timeout.ms": "3000", "offsets.topic.num.partitions": "4", "broker.session.timeout.ms": "9000"}
_REFUSED = re.compile(r'^weir_peers_refused_total\{why="(\w+)"\} (\d+)', re.MULTILINE)


class Unharmed:
    """Three brokers, and what was true of them at first."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.topic = unique("quiet")
        create_topic(cluster, self.topic, 1)
        self.bystander = Bystander(cluster.bootstrap, self.topic)
        # Consumer groups make a topic of their own.
        eventually("the bystander works", lambda: self.bystander.round_trips > 5)
        self.before = eventually("a cluster at rest", self._at_rest)
        self.resident_mib = {node.number: rss_mib(node.pid) for node in cluster.nodes}

    def describe(self, node: Node):
        """The cluster as one broker tells it."""
        channel, stub = admin_of(f"{node.address}:{node.ports.admin}")
        with channel:
            parts = list(stub.DescribeCluster(admin.DescribeClusterRequest(without_measures=True), timeout=15))
        whole = parts[0]
        for part in parts[1:]:
            whole.topics.extend(part.topics)
        whole.summary.answered_by = 0
        # How far the others are is the controller's to know.
        for member in (*whole.summary.voters, *whole.summary.learners):
            member.ClearField("matched_index")
        return whole

    def disk(self, number: int) -> Disk:
        """The disk of one of the brokers."""
        (known,) = (row.broker for row in self.before.brokers if row.broker.id == number)
        return Disk(number, uuid.UUID(known.incarnation).bytes)

    @property
    def cluster_id(self) -> str:
        return self.before.summary.cluster_id

    @property
    def controller(self) -> Node:
        return self.cluster.nodes[self.before.summary.controller]

    def problems(self) -> list[str]:
        """What is not as it was."""
        self.bystander.leave()
        found = self.bystander.problems()
        for node in self.cluster.nodes:
            if not node.runs():
                found.append(f"broker {node.number} ended with {node.exit_code()}\n{node.log_tail(10)}")
                continue
            if (now := self.describe(node)) != self.before:
                found.append(f"broker {node.number} tells of another cluster than before:\n{_differences(self.before, now)}")
            grown_mib = rss_mib(node.pid) - self.resident_mib[node.number]
            if grown_mib > GROWTH_MIB:
                found.append(f"broker {node.number} grew by {grown_mib:.0f} MiB; {GROWTH_MIB:.0f} are allowed")
        return found

    def _at_rest(self):
        """All brokers up, everything in sync, led by who should, and nothing that changes any more."""
        told = [self.describe(node) for node in self.cluster.nodes]
        partitions = [partition for topic in told[0].topics for partition in topic.partitions]
        led = all(partition.leader == partition.replicas[0] and set(partition.isr) == set(partition.replicas) for partition in partitions)
        up = all(row.state == admin.BROKER_STATE_ACTIVE for row in told[0].brokers) and len(told[0].brokers) == 3
        return told[0] if led and up and len(told[0].summary.voters) == 3 and told[1:] == told[:2] else None


def _differences(before, now) -> str:
    lines = difflib.unified_diff(str(before).splitlines(), str(now).splitlines(), "before", "now", n=1, lineterm="")
    return "\n".join(islice(lines, _LINES_OF_DIFFERENCE))


def refused(node: Node) -> dict[str, int]:
    """`weir_peers_refused_total` of a broker, by what was wrong."""
    with urllib.request.urlopen(f"http://{node.address}:{node.ports.http}/metrics", timeout=10) as answer:
        return {why: int(count) for why, count in _REFUSED.findall(answer.read().decode())}


@contextmanager
def one_cluster(brokers: int = 3):
    """A cluster of the binary that the command line names, in a directory that is gone afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", choices=("weir",), default="weir")
    parser.add_argument("--weir", type=Path, required=True)
    asked = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="weir-strangers-"))
    try:
        with Cluster("weir", directory, asked.weir, brokers, settings=_SETTINGS) as cluster:
            yield cluster
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def judged(problems: list[str], summary: str) -> int:
    for problem in problems:
        print(problem)
    print(summary)
    return 1 if problems else 0
