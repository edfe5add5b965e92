"""What a run came to is kept, summed, and never counted twice."""

import tempfile
import unittest
from pathlib import Path

from faults.checker import Violation
from faults.gaps import Episode, Wait
from faults.history import History, Seen, Value
from faults.ordeal import Ordeal
from faults.tally import Outcome, append, load, outcome, sums


def ordeal() -> Ordeal:
    history = History()
    history.acknowledged[0] = {Value("w", 0): 0, Value("w", 1): 1}
    history.failed[1] = {Value("w", 2)}
    history.final[0] = [Seen(0, Value("w", 0)), Seen(1, Value("w", 1)), Seen(2, Value("w", 9))]
    history.invoked_at["w", 0] = [10.0, 11.0]
    history.acknowledged_at["w", 0] = [10.5, 13.0]
    came = Ordeal(history, began=10.0, ended=20.0)
    came.episodes = [Episode("kill broker 0", "kill", 11.0, 12.0), Episode("kill broker 1", "kill", 18.0, 19.0)]
    return came


class AnOutcome(unittest.TestCase):
    def test_counts_what_was_done_and_what_came_of_it(self):
        came = outcome(7, 2, ordeal(), [])
        self.assertEqual((came.seed, came.seconds, came.at_once, came.faults), (7, 10.0, 2, {"kill": 2}))
        self.assertEqual((came.acknowledged, came.refused, came.unknown, came.read), (2, 1, 0, 3))
        self.assertEqual(came.waits, [Wait("kill", "w", 2.5, 1.0)])
        self.assertTrue(came.good)

    def test_is_bad_with_a_violation_or_a_complaint(self):
        self.assertFalse(outcome(7, 1, ordeal(), [Violation("lost", "partition 0", "w:0")]).good)
        self.assertFalse(Outcome(7, complaints=["it was ended from outside"]).good)


class TheFile(unittest.TestCase):
    def test_gives_back_what_was_put_in_the_last_word_on_each_seed(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "runs"
            self.assertEqual(load(path), {})
            good, bad = outcome(7, 2, ordeal(), []), Outcome(8, complaints=["stuck"])
            for one in (Outcome(7, complaints=["stuck"]), bad, good):
                append(path, one)
            with open(path, "a", encoding="utf-8") as file:
                file.write('{"seed":9,"se')
            self.assertEqual(load(path), {7: good, 8: bad})


class TheSums(unittest.TestCase):
    def test_end_with_the_verdict_on_all_runs(self):
        said = sums("weir", [outcome(7, 2, ordeal(), []), outcome(8, 1, ordeal(), [])]).splitlines()[-1]
        self.assertIn("2 runs against weir (1 with two faults at a time), 0 minutes, 4 faults, 4 acknowledged: nothing lost", said)
        self.assertTrue(said.endswith("0 bad runs"), said)

    def test_name_bad_seeds_and_what_was_wrong_with_them(self):
        lost = outcome(9, 1, ordeal(), [Violation("lost", "partition 0", "w:0")])
        said = sums("weir", [lost, Outcome(8, complaints=["stuck"])])
        self.assertIn("seed 8: COMPLAINT stuck", said)
        self.assertTrue(said.endswith("1 lost; 2 bad runs [8, 9]"), said)


if __name__ == "__main__":
    unittest.main()
