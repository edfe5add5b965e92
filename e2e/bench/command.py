"""What `make bench` and `bench-quick` have in common: set up, run, write, and say what failed."""

import dataclasses
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import cores, machine, memory, runs, written
from bench.loading import Load
from bench.session import Outcome, Session
from bench.workloads.site import GB, Size
from bench.workloads.workload import Workload
from harness import paths

Say = Callable[[str], None]


def run(
    workloads: list[Workload], size: Size, peers: frozenset[str], weir_binary: Path, out: Path, say: Say, publish: bool = False
) -> list[Outcome]:
    """Measures, and writes the report after each workload, failed or not. `publish` puts it among the figures that are checked in."""
    _allow_many_files()
    where = cores.split()
    directory = Path(tempfile.mkdtemp(prefix="weir-bench-"))
    began = time.monotonic()
    try:
        load = Load(where)
        described = machine.described(where, weir_binary, paths.LOAD_BINARY, directory)
        say("touching memory")
        with memory.touched(size.touched_bytes, memory.available_bytes()) as touched:
            say(f"touched {touched / GB:.1f} GB; measuring the machine")
            limits = load.limits(directory, size.limits_s)

            def keep(outcomes: list[Outcome]) -> None:
                this = {
                    "command": " ".join(["e2e/bench/run", *_what_was_asked(sys.argv[1:])]),
                    "seconds": time.monotonic() - began,
                    "machine": described,
                    "size": dataclasses.asdict(size),
                    "limits": limits,
                }
                result = runs.one(this, {outcome.name: outcome.told() for outcome in outcomes})
                say(f"the report so far is {written.write(result, out)}")
                if publish:
                    say(f"and with what was measured before: {written.publish(result)}")

            return Session(size, where, load, weir_binary, directory, peers, say).run(workloads, keep)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _what_was_asked(arguments: list[str]) -> list[str]:
    """Without the places of this machine: the binary is described beside the machine."""
    asked, places = [], {"--weir", "--out"}
    for before, argument in zip(["", *arguments], arguments):
        if argument not in places and before not in places:
            asked.append(argument or "''")
    return asked


def _allow_many_files() -> None:
    """Brokers and clients inherit it: ten thousand connections, and two files for each partition."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
