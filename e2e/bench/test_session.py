"""A guest that fails is left out of its workload; anybody else that fails ends it."""

import unittest
from dataclasses import replace
from pathlib import Path

from bench.contenders import BY_NAME
from bench.cores import Cores
from bench.session import Outcome, Session
from bench.workloads import ALL
from bench.workloads.site import FULL, QUICK


def session() -> Session:
    return Session(QUICK, Cores(0, 0), None, Path("weir"), Path("none"), frozenset(), lambda _: None)


class Guests(unittest.TestCase):
    def fail(self, name: str, outcome: Outcome, servers: dict) -> None:
        with session()._as_guest(BY_NAME[name], servers, outcome):
            raise ValueError("no such API")

    def test_a_guest_that_fails_is_left_out_with_what_it_has_shown_and_says_why(self):
        outcome, servers = Outcome("produce-1k", {"weir": [{"gb_s": 1.0}], "tansu": [{"gb_s": 0.1}]}), {"weir": None, "tansu": None}
        self.fail("tansu", outcome, servers)
        self.assertEqual((list(outcome.measured), list(servers)), (["weir"], ["weir"]))
        self.assertEqual(outcome.told()["could_not"], {"tansu": "ValueError: no such API"})

    def test_kafka_is_no_guest(self):
        outcome, servers = Outcome("produce-1k", {"kafka": [{}]}), {"kafka": None}
        self.assertRaises(ValueError, self.fail, "kafka", outcome, servers)
        self.assertEqual((list(outcome.measured), list(servers), outcome.could_not), (["kafka"], ["kafka"], {}))


class Keeping(unittest.TestCase):
    def test_what_there_is_is_kept_after_each_workload(self):
        kept: list[list[str]] = []
        nobody = [replace(workload, contenders=()) for workload in ALL[:2]]
        session().run(nobody, lambda outcomes: kept.append([outcome.name for outcome in outcomes]))
        self.assertEqual(kept, [[ALL[0].name], [ALL[0].name, ALL[1].name]])


class Settling(unittest.TestCase):
    def test_only_a_jvm_is_given_the_whole_minute(self):
        given = {name: FULL.warm_s(BY_NAME[name]) for name in ("kafka", "kafka-tuned", "weir", "tansu")}
        self.assertEqual(given, {"kafka": 60.0, "kafka-tuned": 60.0, "weir": 10.0, "tansu": 10.0})
        self.assertEqual(QUICK.warm_s(BY_NAME["kafka"]), 0.0)


if __name__ == "__main__":
    unittest.main()
