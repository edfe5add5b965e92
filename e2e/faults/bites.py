"""The fault runs can find a loss: a cluster told to be careless loses what it acknowledged, and the checker says so.

One in-sync replica is enough, and any replica may lead (`unclean.leader.election.enable`). The follower is stopped, the leader goes
on alone and is killed, the follower comes back first and leads. Without a violation this program fails.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from faults import asking, drivers
from faults.checker import check, counts
from faults.drivers import Driver, Task
from faults.history import History, gather
from faults.reading import read_everything
from harness.cluster import Cluster, Node
from harness.paths import WEIR_BINARY

TOPIC, PARTITIONS = "careless", 1
WITHIN_S = 90.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=lambda given: Path(given).resolve(), default=WEIR_BINARY)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-bites-") as directory:
        cluster = Cluster(asked.against, Path(directory), asked.weir)
        try:
            cluster.start()
            history = careless(cluster)
        except BaseException:
            print(f"--- the end of the brokers' logs\n{cluster.log_tail()}", file=sys.stderr)
            raise
        finally:
            cluster.stop()
    found = {kind: count for kind, count in counts(check(history)).items() if count}
    print(f"{sum(map(len, history.acknowledged.values()))} acknowledged by a careless cluster; found: {found}")
    return 0 if is_loss(found) else 1


def is_loss(found: dict[str, int]) -> bool:
    """Whether what was found is what a careless cluster does: nothing less will do."""
    return any(found.get(kind) for kind in ("lost", "unseen"))


def careless(cluster: Cluster) -> History:
    careless = {"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}
    asking.create_topic(cluster, TOPIC, PARTITIONS, replicas=2, **careless)
    amiss = asking.await_whole(cluster, WITHIN_S)
    if amiss:
        raise AssertionError(f"a new topic does not come in sync: {amiss[0]}")
    driver = Driver("sarama", Task(cluster.bootstrap, TOPIC, PARTITIONS, rate=100, members=1), cluster.directory)
    try:
        drivers.await_first_answers([driver])
        lose(cluster, driver)
        complaints = drivers.finish([driver])
        history = gather(driver.events(), History())
        complaints += read_everything(cluster, TOPIC, PARTITIONS, [], history, WITHIN_S)
        print("\n".join(complaints))
        return history
    finally:
        driver.kill()


def lose(cluster: Cluster, driver: Driver) -> None:
    leader, follower = leader_and_follower(cluster)
    if not follower.stop():
        raise AssertionError("the follower did not stop")
    enough = driver.acknowledged() + 100
    until("the leader goes on alone", lambda: driver.acknowledged() > enough)
    leader.kill()
    follower.start()
    until("the follower leads", lambda: asking.leader_of(cluster, TOPIC, 0) == follower.number)
    enough = driver.acknowledged() + 50
    until("writes go on", lambda: driver.acknowledged() > enough)
    leader.start()
    amiss = asking.await_whole(cluster, WITHIN_S)
    if amiss:
        raise AssertionError(f"not healed: {amiss[0]}")


def leader_and_follower(cluster: Cluster) -> tuple[Node, Node]:
    standing = next(standing for standing in asking.standings(cluster) if standing.topic == TOPIC)
    (follower,) = standing.replicas - {standing.leader}
    return cluster.nodes[standing.leader], cluster.nodes[follower]


def until(what: str, fact) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {WITHIN_S:.0f} s: {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
