"""How long clients stand still when a leader, or the controller, is killed, and when a broker is stopped cleanly; and that nothing is lost.

Starts brokers of its own, and one tuned client of each kind (its settings are in the drivers). Each round hurts one broker, waits until
all is in sync again and gives leadership back; in some nothing is hurt, and what is waited then is the machine's and the disk's. A gap is
the longest time a client got no acknowledgement from a partition on account of that round. Targets are printed and compared; what fails
the run is a loss, or a gap past the stated loose bound.
"""

import argparse
import dataclasses
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient

from faults import asking, drivers
from faults.checker import check, counts
from faults.drivers import CLIENTS, Driver, Task
from faults.gaps import AFTERMATH_S, Episode, distribution, during, gaps, judged, where_longest
from faults.history import History, gather
from faults.reading import read_everything
from harness.cluster import Cluster, Node
from harness.paths import WEIR_BINARY

TOPIC, PARTITIONS = "ledger", 3
LEADER, CONTROLLER, STOP, CALM = "leader kill -9", "controller kill -9", "clean stop", "nothing hurt"
KINDS = (LEADER, CONTROLLER, STOP, CALM)
TARGET_S = {LEADER: 0.75, CONTROLLER: 0.75, STOP: 0.05}
# What fails a run: the machines this runs on are shared, and a gap is a number to look at.
LOOSE_BOUND_S = {"weir": 10.0, "kafka": 60.0}
WHOLE_WITHIN_S = 120.0
DOWN_S = 1.0


def main() -> int:
    asked = arguments()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="weir-failover-") as directory:
        cluster = Cluster(asked.against, Path(directory), asked.weir)
        working: list[Driver] = []
        try:
            cluster.start()
            asking.create_topic(cluster, TOPIC, PARTITIONS, **json.loads(asked.topic_settings))
            await_whole(cluster)
            task = Task(cluster.bootstrap, TOPIC, PARTITIONS, asked.rate, members=1)
            working += [Driver(client, task, Path(directory)) for client in asked.clients]
            drivers.await_first_answers(working)
            episodes = {kind: [hurt(cluster, kind, number, chance) for number in range(asked.kills)] for kind in asked.kinds}
            time.sleep(2.0)
            ended = time.monotonic()
            complaints = drivers.finish(working)
            history = History()
            for driver in working:
                gather(driver.events(), history)
            complaints += read_everything(cluster, TOPIC, PARTITIONS, [driver.group for driver in working], history, 60.0)
        except BaseException:
            print(f"--- the end of the brokers' logs\n{cluster.log_tail()}", file=sys.stderr)
            raise
        finally:
            for driver in working:
                driver.kill()
            cluster.stop()
    return verdict(history, episodes, ended, complaints, asked)


def hurt(cluster: Cluster, kind: str, number: int, chance: random.Random) -> Episode:
    """One round: hurt, wait, start again, in sync again, leadership given back."""
    if kind == CALM:
        return leave_alone(number)
    node = whom(cluster, kind, number)
    time.sleep(chance.uniform(0.3, 1.0))
    began = time.monotonic()
    if kind == STOP:
        if not node.stop():
            raise AssertionError(f"broker {node.number} did not heed SIGTERM")
    else:
        node.kill()
    took = time.monotonic() - began
    time.sleep(DOWN_S)
    over = time.monotonic()
    node.start()
    cluster.await_ready([node])
    await_whole(cluster)
    give_back(cluster)
    print(f"{kind} {number + 1}: broker {node.number}" + (f", stopped in {took * 1000:.0f} ms" if kind == STOP else ""), flush=True)
    return Episode(f"{kind} {number + 1}", kind, began, over)


def leave_alone(number: int) -> Episode:
    """A round in which nothing is done, once what was done before it is over."""
    time.sleep(AFTERMATH_S)
    began = time.monotonic()
    time.sleep(DOWN_S)
    return Episode(f"{CALM} {number + 1}", CALM, began, began + DOWN_S)


def whom(cluster: Cluster, kind: str, number: int) -> Node:
    """The controller; or a leader that is not, turn by turn, so that each number tells of one thing."""
    controller = asking.controller(cluster)
    if kind == CONTROLLER:
        if controller is None:
            raise AssertionError("no broker knows who the controller is")
        return cluster.nodes[controller]
    others = [node for node in cluster.nodes if node.number != controller]
    return others[number % len(others)]


def await_whole(cluster: Cluster) -> None:
    amiss = asking.await_whole(cluster, WHOLE_WITHIN_S)
    if amiss:
        raise AssertionError(f"not in sync after {WHOLE_WITHIN_S:.0f} s: {amiss[0]}")


def give_back(cluster: Cluster) -> None:
    """Every broker leads its partition again, as in the beginning."""
    admin: AdminClient = asking.admin(cluster)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            admin.elect_leaders(ElectionType.PREFERRED, None).result(10)
            leaders = [standing.leader for standing in asking.standings(cluster) if standing.topic == TOPIC]
            if len(set(leaders)) == len(cluster.nodes):
                return
        except KafkaException:
            pass
        time.sleep(0.2)
    raise AssertionError("leadership was not given back in 30 s")


def verdict(history: History, episodes: dict[str, list[Episode]], ended: float, complaints: list[str], asked: argparse.Namespace) -> int:
    waited = during(gaps(history, ended), [episode for kind in episodes.values() for episode in kind])
    failed, spreads = False, {}
    for kind, rounds in episodes.items():
        for writer in sorted({writer for writer, _ in history.invoked_at}):
            longest = [waited[episode].get(writer) for episode in rounds]
            spread = distribution(gap.seconds if gap else 0.0 for gap in longest)
            spreads.setdefault(kind, {})[writer] = dataclasses.asdict(spread)
            print(f"{kind:<18} {writer:<12} {spread}{judged(spread, TARGET_S.get(kind))}{where_longest(rounds, longest)}")
            failed |= spread.longest > LOOSE_BOUND_S[asked.against]
    if asked.results:
        asked.results.write_text(json.dumps(spreads))
    violations = check(history)
    acknowledged = sum(map(len, history.acknowledged.values()))
    print("\n".join(map(str, [*violations[:20], *complaints])))
    counted = counts(violations)
    print(
        f"{sum(map(len, episodes.values()))} rounds, {acknowledged} acknowledged: {counted['lost'] + counted['unseen']} lost, "
        f"{counted['duplicate']} duplicated, {counted['reordered']} reordered, {len(violations)} violations in all"
    )
    return 1 if violations or complaints or failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=Path, default=WEIR_BINARY)
    parser.add_argument("--kills", type=int, default=30, help="rounds of each kind")
    parser.add_argument("--kinds", type=lambda given: tuple(given.split(",")), default=KINDS, help=f"some of: {','.join(KINDS)}")
    parser.add_argument("--clients", type=lambda given: tuple(given.split(",")), default=("java",), help=f"some of: {','.join(CLIENTS)}")
    parser.add_argument("--rate", type=int, default=600, help="values a second: what a gap can be told from")
    parser.add_argument("--topic-settings", default="{}", help='of what is written to, as JSON: {"weir.durability": "replicated"}')
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, help="also writes the distributions of the gaps to this file, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
