"""Members of a classic consumer group that assign nothing: each joins, syncs, beats, and joins again when it is told to.

Speaks the protocol itself, so that a hundred members cost little and notice a rebalance when the broker says so and no later.
"""

import asyncio
import struct
from collections.abc import Callable

JOIN, HEARTBEAT, LEAVE, SYNC, FIND = 11, 12, 13, 14, 10
_JOIN_VERSION, _SYNC_VERSION, _HEARTBEAT_VERSION, _LEAVE_VERSION = 4, 2, 2, 1
_SESSION_MS, _REBALANCE_MS = 30_000, 60_000
_MEMBER_ID_REQUIRED, _ILLEGAL_GENERATION, _UNKNOWN_MEMBER, _REBALANCING = 79, 22, 25, 27
# The coordinator of the group is being made, or loads.
COMING = (14, 15, 16)
_COMING_POLL_S = 0.1
_MOST_FRAME = 16 << 20


class GroupFailed(Exception):
    """The coordinator said something that ends a member."""


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def blob(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


class Answer:
    """Reads one response from front to end."""

    def __init__(self, content: bytes):
        self._content, self._at = content, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f">{kind}", self._content, self._at)
        self._at += struct.calcsize(kind)
        return value

    def text(self) -> str:
        return self._take(self.number("h")).decode()

    def blob(self) -> bytes:
        return self._take(self.number("i"))

    def _take(self, length: int) -> bytes:
        self._at += max(length, 0)
        return self._content[self._at - max(length, 0) : self._at]


class Member:
    """One member; `generation` is the one in which it has its assignment, or None."""

    def __init__(self, group: str, host: str, port: int, beat_s: float, changed: Callable[[], None]):
        self.generation: int | None = None
        self._group, self._host, self._port, self._beat_s, self._changed = group, host, port, beat_s, changed
        self._id = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=_MOST_FRAME)
        try:
            while True:
                if self.generation is None:
                    await self._join()
                else:
                    await asyncio.sleep(self._beat_s)
                    await self._beat()
        finally:
            self._writer.close()

    async def leave(self) -> None:
        """By a connection of its own: `run` has been cancelled."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        answer = await self._ask(LEAVE, _LEAVE_VERSION, text(self._group) + text(self._id))
        answer.number("i")
        self._check(answer.number("h"), "leaving")
        self._writer.close()

    async def _join(self) -> None:
        protocols = struct.pack(">i", 1) + text("range") + blob(b"\0\0\0\0\0\0\0\0\0\0")
        timeouts = struct.pack(">ii", _SESSION_MS, _REBALANCE_MS)
        answer = await self._ask(JOIN, _JOIN_VERSION, text(self._group) + timeouts + text(self._id) + text("consumer") + protocols)
        answer.number("i")
        error, generation, _protocol, leader, self._id = answer.number("h"), answer.number("i"), answer.text(), answer.text(), answer.text()
        if error == _MEMBER_ID_REQUIRED:
            return
        if error == _UNKNOWN_MEMBER:
            self._id = ""
            return
        if error in COMING:
            await asyncio.sleep(_COMING_POLL_S)
            return
        self._check(error, "joining")
        members = [self._member(answer) for _ in range(answer.number("i"))] if leader == self._id else []
        await self._sync(generation, members)

    def _member(self, answer: Answer) -> str:
        member = answer.text()
        answer.blob()
        return member

    async def _sync(self, generation: int, members: list[str]) -> None:
        assigned = struct.pack(">i", len(members)) + b"".join(text(member) + blob(b"assigned") for member in members)
        who = text(self._group) + struct.pack(">i", generation) + text(self._id)
        answer = await self._ask(SYNC, _SYNC_VERSION, who + assigned)
        answer.number("i")
        error = answer.number("h")
        if error in (_REBALANCING, _ILLEGAL_GENERATION, _UNKNOWN_MEMBER):
            return
        self._check(error, "syncing")
        if answer.blob() == b"assigned":
            self.generation = generation
            self._changed()

    async def _beat(self) -> None:
        answer = await self._ask(HEARTBEAT, _HEARTBEAT_VERSION, text(self._group) + struct.pack(">i", self.generation) + text(self._id))
        answer.number("i")
        error = answer.number("h")
        if error in (_REBALANCING, _ILLEGAL_GENERATION, _UNKNOWN_MEMBER):
            self.generation = None
            return
        self._check(error, "beating")

    async def _ask(self, key: int, version: int, body: bytes) -> Answer:
        message = struct.pack(">hhi", key, version, 1) + text("bench") + body
        self._writer.write(blob(message))
        (length,) = struct.unpack(">i", await self._reader.readexactly(4))
        return Answer((await self._reader.readexactly(length))[4:])

    def _check(self, error: int, doing: str) -> None:
        if error:
            raise GroupFailed(f"{doing} was refused with error {error}")
