"""What was measured, and the bounds it is held to. Pure but for reading /proc.

Bounds grow with the partitions and leave room for a machine of two shared cores: they catch what grows with the square, a wait for a
timeout where there should be none, and memory by the partition; not what takes a second longer.
"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.children import rss_mib
from harness.cluster import Cluster


@dataclass(frozen=True)
class Bound:
    """So much, and so much more for each thousand partitions."""

    base: float
    each_thousand: float = 0.0

    def at(self, partitions: int) -> float:
        return self.base + self.each_thousand * partitions / 1000


BOUNDS = {
    "create s": Bound(5, 3),
    "metadata of one ms": Bound(250),
    "metadata of all ms": Bound(500, 50),
    "empty MiB": Bound(80, 20),
    "filled MiB": Bound(120, 35),
    "empty % of a core": Bound(8, 0.5),
    "filled % of a core": Bound(8, 0.5),
    "controller decides s": Bound(8),
    "all led s": Bound(8, 1),
    "controller gap s": Bound(8, 1),
    "rolling gap s": Bound(8, 1),
    "rolling in sync s": Bound(10, 6),
    "clean start in sync s": Bound(10, 6),
    "killed start in sync s": Bound(10, 6),
}


@dataclass
class Figures:
    """By name, in the order in which they were found."""

    partitions: int
    found: dict[str, float] = field(default_factory=dict)

    def note(self, **figures: float) -> None:
        """Names are words with underscores; the last one is the unit."""
        for name, value in figures.items():
            self.found[name.replace("_percent", " % of a core").replace("_", " ")] = value

    def past_bounds(self) -> list[str]:
        """What is too much, and what was never measured."""
        missing = [f"{what}: not measured" for what in BOUNDS if what not in self.found]
        held = [(what, self.found[what], bound.at(self.partitions)) for what, bound in BOUNDS.items() if what in self.found]
        return missing + [f"{what}: {value:.2f}, bound {most:g}" for what, value, most in held if value > most]

    def __str__(self) -> str:
        width = max(map(len, self.found), default=0)
        return "\n".join(f"  {what:<{width}}  {value:10.2f}" for what, value in self.found.items())


@dataclass(frozen=True)
class Cost:
    """What the brokers take while nobody asks anything of them: the one that takes most."""

    resident_mib: float
    percent: float
    files: int

    def __str__(self) -> str:
        return f"{self.resident_mib:.0f} MiB resident, {self.percent:.1f} % of a core, {self.files} open files, at most"


def cost(cluster: Cluster, seconds: float) -> Cost:
    pids = [node.pid for node in cluster.nodes if node.runs()]
    before = [processor_seconds(pid) for pid in pids]
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    spent = [(processor_seconds(pid) - was) / took * 100 for pid, was in zip(pids, before)]
    return Cost(max(map(rss_mib, pids)), max(spent), max(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids))


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
