"""Sends every bad input of the table, one connection each; beside it a well-behaved client works and must notice nothing.

The table is in `cases.py`. Every line printed is a case, the answer it got, and how long that took. All the while there is a
crowd of connections that announce the largest request: some never send it, some send a part, one sends a byte a second.
"""

import os
import socket
import sys
import time
from contextlib import ExitStack

from confluent_kafka.admin import AdminClient, NewTopic

import noticed
from bystander import Bystander
from bytes_out import METADATA, frame, header
from cases import MIB, Case, Targets, cases
from conversation import SILENT, say
from drip import Drip
from harness.children import peak_rss_mib, rss_mib
from scenario import AGAINST, BOOTSTRAP, unique

ANSWER_WITHIN_S = 10.0
SILENCE_AFTER_S = 1.0
# The bound of Weir's defaults: 128 MiB of requests in work and one frame of 100 MiB beyond; and where a topic has batches opened,
# on each of its threads one, twice, of 64 MiB at most. What was announced, and what the bombs hold, is many times this.
MAX_GROWTH_MIB = 128.0 + 100 + 2 * 64 * max(2, len(os.sched_getaffinity(0)))
# Silent ones, and such as send a part. Kafka allocates what is announced, and has no heap for more than a few.
CROWD = {"weir": (200, 20), "kafka": (1, 0)}
PART = bytes(64 * 1024)
GIVEN_UP_WITHIN_S = 40.0


def main() -> int:
    broker_pid = int(os.environ["BROKER_PID"])
    port = int(BOOTSTRAP.rpartition(":")[2])
    targets, quiet = Targets(*map(unique, ("target", "to-gzip", "to-uncompressed", "compacted"))), unique("bystander")
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    topics = [NewTopic(name, 2, 1, config=config) for name, config in targets.configs().items()]
    for future in admin.create_topics([*topics, NewTopic(quiet, 1, 1)]).values():
        future.result(30)
    bystander = Bystander(BOOTSTRAP, quiet)
    before_mib = rss_mib(broker_pid)

    all_cases = cases(targets, unique)
    with ExitStack() as crowd:
        gather(crowd, port)
        drip = Drip(port)
        judge = Judge(port)
        for case in all_cases:
            judge.hear(case)
        drip.leave(GIVEN_UP_WITHIN_S if AGAINST == "weir" else 0)
        bystander.leave()

    growth_mib = peak_rss_mib(broker_pid) - before_mib
    problems = judge.problems() + bystander.problems()
    if AGAINST == "weir" and drip.closed_after_s is None:
        problems.append(f"a frame that drips is still awaited after {GIVEN_UP_WITHIN_S:.0f} s")
    if AGAINST == "weir" and growth_mib > MAX_GROWTH_MIB:
        problems.append(f"the broker grew by {growth_mib:.0f} MiB; {MAX_GROWTH_MIB:.0f} are allowed")
    for problem in problems:
        print(problem)
    dripped = f"{drip.closed_after_s:.0f} s" if drip.closed_after_s is not None else "ever"
    print(
        f"{len(all_cases)} bad inputs, {judge.wrong} wrong; a drip is heard for {dripped}; bystander: {bystander.round_trips} round "
        f"trips, longest {bystander.longest_s * 1000:.0f} ms, {len(bystander.errors)} errors; broker {before_mib:.0f} MiB, "
        f"peak +{growth_mib:.0f} MiB"
    )
    return 1 if problems else 0


def gather(crowd: ExitStack, port: int) -> None:
    """Connections that announce the largest request. A broker that believed them would need gigabytes."""
    silent, halting = CROWD[AGAINST]
    for number in range(silent + halting):
        connection = crowd.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        connection.sendall(frame(header(METADATA, 1), length=100 * MIB))
        if number >= silent:
            connection.sendall(PART)


class Judge:
    """Compares answers, and what Weir says of them in its metrics and its log, with the table."""

    def __init__(self, port: int):
        self.wrong = 0
        self._port, self._asked = port, 0
        self._unnoticed: list[str] = []
        self._expected_peers: set[str] = set()

    def hear(self, case: Case) -> None:
        expected = case.expected(AGAINST)
        within_s = SILENCE_AFTER_S if expected == SILENT else ANSWER_WITHIN_S
        counted, began = self._counted(), time.monotonic()
        said = say(self._port, case.pieces, case.read, within_s, case.pause_s, case.half_close)
        took_ms = (time.monotonic() - began) * 1000
        risen = noticed.risen(counted, self._counted())
        right = said.outcome == expected
        self._asked += 1
        self.wrong += not right
        if AGAINST == "weir" and (risen != "none") != case.is_noticed(said.outcome) or "*" in risen:
            self._unnoticed.append(f"{case.name}: {said.outcome}, and counted: {risen}")
        if case.is_noticed(said.outcome):
            self._expected_peers.add(said.peer)
        wanted = "" if right else f"   (expected {expected})"
        print(f"{'ok   ' if right else 'WRONG'} {case.name:<64} {said.outcome}{wanted}  [{risen}] {took_ms:.0f} ms", flush=True)

    def problems(self) -> list[str]:
        found = [f"{self.wrong} of {self._asked} answers are not as expected"] if self.wrong else []
        if AGAINST == "weir":
            found += [f"weir_bad_input_total: {case}" for case in self._unnoticed]
            missing = self._expected_peers - noticed.peers_logged()
            found += [f"{len(missing)} of {len(self._expected_peers)} peers of bad input are not in the log"] if missing else []
        return found

    @staticmethod
    def _counted() -> dict[str, int]:
        return noticed.counted() if AGAINST == "weir" else {}


if __name__ == "__main__":
    sys.exit(main())
