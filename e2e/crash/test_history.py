"""The checker finds each kind of bad history, and only that; a checker that never complains proves nothing."""

import unittest

from history import History, check


def history(polled, acknowledged=None, failed=(), tail=()) -> History:
    """One partition: what the last reader polled, what was acknowledged where, what was refused, what an earlier reader polled."""
    seen = History()
    seen.acknowledged[0] = dict(polled_offsets(polled) if acknowledged is None else acknowledged)
    seen.failed[0] = set(failed)
    seen.new_reader()[0].extend(tail)
    seen.new_reader()[0].extend(polled)
    return seen


def polled_offsets(polled) -> dict:
    return {value: offset for offset, value in polled}


def kinds(seen: History) -> list[str]:
    return sorted({anomaly.kind for anomaly in check(seen)})


GOOD = [(0, 0), (1, 1), (2, 2)]


class TheChecker(unittest.TestCase):
    def test_a_good_history_has_no_anomaly(self):
        self.assertEqual(kinds(history(GOOD, tail=GOOD[:2])), [])

    def test_an_empty_history_has_no_anomaly(self):
        self.assertEqual(check(History()), [])

    def test_a_value_of_unknown_fate_may_be_in_the_log(self):
        self.assertEqual(kinds(history(GOOD, acknowledged={0: 0, 1: 1})), [])

    def test_a_value_of_unknown_fate_may_be_absent(self):
        self.assertEqual(kinds(history([(0, 0), (1, 2)], acknowledged={0: 0, 2: 1})), [])

    def test_an_acknowledged_value_that_others_took_the_place_of_is_lost(self):
        self.assertEqual(kinds(history([(0, 0), (1, 2)], acknowledged={0: 0, 1: 1})), ["lost"])

    def test_an_acknowledged_tail_that_vanished_is_unseen(self):
        self.assertEqual(kinds(history(GOOD, acknowledged={0: 0, 1: 1, 2: 2, 3: 3})), ["unseen"])

    def test_everything_vanished(self):
        self.assertEqual(kinds(history([], acknowledged={0: 0})), ["unseen"])

    def test_a_partition_nobody_read_is_still_checked(self):
        seen = history(GOOD)
        seen.acknowledged[7][0] = 0
        self.assertEqual(kinds(seen), ["unseen"])

    def test_a_history_without_any_reader_is_not_taken_for_good(self):
        seen = History()
        seen.acknowledged[0][0] = 0
        self.assertEqual(kinds(seen), ["unseen"])

    def test_a_value_at_two_offsets_is_a_duplicate(self):
        self.assertEqual(kinds(history([(0, 0), (1, 1), (2, 1)], acknowledged={0: 0})), ["duplicate"])

    def test_values_out_of_the_order_they_were_sent_in_are_reordered(self):
        self.assertEqual(kinds(history([(0, 0), (1, 2), (2, 1)])), ["reordered"])

    def test_a_value_at_another_offset_than_acknowledged_is_misplaced(self):
        self.assertEqual(kinds(history(GOOD, acknowledged={0: 0, 1: 2})), ["misplaced"])

    def test_a_refused_value_in_the_log_is_an_aborted_read(self):
        self.assertEqual(kinds(history(GOOD, acknowledged={0: 0}, failed=[1])), ["aborted read"])

    def test_a_refused_value_that_only_an_earlier_reader_saw_is_an_aborted_read(self):
        self.assertEqual(kinds(history([(0, 0)], failed=[1], tail=[(0, 0), (1, 1)])), ["aborted read"])

    def test_two_readers_that_disagree_about_an_offset_are_inconsistent(self):
        self.assertIn("inconsistent offset", kinds(history(GOOD, tail=[(0, 0), (1, 9)])))

    def test_a_reader_that_steps_back_is_non_monotonic(self):
        self.assertEqual(kinds(history(GOOD, tail=[(0, 0), (1, 1), (0, 0)])), ["non-monotonic poll"])

    def test_a_reader_that_leaves_an_offset_out_skips(self):
        self.assertEqual(kinds(history(GOOD, tail=[(0, 0), (2, 2)])), ["skipped poll"])

    def test_partitions_are_judged_apart(self):
        seen = history(GOOD)
        seen.readers[-1][1].extend([(0, 0), (1, 0)])
        self.assertEqual([(anomaly.partition, anomaly.kind) for anomaly in check(seen)], [(1, "duplicate")])


if __name__ == "__main__":
    unittest.main()
