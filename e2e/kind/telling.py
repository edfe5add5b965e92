"""Says what is being done and how long it takes. Decides nothing.

A step that takes long shows that it lives: its elapsed time, and the last line of its log, every few seconds.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_BEGAN = time.monotonic()
_HEARTBEAT_S = 20.0
_TAIL_BYTES = 2_000
_WIDTH = 100


def say(text: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:7.1f} s] {text}", flush=True)


@contextlib.contextmanager
def step(what: str, log: Path | None = None) -> Iterator[None]:
    """Names what begins, shows a sign of life until it ends, then says how long it took."""
    began = time.monotonic()
    done = threading.Event()
    say(f"{what} …")
    heart = threading.Thread(target=_beat, args=(done, what, began, log), daemon=True)
    heart.start()
    try:
        yield
    except BaseException:
        done.set()
        heart.join()
        say(f"{what}: not done after {time.monotonic() - began:.1f} s")
        raise
    done.set()
    heart.join()
    say(f"{what}: {time.monotonic() - began:.1f} s")


def fail(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _beat(done: threading.Event, what: str, began: float, log: Path | None) -> None:
    while not done.wait(_HEARTBEAT_S):
        last = _last_line(log)
        say(f"  … {what}, {time.monotonic() - began:.0f} s{': ' + last if last else ''}")


def _last_line(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:_WIDTH] if lines else ""
