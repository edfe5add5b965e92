"""Who goes on from one workload to the next, and that everybody else is ended."""

import unittest

from bench.kept import Kept, stay
from bench.workloads import ALL, named


def of(name: str):
    return named([name])[0]


class Staying(unittest.TestCase):
    def test_who_goes_on(self):
        cases = (
            ("produce-1k-wide", "produce-1k-acks1", {"weir", "kafka", "kafka-tuned", "weir-fsync"}),
            # The noise floor and its like take no part in what comes next, and would disturb it.
            ("produce-1k", "produce-1k-wide", {"weir", "kafka", "kafka-tuned", "weir-fsync"}),
            ("stock-librdkafka", "produce-fsync", set()),
            # A trio, a process that is killed, and memory that is looked at begin with nothing, and leave nothing.
            ("produce-fsync-wide", "replicated", set()),
            ("replicated", "start", set()),
            ("start", "idle", set()),
            ("idle", "connections", set()),
            ("connections", "rebalance-group", set()),
            ("compaction", "rebalance-group", set()),
        )
        for before, after, expected in cases:
            with self.subTest(before=before, after=after):
                self.assertEqual(stay(of(before), of(after)), expected)

    def test_nobody_goes_on_to_the_first(self):
        self.assertEqual(stay(None, of("produce-1k")), frozenset())

    def test_in_our_order_a_kafka_warms_up_from_nothing_twice_before_the_processes(self):
        """At the beginning, and for what is synced."""
        loads = ALL[: ALL.index(of("replicated"))]
        young = [after.name for before, after in zip([None, *loads], loads) if not {"kafka", "kafka-fsync"} & stay(before, after)]
        self.assertEqual(young, ["produce-1k", "produce-fsync"])


class OfNothing:
    """A server that notes what is done to it."""

    def __init__(self, name: str, log: list[str], starts: bool = True):
        self._name, self._log, self._starts = name, log, starts

    def start(self) -> None:
        if not self._starts:
            raise ValueError("no port")
        self._log.append(f"start {self._name}")

    def remove(self) -> None:
        self._log.append(f"remove {self._name}")


class Keeping(unittest.TestCase):
    def test_one_that_runs_is_given_again_and_the_others_are_ended(self):
        log: list[str] = []
        with Kept() as kept:
            first = kept.server("kafka", lambda: OfNothing("kafka", log))
            kept.server("weir", lambda: OfNothing("weir", log))
            kept.keep({"kafka"})
            self.assertIs(kept.server("kafka", lambda: OfNothing("another", log)), first)
        self.assertEqual(log, ["start kafka", "start weir", "remove weir", "remove kafka"])

    def test_one_that_does_not_start_is_ended_as_well(self):
        log: list[str] = []
        with Kept() as kept:
            self.assertRaises(ValueError, kept.server, "tansu", lambda: OfNothing("tansu", log, starts=False))
        self.assertEqual(log, ["remove tansu"])


if __name__ == "__main__":
    unittest.main()
