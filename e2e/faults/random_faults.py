"""Random faults against a cluster under load: so many seeds, each a run of its own; ends with 1 when any promise was broken."""

import argparse
import json
import shlex
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import KafkaException

from faults import ordeal as ordeals
from faults.checker import check
from faults.drivers import CLIENTS
from faults.ordeal import Ordeal
from faults.report import report, waits_by_kind
from faults.schedule import KINDS, PROCESS_FAULTS, schedule
from harness.brokers import BrokerFailed
from harness.cluster import Cluster
from harness.network import Network, NoNetwork
from harness.paths import E2E, WEIR_BINARY

_BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:7.1f} s] {text}", flush=True)


def main() -> int:
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    network = own_network(asked)
    kinds = asked.kinds or (KINDS if network else PROCESS_FAULTS)
    done: list[Ordeal] = []
    bad: list[int] = []
    try:
        for seed in range(asked.first, asked.first + asked.seeds):
            came = one(seed, kinds, network, asked)
            if came is None:
                bad.append(seed)
            else:
                done.append(came[0])
                bad += [] if came[1] else [seed]
    finally:
        if network:
            network.close()
    print("how long writers waited, the longest of each writer and fault:\n" + waits_by_kind(done))
    acknowledged = sum(len(values) for ordeal in done for values in ordeal.history.acknowledged.values())
    faults = sum(len(ordeal.episodes) for ordeal in done)
    summary = f"{asked.seeds} runs against {asked.against}, {faults} faults, {acknowledged} acknowledged"
    print(f"{summary}: {len(bad)} runs with violations {bad or ''}")
    return 1 if bad else 0


def own_network(asked: argparse.Namespace) -> Network | None:
    if asked.no_network:
        return None
    try:
        network = Network(asked.brokers)
        network.enter_as_client()
        return network
    except NoNetwork as missing:
        say(f"the network is not cut: {missing}")
        return None


def one(seed: int, kinds: tuple[str, ...], network: Network | None, asked: argparse.Namespace) -> tuple[Ordeal, bool] | None:
    """A run and whether it was good; nothing when it could not be run to its end. Keeps what tells why it was bad."""
    directory = Path(tempfile.mkdtemp(prefix=f"weir-faults-{seed}-"))
    faults = schedule(seed, asked.seconds, asked.brokers, kinds, asked.at_once)
    say(f"seed {seed} against {asked.against}: {len(faults.faults)} faults in {asked.seconds:g} s")
    good = False
    try:
        cluster = Cluster(asked.against, directory, asked.weir, asked.brokers, network)
        came = ordeals.run(cluster, faults, asked.partitions, asked.rate, asked.clients, say)
        violations = check(came.history)
        good = not violations and not came.complaints
        text = report(seed, came, violations)
        keep(directory, came, text)
        print(text, flush=True)
        return came, good
    except (AssertionError, BrokerFailed, KafkaException) as broken:
        say(f"seed {seed} did not run to its end: {broken}")
        return None
    finally:
        if good and not asked.keep:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            again = shlex.join([f"PYTHONPATH={E2E}", sys.executable, __file__, *same_again(seed, sys.argv[1:])])
            say(f"logs and histories are in {directory}; again: {again}")


def same_again(seed: int, given: list[str]) -> list[str]:
    """The same arguments for one seed alone: what is said last wins."""
    return [*given, "--from", str(seed), "--seeds", "1"]


def keep(directory: Path, came: Ordeal, text: str) -> None:
    """What the clients' histories do not hold: the verdict, the faults, and what was read at last."""
    (directory / "report.txt").write_text(text + "\n")
    (directory / "faults.json").write_text(json.dumps([vars(episode) for episode in came.episodes], indent=1))
    read = {"log": came.history.final, "group offsets": came.history.group_offsets}
    read |= {f"{name} partition {partition}": seen for (name, partition), seen in came.history.copies.items()}
    (directory / "read.json").write_text(json.dumps(read, separators=(",", ":")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=Path, default=WEIR_BINARY)
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="SEED", help="the first seed")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long faults happen in each run")
    parser.add_argument("--brokers", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--rate", type=int, default=150, help="values a second of each client")
    parser.add_argument("--at-once", type=int, default=1, help="on how many brokers at a time; past 1 only safety is promised")
    parser.add_argument("--kinds", type=lambda given: tuple(given.split(",")), help=f"some of: {', '.join(KINDS)}")
    parser.add_argument("--clients", type=lambda given: tuple(given.split(",")), default=CLIENTS, help="some of: " + ",".join(CLIENTS))
    parser.add_argument("--no-network", action="store_true", help="loopback addresses; nothing can be cut")
    parser.add_argument("--keep", action="store_true", help="keep logs and histories of good runs too")
    asked = parser.parse_args()
    unknown = set(asked.kinds or ()) - set(KINDS)
    if unknown:
        parser.error(f"no fault is called {', '.join(sorted(unknown))}: there are {', '.join(KINDS)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
