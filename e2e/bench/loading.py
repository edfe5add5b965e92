"""Runs `weir-load`, pinned to the clients' processor, and gives back what it says; an error of it ends the run."""

import json
import subprocess
from pathlib import Path

from bench.cores import Cores
from harness import children, paths

_WITHIN_S = 600.0


class LoadFailed(Exception):
    """The message holds what `weir-load` said."""


class Load:
    def __init__(self, cores: Cores, binary: Path = paths.LOAD_BINARY):
        self.cores = cores
        # In front of any other client, too.
        self.pinned = ["taskset", "-c", str(cores.client)]
        self._prefix = [*self.pinned, binary]

    def run(self, command: str, **options: object) -> dict:
        """One run to its end."""
        child = self._spawn(command, options)
        try:
            return self._report(command, child, _WITHIN_S)
        finally:
            children.end_group(child)

    def limits(self, directory: Path, seconds: float) -> dict:
        """What this machine can do, each limit for so long, on the processors of broker and client."""
        return self.run("limits", directory=directory, server_core=self.cores.broker, client_core=self.cores.client, seconds=seconds)

    def together(self, *runs: tuple[str, dict]) -> list[dict]:
        """Several at once, begun in this order."""
        begun = [(command, self._spawn(command, options)) for command, options in runs]
        try:
            return [self._report(command, child, _WITHIN_S) for command, child in begun]
        finally:
            for _, child in begun:
                children.end_group(child)

    def hold(self, **options: object) -> "Held":
        """Opens connections and keeps them until the context is left."""
        return Held(self._spawn("idle", options, stdin=subprocess.PIPE))

    def _spawn(self, command: str, options: dict, stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
        return children.spawn(
            [*self._prefix, command, *_flags(options)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _report(self, command: str, child: subprocess.Popen, within_s: float) -> dict:
        try:
            said, complaint = child.communicate(timeout=within_s)
        except subprocess.TimeoutExpired as late:
            raise LoadFailed(f"weir-load {command}: no end in {within_s:.0f} s") from late
        if child.returncode != 0:
            raise LoadFailed(f"weir-load {command} ended with {child.returncode}: {complaint.strip()}")
        return json.loads(said)


class Held:
    """Connections that are open until the end of the `with`."""

    def __init__(self, child: subprocess.Popen):
        self._child = child

    def __enter__(self) -> dict:
        line = self._child.stdout.readline()
        if not line:
            raise LoadFailed(f"weir-load idle: {self._child.communicate()[1].strip()}")
        return json.loads(line)

    def __exit__(self, *_) -> None:
        self._child.stdin.close()
        children.end_group(self._child)


def _flags(options: dict[str, object]) -> list[str]:
    """record_bytes=10 is `--record-bytes 10`, verify=True is `--verify`."""
    flags = []
    for name, value in options.items():
        if value is False:
            continue
        flags.append(f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}"))
    return flags
