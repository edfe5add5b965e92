"""One run of the benchmark: for each workload all its contenders side by side, block by block, and what each of them showed.

Starts and ends the servers; a workload that fails is reported as failed, and the others go on.
"""

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import syscalls
from bench.blocks import Measured, order
from bench.contenders import Contender, chosen
from bench.cores import Cores
from bench.kept import Kept, goes_on_with, stay
from bench.loading import Load
from bench.progress import Progress
from bench.server import Server
from bench.trio import Trio
from bench.workloads.site import SYSCALLS, Site, Size
from bench.workloads.workload import Work, Workload

# Starting a broker and making its topics, about.
_START_S = 5.0
# Of what a failure says: a command line may be longer than all the rest of a report.
_TOLD_OF_FAILURE = 1_000


@dataclass
class Outcome:
    """Of one workload."""

    name: str
    measured: Measured = field(default_factory=dict)
    failure: str | None = None
    # By guest, why it was left out.
    could_not: dict[str, str] = field(default_factory=dict)
    # What the machine could do, by block.
    limits: list[dict] = field(default_factory=list)

    def told(self) -> dict:
        return {"measured": self.measured, "failure": self.failure, "could_not": self.could_not, "limits": self.limits}


@dataclass(frozen=True)
class Session:
    size: Size
    cores: Cores
    load: Load
    weir_binary: Path
    directory: Path
    peers: frozenset[str]
    say: Callable[[str], None]

    def run(self, workloads: list[Workload], keep: Callable[[list[Outcome]], None]) -> list[Outcome]:
        """`keep` is given what there is after each workload: hours need not be lost with the last minute."""
        in_turn = list(zip([None, *workloads], workloads))
        progress = Progress({workload.name: self._expected_s(before, workload) for before, workload in in_turn}, self.say)
        outcomes = []
        with Kept() as kept:
            for before, workload in in_turn:
                outcomes.append(self._one(before, workload, kept, progress))
                progress.done(workload.name)
                keep(outcomes)
        return outcomes

    def _one(self, before: Workload | None, workload: Workload, kept: Kept, progress: Progress) -> Outcome:
        outcome = Outcome(workload.name)
        contenders = chosen(workload.contenders, self.peers)
        if not contenders:
            return outcome
        try:
            with contextlib.ExitStack() as stack:
                kept.keep(stay(before, workload))
                settled = kept.names
                servers = {}
                for one in contenders:
                    with self._as_guest(one, servers, outcome):
                        servers[one.name] = self._server(stack, kept, workload, one)
                self._blocks(workload, servers, settled, outcome, progress)
                kept.keep(servers)
        except Exception as failed:  # whatever it was: the other workloads are still worth their time
            outcome.failure = _told(failed)
            kept.keep(())
            self.say(f"FAILED {workload.name}: {outcome.failure}")
            self.say("".join(traceback.format_tb(failed.__traceback__)[-4:]))
        return outcome

    def _server(self, stack: contextlib.ExitStack, kept: Kept, workload: Workload, contender: Contender) -> Server | Trio:
        where = (contender, self.directory / f"{workload.name}-{contender.name}", self.weir_binary, self.cores.broker)
        if goes_on_with(workload):
            return kept.server(contender.name, lambda: Server(*where))
        if workload.brokers > 1:
            return stack.enter_context(Trio(*where))
        server = Server(*where)
        if workload.owns_process:
            stack.callback(server.remove)
            return server
        return stack.enter_context(server)

    def _blocks(
        self, workload: Workload, servers: dict[str, Server | Trio], settled: frozenset[str], outcome: Outcome, progress: Progress
    ) -> None:
        site, work = Site(self.size, self.load, workload.name, settled), workload.work()
        self._ready(workload, work, site, servers, outcome, progress)
        blocks = 1 if workload.once else self.size.blocks
        for block in range(blocks):
            # What was left to be written is the one's before, and a sync of whoever comes now would wait for it.
            os.sync()
            if workload.wants_limits:
                outcome.limits.append(self.load.limits(self.directory, self.size.limits_of_block_s))
            for name in order(list(servers), block):
                progress.begin(workload.name, f"block {block + 1} of {blocks}, {name}")
                with self._as_guest(servers[name].contender, servers, outcome):
                    outcome.measured.setdefault(name, []).append(work.measure(site, servers[name]))
                progress.did(workload.name, workload.block_s)
        if workload.counts_syscalls and syscalls.can_count():
            self._count_syscalls(workload, work, replace(site, size=self.size.to_count(), counts_syscalls=True), servers, outcome, progress)
        for server in servers.values():
            work.tidy(server)

    def _count_syscalls(
        self, workload: Workload, work: Work, site: Site, servers: dict[str, Server | Trio], outcome: Outcome, progress: Progress
    ) -> None:
        for name, server in list(servers.items()):
            progress.begin(workload.name, f"counting system calls, {name}")
            with self._as_guest(server.contender, servers, outcome):
                counted = work.measure(site, server)
                if SYSCALLS in counted:
                    outcome.measured[name][-1][SYSCALLS] = counted[SYSCALLS]

    def _ready(
        self, workload: Workload, work: Work, site: Site, servers: dict[str, Server | Trio], outcome: Outcome, progress: Progress
    ) -> None:
        for name, server in list(servers.items()):
            progress.begin(workload.name, f"getting ready, {name}")
            with self._as_guest(server.contender, servers, outcome):
                work.prepare(site, server)
                work.warm(site, server)
            progress.did(workload.name, self._warm_s(server.contender, site.settled))

    @contextlib.contextmanager
    def _as_guest(self, contender: Contender, servers: dict[str, Server | Trio], outcome: Outcome) -> Iterator[None]:
        """What a guest can not do ends its own part, with all that it has shown, and nobody else's."""
        try:
            yield
        except Exception as failed:
            if not contender.guest:
                raise
            outcome.could_not[contender.name] = _told(failed)
            outcome.measured.pop(contender.name, None)
            servers.pop(contender.name, None)
            self.say(f"{contender.name} is left out: {outcome.could_not[contender.name]}")

    def _expected_s(self, before: Workload | None, workload: Workload) -> float:
        """Only proportions matter: it is corrected by what the parts take."""
        blocks = 1 if workload.once else self.size.blocks
        settled = stay(before, workload)
        return sum(blocks * workload.block_s + self._warm_s(one, settled) for one in chosen(workload.contenders, self.peers))

    def _warm_s(self, contender: Contender, settled: frozenset[str]) -> float:
        again = contender.name in settled
        return self.size.warm_s(contender, again) + (0.0 if again else _START_S)


def _told(failed: Exception) -> str:
    return f"{type(failed).__name__}: {failed}"[:_TOLD_OF_FAILURE]
