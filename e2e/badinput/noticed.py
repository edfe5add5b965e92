"""What Weir itself says about bad input: a counted metric, and a log line with the peer's address."""

import os
import re
import urllib.request
from pathlib import Path

_COUNTER = re.compile(r'^weir_bad_input_total\{kind="(\w+)"\} (\d+)', re.MULTILINE)
# The colour codes of a terminal never stand in a file, so these are the words as written.
_LINE = re.compile(r"(?:connection closed for bad input|batch refused).*?peer=([\d.]+:\d+)")


def counted() -> dict[str, int]:
    """`weir_bad_input_total` by kind."""
    with urllib.request.urlopen(f"http://{os.environ['BROKER_HTTP']}/metrics", timeout=10) as answer:
        return {kind: int(count) for kind, count in _COUNTER.findall(answer.read().decode())}


def risen(before: dict[str, int], after: dict[str, int]) -> str:
    """Which counters went up: the kinds, with how often where it was more than once."""
    by = {kind: count - before.get(kind, 0) for kind, count in after.items()}
    return " ".join(kind if times == 1 else f"{kind}*{times}" for kind, times in sorted(by.items()) if times) or "none"


def peers_logged() -> set[str]:
    """The addresses named in the broker's log for bad input."""
    return set(_LINE.findall(Path(os.environ["BROKER_LOG"]).read_text(errors="replace")))
