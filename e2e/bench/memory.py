"""Makes the memory that the page cache will be made of this machine's own while something is measured.

A virtual machine's memory is its host's until it is used for the first time, and who uses it first pays for that: twice the cost of
a gigabyte written. Nor does it stay: a kernel that reports free pages gives whole blocks, of 2 MiB and more, back within seconds, and
the next one to use them pays again. So all of it is touched, and one page in each MiB stays in use meanwhile: what lies between is
free for everybody, and no block is whole.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of what is free: enough for what a workload writes, and nobody is pushed out.
_SHARE = 0.7
_PIECE = 64 << 20
_A_PAGE_IN = 1 << 20


@contextmanager
def touched(most_bytes: int, available_bytes: int) -> Iterator[int]:
    """Gives how much it was."""
    wanted = min(most_bytes, int(available_bytes * _SHARE)) // _PIECE * _PIECE
    if not wanted:
        yield 0
        return
    with mmap.mmap(-1, wanted, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        piece = b"\1" * _PIECE
        for _ in range(wanted // _PIECE):
            memory.write(piece)
        for at in range(0, wanted, _A_PAGE_IN):
            memory.madvise(mmap.MADV_DONTNEED, at + mmap.PAGESIZE, _A_PAGE_IN - mmap.PAGESIZE)
        yield wanted


def available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
