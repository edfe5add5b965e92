"""How much is done and how long the rest will take, by what the parts were expected to take and what they took. Pure but for saying it."""

import time
from collections.abc import Callable


class Progress:
    def __init__(self, parts: dict[str, float], say: Callable[[str], None], now: Callable[[], float] = time.monotonic):
        """`parts` are the expected seconds of each."""
        self._left, self._say, self._now = dict(parts), say, now
        self._expected_done = 0.0
        self._began = now()

    def begin(self, part: str, what: str) -> None:
        self._say(f"{part:<20} {what:<44} {self.left()}")

    def did(self, part: str, expected_s: float) -> None:
        """A piece of a part, which was expected to take so long."""
        piece = min(expected_s, self._left.get(part, 0.0))
        self._left[part] = self._left.get(part, 0.0) - piece
        self._expected_done += piece

    def done(self, part: str) -> None:
        self._expected_done += self._left.pop(part, 0.0)

    def left(self) -> str:
        """In minutes: expectations are scaled by how wrong they were until now."""
        wrong = (self._now() - self._began) / self._expected_done if self._expected_done else 1.0
        seconds = sum(self._left.values()) * wrong
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"
