"""Gaps are as long as writers waited, and belong to the fault they were waited for."""

import unittest

from faults.gaps import Episode, Gap, Wait, cause, distribution, gaps, judged, longest_by_writer, waits, where_longest
from faults.history import History

KILL, PAUSE = Episode("kill broker 0", "kill", 10.0, 12.0), Episode("pause broker 1", "pause", 30.0, 31.0)


def history(sent: list[float], answered: list[float], writer: str = "w") -> History:
    made = History()
    made.invoked_at[writer, 0] = sent
    made.acknowledged_at[writer, 0] = answered
    return made


class Gaps(unittest.TestCase):
    def test_are_between_acknowledgements_and_begin_with_the_first_value_sent(self):
        found = gaps(history([1.0, 2.0, 3.0], [1.5, 4.5, 5.0]), until=9.0)
        self.assertEqual([gap.seconds for gap in found], [0.5, 3.0, 0.5])

    def test_last_to_the_end_when_an_answer_never_came(self):
        self.assertEqual([gap.seconds for gap in gaps(history([1.0, 2.0], [1.5]), until=9.0)], [0.5, 7.5])

    def test_of_a_writer_never_answered_last_from_first_to_last(self):
        self.assertEqual([gap.seconds for gap in gaps(history([1.0], []), until=9.0)], [8.0])

    def test_are_told_apart_by_writer(self):
        found = [Gap("a", 0, 0.0, 1.0), Gap("a", 1, 0.0, 3.0), Gap("b", 0, 0.0, 2.0)]
        self.assertEqual({writer: gap.seconds for writer, gap in longest_by_writer(found).items()}, {"a": 3.0, "b": 2.0})


class TheCause(unittest.TestCase):
    def test_is_the_fault_that_the_gap_spans(self):
        self.assertEqual(cause(Gap("w", 0, 10.1, 13.0), [KILL, PAUSE]), KILL)

    def test_is_the_fault_that_has_just_ended(self):
        self.assertEqual(cause(Gap("w", 0, 12.5, 14.0), [KILL, PAUSE]), KILL)

    def test_is_the_one_that_shares_most_of_the_time(self):
        self.assertEqual(cause(Gap("w", 0, 16.5, 31.0), [KILL, PAUSE]), PAUSE)

    def test_is_nothing_when_nothing_happened(self):
        self.assertIsNone(cause(Gap("w", 0, 1.0, 2.0), [KILL, PAUSE]))

    def test_gives_each_fault_the_longest_wait_of_each_writer(self):
        found = waits([Gap("a", 0, 10.0, 10.5), Gap("a", 1, 10.0, 13.0), Gap("b", 0, 30.0, 30.25)], [KILL, PAUSE])
        self.assertEqual(found, [Wait("kill", "a", 3.0, 1.0), Wait("pause", "b", 0.25, 0.0)])


class TheDistribution(unittest.TestCase):
    def test_names_values_that_were_seen(self):
        found = distribution(number / 1000 for number in range(1, 101))
        self.assertEqual((found.p50, found.p90, found.p99, found.longest), (0.05, 0.09, 0.099, 0.1))

    def test_of_thirty_has_its_longest_at_p99(self):
        found = distribution([0.1] * 29 + [2.0])
        self.assertEqual((found.p90, found.p99), (0.1, 2.0))

    def test_of_nothing_is_nothing(self):
        self.assertEqual(distribution([]).count, 0)

    def test_meets_a_target_when_99_of_a_hundred_do(self):
        for slow, said in ((1, "; target 50 ms met"), (2, "; target 50 ms not met")):
            self.assertEqual(judged(distribution([0.05] * (100 - slow) + [0.051] * slow), 0.05), said)

    def test_is_not_judged_without_a_target(self):
        self.assertEqual(judged(distribution([9.0]), None), "")


class TheLongest(unittest.TestCase):
    def test_is_told_by_when_it_began_in_its_round(self):
        told = where_longest([KILL, PAUSE, KILL], [Gap("w", 0, 10.5, 11.0), Gap("w", 0, 29.75, 31.0), None])
        self.assertEqual(told, "; the longest in pause broker 1, -0.25 s from when it was begun (+1.00 s: it was undone)")

    def test_is_not_told_where_nobody_waited(self):
        self.assertEqual(where_longest([KILL, PAUSE], [None, None]), "")


if __name__ == "__main__":
    unittest.main()
