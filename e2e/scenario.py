"""The few words every Python program here shares: where the broker is, a name nobody else has, waiting for a fact."""

import os
import time
import uuid

BOOTSTRAP = os.environ.get("BOOTSTRAP", "127.0.0.1:9092")
AGAINST = os.environ.get("AGAINST", "weir")
PATIENCE_S = 45.0


def unique(stem: str) -> str:
    """A topic or group name of this run alone."""
    return f"{stem}-{uuid.uuid4().hex[:10]}"


def eventually(what: str, fact, within_s: float = PATIENCE_S):
    """Polls until `fact()` is true and returns its value; the error says what was waited for."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        value = fact()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s:.0f} s: {what}")


def equal(what: str, got, expected) -> None:
    """An assertion which shows both sides."""
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")
