"""A disk of its own for every node's volumes, so that one can be filled or lost without the machine's being touched.

Each is a sparse file with a file system, mounted where only the engine and its nodes see it: gone with the engine.
"""

from pathlib import Path

from kind import paths
from kind.commands import run
from kind.engine import OwnEngine

_SIZE = "4G"


def mount(engine: OwnEngine, nodes: list[str]) -> dict[str, Path]:
    """Fresh, empty disks for these nodes, and where they are."""
    return {node: _mount(engine, node) for node in nodes}


def _mount(engine: OwnEngine, node: str) -> Path:
    place = paths.RUNNING / "disks" / node
    place.mkdir(parents=True, exist_ok=True)
    file = place.with_suffix(".img")
    run(engine.in_its_mounts(["umount", "--lazy", "--quiet", place]) if _mounted(engine, place) else ["true"])
    file.unlink(missing_ok=True)
    run(["truncate", "--size", _SIZE, file])
    run(["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", file])
    # With `discard`, what is deleted on it is given back to the machine.
    run(engine.in_its_mounts(["mount", "-o", "loop,discard", file, place]))
    run(engine.in_its_mounts(["chmod", "0755", place]))
    return place


def _mounted(engine: OwnEngine, place: Path) -> bool:
    return f" {place} " in run(engine.in_its_mounts(["cat", "/proc/self/mounts"]))
