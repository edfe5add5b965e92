"""Ratios are taken within a block, whichever direction is the better one."""

import unittest

from bench.blocks import middle, order, ratio

MEASURED = {
    "weir": [{"cpu": 1.0, "rate": 10.0}, {"cpu": 2.0, "rate": 30.0}, {"cpu": 1.0, "rate": 20.0}],
    "kafka": [{"cpu": 3.0, "rate": 5.0}, {"cpu": 4.0, "rate": 10.0}, {"cpu": 5.0, "rate": 20.0}],
}


class Blocks(unittest.TestCase):
    def test_less_is_better_turns_the_ratio_round(self):
        found = ratio(MEASURED, "weir", "kafka", "cpu", less_is_better=True)
        self.assertEqual((found.median, found.least, found.most, found.blocks), (3.0, 2.0, 5.0, 3))

    def test_more_is_better_leaves_it(self):
        found = ratio(MEASURED, "weir", "kafka", "rate", less_is_better=False)
        self.assertEqual((found.median, found.least, found.most), (2.0, 1.0, 3.0))

    def test_a_figure_that_nobody_has_gives_no_ratio(self):
        self.assertIsNone(ratio(MEASURED, "weir", "kafka", "memory", less_is_better=True))
        self.assertIsNone(ratio(MEASURED, "weir", "tansu", "cpu", less_is_better=True))
        self.assertIsNone(middle(MEASURED, "weir", "memory"))

    def test_nobody_always_comes_first(self):
        self.assertEqual(order(["a", "b"], 0), ["a", "b"])
        self.assertEqual(order(["a", "b"], 1), ["b", "a"])


if __name__ == "__main__":
    unittest.main()
