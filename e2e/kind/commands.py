"""Runs other programs: bounded in time, ended when we are stopped, and what they said is in the error when they fail."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

_MINUTE_S = 60.0
_TAIL = 3_000
_GRACE_S = 5.0


class CommandFailed(Exception):
    """A program ended badly or did not end in time; the message has its last words."""


def run(
    command: Sequence[object],
    *,
    timeout_s: float = _MINUTE_S,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    log: Path | None = None,
) -> str:
    """Runs a program to its end and gives back what it printed. With a log, its output goes there, as it comes."""
    words = [str(part) for part in command]
    code, said = _run(words, timeout_s, cwd, env, stdin, log)
    if code != 0:
        where = f" (all of it in {log})" if log else ""
        raise CommandFailed(f"`{' '.join(words)}` failed with {code}{where}:\n{said[-_TAIL:].strip()}")
    return said


def succeeds(command: Sequence[object], *, timeout_s: float = _MINUTE_S, env: Mapping[str, str] | None = None) -> bool:
    """Whether a program ends well. One that is not there, or hangs, does not."""
    try:
        run(command, timeout_s=timeout_s, env=env)
    except (CommandFailed, OSError):
        return False
    return True


def _run(words, timeout_s, cwd, env, stdin, log) -> tuple[int, str]:
    """Its output goes to a file, not to a pipe: whoever inherits a pipe could keep us waiting for its end."""
    with _output(log) as output:
        child = subprocess.Popen(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            child.communicate(stdin.encode() if stdin is not None else None, timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            _end(child)
            raise CommandFailed(f"`{' '.join(words)}` did not end within {timeout_s:.0f} s:\n{_said(output)[-_TAIL:]}") from late
        except BaseException:
            _end(child)
            raise
        return child.returncode, _said(output)


def _output(log: Path | None) -> BinaryIO:
    if log is None:
        return tempfile.TemporaryFile()
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("w+b")


def _said(output: BinaryIO) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")


def _end(child: subprocess.Popen) -> None:
    """It has its own session, so its group is what it started, and nothing else."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is not None:
            return
        os.killpg(child.pid, number)
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            continue
