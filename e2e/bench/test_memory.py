"""Memory is touched as far as it is free and wanted, and of each block of it a page stays, which no child gets."""

import mmap
import os
import unittest
from pathlib import Path

from bench.memory import available_bytes, touched

MIB = 1 << 20


def resident(mapping_bytes: int) -> list[int]:
    """Bytes of each mapping of this process that is so large."""
    sizes, found = [], []
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.startswith("Size:"):
            sizes.append(int(line.split()[1]) << 10)
        elif line.startswith("Rss:") and sizes[-1] == mapping_bytes:
            found.append(int(line.split()[1]) << 10)
    return found


class Touching(unittest.TestCase):
    def test_as_much_as_is_wanted_and_no_more_than_most_of_what_is_free(self):
        table = [(0, 1000 * MIB, 0), (128 * MIB, 1000 * MIB, 128), (10_000 * MIB, 200 * MIB, 128), (10_000 * MIB, 0, 0)]
        for most, available, expected in table:
            with touched(most, available) as bytes_:
                self.assertEqual(bytes_ // MIB, expected, f"{most} of {available}")

    def test_a_page_of_each_block_stays_until_the_end_and_the_rest_is_free(self):
        with touched(192 * MIB, 1000 * MIB):
            self.assertEqual(resident(192 * MIB), [96 * mmap.PAGESIZE])
        self.assertEqual(resident(192 * MIB), [])

    def test_a_forked_child_does_not_have_it(self):
        with touched(192 * MIB, 1000 * MIB):
            child = os.fork()
            if not child:
                # Never back into the tests: the child ends here, whatever it finds.
                try:
                    os._exit(1 if resident(192 * MIB) else 0)
                finally:
                    os._exit(2)
            _, status = os.waitpid(child, 0)
            self.assertEqual(os.waitstatus_to_exitcode(status), 0)

    def test_what_is_free_is_known(self):
        self.assertGreater(available_bytes(), MIB)


if __name__ == "__main__":
    unittest.main()
