"""Waits for what must become true, with a deadline, and says what was seen last when it does not."""

import time
from collections.abc import Callable

from kind.commands import CommandFailed

_STEP_S = 0.5


class NotYet(Exception):
    """What is waited for is not there; the message says what is."""


def until(what: str, within_s: float, look: Callable[[], object]) -> float:
    """Looks again and again until it neither raises nor fails; gives back after how many seconds that was."""
    began = time.monotonic()
    while True:
        try:
            look()
            return time.monotonic() - began
        except (NotYet, CommandFailed) as seen:
            if time.monotonic() - began > within_s:
                raise CommandFailed(f"{what}: not within {within_s:.0f} s; seen last: {seen}") from seen
        time.sleep(_STEP_S)
