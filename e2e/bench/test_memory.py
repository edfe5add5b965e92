"""Memory is touched as far as it is free and wanted."""

import unittest

from bench.memory import available_bytes, touch

MIB = 1 << 20


class Touching(unittest.TestCase):
    def test_as_much_as_is_wanted_and_no_more_than_most_of_what_is_free(self):
        table = [(0, 1000 * MIB, 0), (128 * MIB, 1000 * MIB, 128), (10_000 * MIB, 200 * MIB, 128), (10_000 * MIB, 0, 0)]
        for most, available, expected in table:
            self.assertEqual(touch(most, available) // MIB, expected, f"{most} of {available}")

    def test_what_is_free_is_known(self):
        self.assertGreater(available_bytes(), MIB)


if __name__ == "__main__":
    unittest.main()
