"""A consumer group: all members join at once, then one leaves. Until everybody has an assignment of the same generation."""

import asyncio
import struct
import time

from bench.blocks import Figures
from bench.group import COMING, FIND, Answer, GroupFailed, Member, blob, text
from bench.server import Server
from bench.workloads.site import FULL, Site
from bench.workloads.workload import Curve, Work, Workload, steps, warm_up

_WITHIN_S = 120.0
_COORDINATOR_POLL_S = 0.1
_BEATS_PER_S = 1_000


class Rebalances(Work):
    """New groups each block, a larger one at each step. However many members there are, together they beat a thousand times a second."""

    def prepare(self, site: Site, server: Server) -> None:
        asyncio.run(asyncio.wait_for(_await_coordinator(server), _WITHIN_S))

    def warm(self, site: Site, server: Server) -> None:
        warm_up(site, server, lambda: self.measure(site, server))

    def measure(self, site: Site, server: Server) -> Figures:
        figures: Figures = {}
        for many in site.size.members:
            figures |= self._of(site, server, many)
        return figures

    def _of(self, site: Site, server: Server, many: int) -> Figures:
        cpu_s = server.cpu_s()
        join_s, leave_s = asyncio.run(asyncio.wait_for(_join_and_leave(server, site.topic(), many), _WITHIN_S))
        each_us = (server.cpu_s() - cpu_s) * 1e6 / many
        return {f"join_ms_{many}": join_s * 1000, f"leave_ms_{many}": leave_s * 1000, f"cpu_us_each_{many}": each_us}


async def _join_and_leave(server: Server, group: str, many: int) -> tuple[float, float]:
    changed = asyncio.Event()
    members = [Member(group, "127.0.0.1", server.port, many / _BEATS_PER_S, changed.set) for _ in range(many)]
    began = time.monotonic()
    tasks = [asyncio.create_task(member.run()) for member in members]
    try:
        first = await _stable(members, tasks, changed, None)
        joined = time.monotonic()
        tasks.pop().cancel()
        await members.pop().leave()
        await _stable(members, tasks, changed, first)
        return joined - began, time.monotonic() - joined
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stable(members: list[Member], tasks: list[asyncio.Task], changed: asyncio.Event, other_than: int | None) -> int:
    """Until all have their assignment in one generation, and it is a new one. A member that failed ends it."""
    while True:
        generations = {member.generation for member in members}
        if len(generations) == 1 and not generations & {None, other_than}:
            return generations.pop()
        waiting = asyncio.create_task(changed.wait())
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        changed.clear()
        for task in tasks:
            if task.done():
                task.result()


async def _await_coordinator(server: Server) -> None:
    """The topic of the offsets is made with the first question."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(blob(struct.pack(">hhi", FIND, 0, 1) + text("bench") + text("anybody")))
        length = int.from_bytes(await reader.readexactly(4))
        error = Answer((await reader.readexactly(length))[4:]).number("h")
        writer.close()
        if error == 0:
            return
        if error not in COMING:
            raise GroupFailed(f"looking for the coordinator was refused with error {error}")
        await asyncio.sleep(_COORDINATOR_POLL_S)


_CURVES = (
    Curve("join_ms", "until all have joined, ms"),
    Curve("leave_ms", "until all go on after one has left, ms"),
    Curve("cpu_us_each", "broker CPU-us a member"),
)
WORKLOADS = (
    Workload(
        "rebalance-group",
        "all members of a classic group join at once, then one leaves; together they beat 1,000 times a second, and the broker waits for "
        "nobody else to come",
        Rebalances,
        steps(FULL.members, _CURVES, " members"),
        contenders=("weir", "kafka"),
    ),
)
