"""Daemons that outlive the command which starts them: known by a file with their pid, ended by it, never looked up by name."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_STEP_S = 0.1
_KILLED_WITHIN_S = 10.0


class Daemon:
    """One process of ours. A pid that was given to somebody else in the meantime is not taken for it."""

    def __init__(self, pid_file: Path):
        self._file = pid_file
        # Kept while we live; it lives on without us.
        self._child: subprocess.Popen | None = None

    def start(self, command: list[str], log: Path, env: dict[str, str]) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        self._file.write_text(f"{self._child.pid} {_started(self._child.pid)}\n")

    def pid(self) -> int | None:
        """Its pid while it runs."""
        try:
            pid, started = self._file.read_text().split()
            return int(pid) if _started(int(pid)) == started else None
        except (OSError, ValueError):
            return None

    def stop(self, asked: int, grace_s: float) -> None:
        """SIGTERM to the process that ends in order, and SIGKILL to ours when the grace is over."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(asked, signal.SIGTERM)
        _until(lambda: self.pid() is None, grace_s)
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            _until(lambda: self.pid() is None, _KILLED_WITHIN_S)
        self._file.unlink(missing_ok=True)


def _started(pid: int) -> str:
    """When a process began, in ticks since boot: with its pid, this is its name. A dead one that nobody reaped has ended."""
    # The program's name, in brackets, may hold anything.
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(pid)
    return fields[18]


def _until(true: Callable[[], bool], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not true() and time.monotonic() < deadline:
        time.sleep(_STEP_S)
