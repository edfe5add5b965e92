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


if __name__ == "__main__":
    unittest.main()
