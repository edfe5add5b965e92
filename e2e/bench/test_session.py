"""A guest that fails is left out of its workload; anybody else that fails ends it."""

import unittest
from pathlib import Path

from bench.contenders import BY_NAME
from bench.cores import Cores
from bench.session import Outcome, Session
from bench.workloads.site import QUICK


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


if __name__ == "__main__":
    unittest.main()
