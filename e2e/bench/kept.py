"""Servers that stay from one workload to the next. A JVM warms up once and goes on: it is nearer then to one that runs in production than
a young one is, and an hour of warming up is not waited for again and again.

May end the servers that it started itself.
"""

from collections.abc import Callable, Collection

from bench.server import Server
from bench.workloads.workload import Workload


def goes_on_with(workload: Workload) -> bool:
    """Can it use a server that others have used before? Not where it looks at the process itself, or needs three of them."""
    return not (workload.owns_process or workload.wants_young or workload.brokers > 1)


def stay(before: Workload | None, after: Workload) -> frozenset[str]:
    """The contenders that go on from one workload to the next. Nobody stays who takes no part: it would only disturb."""
    if before is None or not goes_on_with(before) or not goes_on_with(after):
        return frozenset()
    return frozenset(before.contenders) & frozenset(after.contenders)


class Kept:
    """By contender; all are ended with the `with`."""

    def __init__(self) -> None:
        self._servers: dict[str, Server] = {}

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *_) -> None:
        self.keep(())

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._servers)

    def keep(self, names: Collection[str]) -> None:
        """These, and ends all others."""
        for name in self.names - frozenset(names):
            self._servers.pop(name).remove()

    def server(self, name: str, made: Callable[[], Server]) -> Server:
        """The one that runs, or else a new one, started."""
        if name not in self._servers:
            self._servers[name] = server = made()
            server.start()
        return self._servers[name]
