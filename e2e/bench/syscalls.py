"""How many system calls a process makes: by perf's count of the kernel's own trace point, where the machine allows it.

Each call costs some tens of nanoseconds more while it is counted, so nothing else is measured meanwhile.
"""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from harness import children

_EVENT = "raw_syscalls:sys_enter"
_WITHIN_S = 30.0


@dataclass
class Counted:
    """Known when the context is left."""

    calls: int | None = None


@cache
def can_count() -> bool:
    """Not without perf, and not for who may not trace."""
    try:
        return _calls(subprocess.run(_command("--", "true"), capture_output=True, text=True, timeout=_WITHIN_S).stderr) is not None
    except OSError:
        return False


@contextmanager
def counted(pid: int) -> Iterator[Counted]:
    """All threads of the process, those that begin meanwhile too."""
    found = Counted()
    perf = children.spawn(_command("--pid", pid), stderr=subprocess.PIPE, text=True)
    try:
        yield found
        perf.send_signal(signal.SIGINT)
        found.calls = _calls(perf.communicate(timeout=_WITHIN_S)[1])
    finally:
        children.end_group(perf)


def _command(*what: object) -> list[str]:
    return ["perf", "stat", "--field-separator", ",", "--event", _EVENT, *map(str, what)]


def _calls(said: str) -> int | None:
    for line in said.splitlines():
        count, *rest = line.split(",")
        if _EVENT in rest and count.isdigit():
            return int(count)
    return None
