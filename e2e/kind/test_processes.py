"""A daemon is known by its pid and its birth, and ends when it is told to, or when its grace is over."""

import os
import tempfile
import unittest
from pathlib import Path

from kind.processes import Daemon


class ADaemon(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.file = Path(self._folder.name) / "pid"
        self.daemon = Daemon(self.file)

    def started(self, script: str) -> int:
        self.daemon.start(["sh", "-c", script], Path(self._folder.name) / "log", dict(os.environ))
        pid = self.daemon.pid()
        self.addCleanup(lambda: self.daemon.stop(pid, 0.0))
        return pid

    def test_is_found_again_by_its_file(self):
        pid = self.started("exec sleep 60")
        self.assertEqual(Daemon(self.file).pid(), pid)

    def test_ends_when_it_is_asked_to(self):
        self.daemon.stop(self.started("exec sleep 60"), 30.0)
        self.assertIsNone(self.daemon.pid())
        self.assertFalse(self.file.exists())

    def test_that_does_not_listen_is_killed(self):
        self.daemon.stop(self.started("trap '' TERM; echo ready; while :; do sleep 1; done"), 0.3)
        self.assertIsNone(self.daemon.pid())

    def test_is_not_mistaken_for_another_process_that_has_its_pid_now(self):
        self.file.write_text(f"{os.getpid()} 1\n")
        self.assertIsNone(self.daemon.pid())

    def test_that_was_never_started_has_no_pid(self):
        self.assertIsNone(self.daemon.pid())


if __name__ == "__main__":
    unittest.main()
