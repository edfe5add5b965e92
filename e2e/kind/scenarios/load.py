"""A steady load on a Cluster, as long as it is needed: `weir produce` on a node's network, fed a megabyte a second."""

import random
import subprocess
import threading
import time

from harness import children
from harness.paths import WEIR_BINARY
from kind import on_a_node
from kind.commands import CommandFailed
from kind.scenarios.brokers import Brokers
from kind.scenarios.clients import apply_topic, await_topic

_PARTITIONS = 30
_RECORD_BYTES = 1_000
_PACE_S = 0.1
_RECORDS_AT_ONCE = 100
_ENDS_WITHIN_S = 30.0


class Load:
    """From entering to leaving. That it was borne to its end is looked at when it ends."""

    def __init__(self, brokers: Brokers, topic: str):
        self._brokers, self._topic = brokers, topic
        self._over = threading.Event()
        # By chance, and the same every time: no codec makes less of it.
        chance = random.Random(_RECORD_BYTES)
        lines = (chance.randbytes(_RECORD_BYTES // 2).hex() for _ in range(_RECORDS_AT_ONCE))
        self._lines = "".join(f"{line}\n" for line in lines).encode()

    def __enter__(self) -> "Load":
        spec = {"clusterRef": {"name": self._brokers.name}, "partitions": _PARTITIONS, "replicationFactor": 3, "deletionPolicy": "Delete"}
        apply_topic(self._brokers, self._topic, spec)
        await_topic(self._brokers, self._topic)
        through = on_a_node.prefix(self._brokers.there, self._brokers.namespace)
        server = f"{self._brokers.name}-bootstrap:9092"
        command = [*through, WEIR_BINARY, "--bootstrap", server, "produce", self._topic]
        self._child = children.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()
        return self

    def _feed(self) -> None:
        try:
            while not self._over.is_set():
                began = time.monotonic()
                self._child.stdin.write(self._lines)
                self._child.stdin.flush()
                self._over.wait(max(0.0, _PACE_S - (time.monotonic() - began)))
            self._child.stdin.close()
        except BrokenPipeError:
            # Why it ended is told when the load does.
            return

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._over.set()
        try:
            self._feeder.join(_ENDS_WITHIN_S)
            said = self._said()
        finally:
            children.end_group(self._child)
            self._brokers.kubectl("delete", "topics.weir.dev", self._topic, "--wait=false")
        if said and kind is None:
            raise CommandFailed(f"the load did not last: {said}")

    def _said(self) -> str:
        """What it complains of, if it did not write everything."""
        try:
            code = self._child.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            return f"what was given is not written after {_ENDS_WITHIN_S:.0f} s"
        return "" if code == 0 else self._child.stderr.read().decode(errors="replace")[-500:] or f"exit code {code}"
