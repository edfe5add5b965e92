"""Child processes that are bounded and that never outlive us.

Every child gets its own session, so that its whole process group can be ended by the pid we started; and Linux is asked to
kill it when we die, so that a killed test run leaves no broker behind. Nothing is ever looked up or ended by name.
"""

import contextlib
import ctypes
import os
import signal
import subprocess

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(command: list, **options) -> subprocess.Popen:
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(
        [str(part) for part in command],
        start_new_session=True,
        preexec_fn=_die_with_parent,
        **options,
    )


def end_group(child: subprocess.Popen, grace_s: float = 3.0) -> None:
    """Ends the child and what it started: SIGTERM, then SIGKILL when the grace is over."""
    if child.poll() is None:
        _signal_group(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace_s)
    _signal_group(child, signal.SIGKILL)
    child.wait()


def _signal_group(child: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def rss_mib(pid: int) -> float:
    """Resident memory of a process now, from /proc."""
    return _status_kib(pid, "VmRSS:") / 1024


def peak_rss_mib(pid: int) -> float:
    """The most resident memory the process ever had."""
    return _status_kib(pid, "VmHWM:") / 1024


def _status_kib(pid: int, field: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1])
    raise LookupError(f"{field} is not in /proc/{pid}/status")
