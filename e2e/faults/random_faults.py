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
from faults.report import report
from faults.schedule import KINDS, PROCESS_FAULTS, schedule
from faults.tally import Outcome, append, load, outcome, sums
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
    came: dict[int, Outcome] = load(asked.results) if asked.results else {}
    try:
        for seed in range(asked.first, asked.first + asked.seeds):
            if seed in came and came[seed].good:
                continue
            came[seed] = one(seed, kinds, network, asked)
            if asked.results:
                append(asked.results, came[seed])
    finally:
        if network:
            network.close()
    print(sums(asked.against, came.values()))
    return 0 if all(came[seed].good for seed in range(asked.first, asked.first + asked.seeds)) else 1


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


def one(seed: int, kinds: tuple[str, ...], network: Network | None, asked: argparse.Namespace) -> Outcome:
    """A run, and what it came to. Keeps what tells why it was bad."""
    directory = Path(tempfile.mkdtemp(prefix=f"weir-faults-{seed}-"))
    faults = schedule(seed, asked.seconds, asked.brokers, kinds, asked.at_once)
    say(f"seed {seed} against {asked.against}: {len(faults.faults)} faults in {asked.seconds:g} s, at most {faults.at_once} at a time")
    came = Outcome(seed, complaints=["it was ended from outside"])
    try:
        cluster = Cluster(asked.against, directory, asked.weir, asked.brokers, network)
        ordeal = ordeals.run(cluster, faults, asked.partitions, asked.rate, asked.clients, say)
        violations = check(ordeal.history)
        came = outcome(seed, faults.at_once, ordeal, violations)
        text = report(seed, ordeal, violations)
        keep(directory, ordeal, text)
        print(text, flush=True)
    except (AssertionError, BrokerFailed, KafkaException) as broken:
        say(f"seed {seed} did not run to its end: {broken}")
        came = Outcome(seed, complaints=[f"did not run to its end: {broken}"])
    finally:
        if came.good and not asked.keep:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            again = shlex.join([f"PYTHONPATH={E2E}", sys.executable, __file__, *same_again(seed, sys.argv[1:])])
            say(f"logs and histories are in {directory}; again: {again}")
    return came


def same_again(seed: int, given: list[str]) -> list[str]:
    """The same arguments for one seed alone: what is said last wins."""
    return [*given, "--from", str(seed), "--seeds", "1"]


def keep(directory: Path, ordeal: Ordeal, text: str) -> None:
    """What the clients' histories do not hold: the verdict, the faults, and what was read at last."""
    (directory / "report.txt").write_text(text + "\n")
    (directory / "faults.json").write_text(json.dumps([vars(episode) for episode in ordeal.episodes], indent=1))
    read = {"log": ordeal.history.final, "group offsets": ordeal.history.group_offsets}
    read |= {f"{name} partition {partition}": seen for (name, partition), seen in ordeal.history.copies.items()}
    (directory / "read.json").write_text(json.dumps(read, separators=(",", ":")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=("weir", "kafka"), default="weir")
    parser.add_argument("--weir", type=lambda given: Path(given).resolve(), default=WEIR_BINARY)
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="SEED", help="the first seed")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long faults happen in each run")
    parser.add_argument("--brokers", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--rate", type=int, default=150, help="values a second of each client")
    parser.add_argument("--at-once", type=int, help="on how many brokers at a time (default: one or two, as the seed says)")
    parser.add_argument("--results", type=Path, metavar="FILE", help="note what each run came to; a seed noted as good is not run again")
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
