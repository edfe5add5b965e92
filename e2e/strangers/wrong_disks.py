"""Brokers that are started on a disk which is not theirs: another broker's, another cluster's, one in use, a copy of one in use.
Each ends at once, says what to do, and leaves the cluster and the disk as they were.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from harness import children
from harness.cluster import Cluster, free_port
from strangers.unharmed import Unharmed, judged, one_cluster, refused

GIVES_UP_WITHIN_S = 30.0
# What every start takes and lets go.
_NOT_CONTENT = {"lock"}


def main() -> int:
    with one_cluster() as cluster:
        elsewhere = _left_cleanly(cluster)
        unharmed = Unharmed(cluster)
        judge = Judge(cluster)
        third = cluster.nodes[2]
        judge.refuses("a disk of another broker", elsewhere, {"node.id": 7}, "is the data directory of broker 0, not 7: set node.id=0")
        judge.refuses("a disk of another cluster", elsewhere, {"node.id": 0}, "Is the data directory one of another cluster? Set log.dirs")
        judge.refuses("a disk in use", third.data, {"node.id": 2}, "is in use by another process: stop that one", keeps=False)
        copy = cluster.directory / "copy"
        shutil.copytree(third.data, copy)
        before = refused(third)
        judge.refuses("a copy of a disk in use", copy, {"node.id": 2}, "a data directory must not be copied. Stop that broker first")
        if refused(third).get("copied_disk", 0) != before.get("copied_disk", 0) + 1:
            judge.wrong.append("the copy was not counted")
        if "a copy of this broker's disk was started elsewhere" not in third.log_path.read_text(errors="replace"):
            judge.wrong.append("the log of the broker does not tell of its copy")
        problems = judge.wrong + unharmed.problems()
        return judged(
            problems, f"{judge.asked} wrong disks, {len(judge.wrong)} wrong; bystander: {unharmed.bystander.round_trips} round trips"
        )


def _left_cleanly(cluster: Cluster) -> Path:
    """The disk of a broker of another cluster, which was stopped in order."""
    with Cluster("weir", cluster.directory / "elsewhere", cluster.weir_binary, brokers=1) as other:
        (node,) = other.nodes
        if not node.stop():
            raise AssertionError("the broker of the other cluster did not stop")
    if not (node.data / "clean-shutdown").exists():
        raise AssertionError("the disk of the other cluster was not left cleanly")
    return node.data


class Judge:
    """Starts brokers that must not start."""

    def __init__(self, cluster: Cluster):
        self.asked, self.wrong = 0, []
        self._cluster = cluster

    def refuses(self, what: str, data: Path, settings: dict, says: str, keeps: bool = True) -> None:
        self.asked += 1
        before = _content(data) if keeps else None
        code, took_s, said = self._start(data, settings)
        print(f"{what}: {code} after {took_s * 1000:.0f} ms: {said.strip().splitlines()[-1][:300] if said.strip() else '-'}", flush=True)
        if code in (0, None):
            self.wrong.append(f"{what}: {'it runs' if code is None else 'it ended as if all were well'}")
        if says not in said:
            self.wrong.append(f"{what}: does not say {says!r}:\n{said[-2000:]}")
        if keeps and (changed := _changed(before, _content(data))):
            self.wrong.append(f"{what}: the disk has changed: {', '.join(changed)}")

    def _start(self, data: Path, settings: dict) -> tuple[int | None, float, str]:
        node = self._cluster.nodes[0]
        own = {
            "log.dirs": data,
            "listeners": f"PLAINTEXT://127.0.2.1:{free_port('127.0.2.1')}",
            "weir.peer.listener": f"127.0.2.1:{free_port('127.0.2.1')}",
            "weir.admin.listener": f"127.0.2.1:{free_port('127.0.2.1')}",
            "weir.http.listener": "",
        }
        command = self._cluster.command_of(node)
        more = [part for name, value in {**own, **settings}.items() for part in ("--set", f"{name}={value}")]
        said = self._cluster.directory / "refused.log"
        began = time.monotonic()
        with open(said, "wb") as log:
            child = children.spawn([*command, *more], stdout=log, stderr=subprocess.STDOUT)
            try:
                code = child.wait(GIVES_UP_WITHIN_S)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                children.end_group(child)
        return code, time.monotonic() - began, said.read_text(errors="replace")


def _content(data: Path) -> dict[str, str]:
    files = (path for path in sorted(data.rglob("*")) if path.is_file() and path.name not in _NOT_CONTENT)
    return {str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


if __name__ == "__main__":
    sys.exit(main())
