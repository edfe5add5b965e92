"""The time left is corrected by how wrong the expectations were."""

import unittest

from bench.progress import Progress


class Left(unittest.TestCase):
    def test_expectations_are_scaled_by_what_the_parts_took(self):
        now = [0.0]
        progress = Progress({"first": 100.0, "second": 300.0}, print, lambda: now[0])
        self.assertEqual(progress.left(), "about 7 min left")
        now[0] = 50.0
        progress.done("first")
        self.assertEqual(progress.left(), "about 2 min left")
        progress.done("second")
        self.assertEqual(progress.left(), "about 0 s left")

    def test_a_piece_of_a_part_counts_when_it_is_done(self):
        now = [0.0]
        progress = Progress({"first": 200.0}, print, lambda: now[0])
        now[0] = 300.0
        progress.did("first", 150.0)
        self.assertEqual(progress.left(), "about 2 min left")
        progress.did("first", 150.0)
        self.assertEqual(progress.left(), "about 0 s left")


if __name__ == "__main__":
    unittest.main()
