"""Touches the memory that the page cache will be made of, before anything is measured.

A virtual machine's memory is its host's until it is used for the first time, and who uses it first pays for that: the first gigabytes
that a broker wrote cost twice as much as all later ones.
"""

import mmap
from pathlib import Path

# Of what is free: enough for what a workload writes, and nobody is pushed out.
_SHARE = 0.7
_PIECE = 64 << 20


def touch(most_bytes: int, available_bytes: int) -> int:
    """Gives how much it was. It is free again afterwards."""
    wanted = min(most_bytes, int(available_bytes * _SHARE)) // _PIECE * _PIECE
    if wanted:
        piece = b"\1" * _PIECE
        with mmap.mmap(-1, wanted) as memory:
            for _ in range(wanted // _PIECE):
                memory.write(piece)
    return wanted


def available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
