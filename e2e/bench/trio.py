"""Three brokers of one contender on the brokers' processor, measured as one: what they use is added up.

May start and stop the processes that it started itself, in the directory it was given.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench import usage
from bench.contenders import Contender
from bench.topics import Topics
from harness import children
from harness.cluster import Cluster

_BROKERS = 3


class Trio:
    """Has what workloads ask of a `Server`, but for what is done to a single process."""

    def __init__(self, contender: Contender, directory: Path, weir_binary: Path, core: int):
        self.contender, self.directory = contender, directory
        self._core = core
        settings = {"min.insync.replicas": "2", **contender.broker_settings}
        self._cluster = Cluster(contender.kind, directory, weir_binary, _BROKERS, settings=settings, jvm=contender.jvm)
        self.bootstrap = self._cluster.nodes[0].bootstrap
        self.topics = Topics(self._cluster.bootstrap, _BROKERS, contender.topic_settings)

    def __enter__(self) -> "Trio":
        with _bound_to(self._core):
            self._cluster.start()
        return self

    def __exit__(self, *_) -> None:
        self.remove()

    def remove(self) -> None:
        self._cluster.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cpu_s(self) -> float:
        return sum(usage.cpu_s(node.pid) for node in self._cluster.nodes)

    def rss_mib(self) -> float:
        return sum(children.rss_mib(node.pid) for node in self._cluster.nodes)


@contextlib.contextmanager
def _bound_to(core: int) -> Iterator[None]:
    """What is started meanwhile stays bound; we do not."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
