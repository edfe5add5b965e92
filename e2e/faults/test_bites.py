"""A cluster that lost something is told from one that did not: the program that looks for the bite can fail."""

import unittest

from faults.bites import is_loss
from faults.checker import check, counts
from faults.history import History, Seen, Value


def history(read: list[int]) -> History:
    """Three values acknowledged, of which these were read at last."""
    made = History()
    made.invoked[0] = {Value("w", number) for number in range(3)}
    made.acknowledged[0] = {Value("w", number): number for number in range(3)}
    made.final[0] = [Seen(offset, Value("w", offset)) for offset in read]
    return made


class ABite(unittest.TestCase):
    def test_is_a_value_that_is_gone(self):
        for gone in ([0, 1], [], [0, 2]):
            self.assertTrue(is_loss(counts(check(history(gone)))), gone)

    def test_is_not_seen_in_a_whole_log(self):
        self.assertFalse(is_loss(counts(check(history([0, 1, 2])))))

    def test_is_more_than_some_other_violation(self):
        self.assertFalse(is_loss({"reordered": 3, "skipped poll": 1}))


if __name__ == "__main__":
    unittest.main()
