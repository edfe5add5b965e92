"""Sends every bad input of the table, one connection each; beside it a well-behaved client works and must notice nothing.

The table is in `cases.py`. Every line printed is a case, the answer it got, and how long that took.
"""

import os
import socket
import sys
import time
from contextlib import ExitStack

from confluent_kafka.admin import AdminClient, NewTopic

from bystander import LONGEST_STOP_S, Bystander
from bytes_out import METADATA, frame, header
from cases import MIB, Case, cases
from conversation import SILENT, say
from harness.children import peak_rss_mib, rss_mib
from scenario import AGAINST, BOOTSTRAP, unique

ANSWER_WITHIN_S = 10.0
SILENCE_AFTER_S = 1.0
# What the largest single request may need, twice over; a claimed length or a bomb would need far more.
MAX_GROWTH_MIB = 128.0
# Kafka allocates what is announced, and has no heap for more than a few.
CROWD = {"weir": 200, "kafka": 1}


def main() -> int:
    broker_pid = int(os.environ["BROKER_PID"])
    port = int(BOOTSTRAP.rpartition(":")[2])
    topic, quiet = unique("target"), unique("bystander")
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    for future in admin.create_topics([NewTopic(topic, 2, 1), NewTopic(quiet, 1, 1)]).values():
        future.result(30)
    bystander = Bystander(BOOTSTRAP, quiet)
    before_mib = rss_mib(broker_pid)

    all_cases = cases(topic, unique)
    with ExitStack() as crowd:
        gather(crowd, port)
        wrong = [case for case in all_cases if not is_right(port, case)]
        bystander.leave()

    growth_mib = peak_rss_mib(broker_pid) - before_mib
    problems = [f"{len(wrong)} of {len(all_cases)} answers are not as expected"] if wrong else []
    problems += [f"the bystander: {error}" for error in bystander.errors[:5]]
    if bystander.longest_s > LONGEST_STOP_S:
        problems.append(f"the bystander waited {bystander.longest_s:.1f} s")
    if AGAINST == "weir" and growth_mib > MAX_GROWTH_MIB:
        problems.append(f"the broker grew by {growth_mib:.0f} MiB; {MAX_GROWTH_MIB:.0f} are allowed")
    for problem in problems:
        print(problem)
    print(
        f"{len(all_cases)} bad inputs, {len(wrong)} wrong; bystander: {bystander.round_trips} round trips, longest "
        f"{bystander.longest_s * 1000:.0f} ms, {len(bystander.errors)} errors; broker {before_mib:.0f} MiB, peak +{growth_mib:.0f} MiB"
    )
    return 1 if problems else 0


def gather(crowd: ExitStack, port: int) -> None:
    """Connections that announce the largest request and never send it. A broker that believed them would need gigabytes."""
    for _ in range(CROWD[AGAINST]):
        connection = crowd.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        connection.sendall(frame(header(METADATA, 1), length=100 * MIB))


def is_right(port: int, case: Case) -> bool:
    expected = case.expected(AGAINST)
    within_s = SILENCE_AFTER_S if expected == SILENT else ANSWER_WITHIN_S
    began = time.monotonic()
    got = say(port, case.pieces, case.read, within_s, case.pause_s, case.half_close)
    right = case.allows(AGAINST, got)
    verdict = "ok   " if right else "WRONG"
    print(
        f"{verdict} {case.name:<64} {got}"
        + ("" if right else f"   (expected {expected})")
        + f"  {(time.monotonic() - began) * 1000:.0f} ms",
        flush=True,
    )
    return right


if __name__ == "__main__":
    sys.exit(main())
