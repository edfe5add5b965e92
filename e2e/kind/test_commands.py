"""Programs are bounded, and what they said is told when they fail."""

import tempfile
import unittest
from pathlib import Path

from kind.commands import CommandFailed, run, succeeds


class AProgram(unittest.TestCase):
    def test_that_ends_well_gives_what_it_printed(self):
        self.assertEqual(run(["sh", "-c", "cat; echo end"], stdin="begin\n"), "begin\nend\n")

    def test_that_fails_is_told_with_its_last_words(self):
        with self.assertRaisesRegex(CommandFailed, "failed with 3(.|\n)*no such thing"):
            run(["sh", "-c", "echo no such thing >&2; exit 3"])

    def test_that_does_not_end_is_ended_with_all_that_it_started(self):
        with self.assertRaisesRegex(CommandFailed, "did not end within"):
            run(["sh", "-c", "sleep 60 & wait"], timeout_s=0.2)

    def test_with_a_log_writes_there_and_is_told_from_there(self):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "new" / "log"
            with self.assertRaisesRegex(CommandFailed, "all of it in .*log(.|\n)*broken"):
                run(["sh", "-c", "echo broken; exit 1"], log=log)
            self.assertEqual(log.read_text(), "broken\n")

    def test_that_is_not_there_does_not_succeed(self):
        self.assertFalse(succeeds(["no-such-program-anywhere"]))


if __name__ == "__main__":
    unittest.main()
