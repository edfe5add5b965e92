"""Makes the memory that the page cache will be made of this machine's own while something is measured.

A virtual machine's memory is its host's until it is used for the first time, and who uses it first pays for that: several times the cost
of a gigabyte written. Nor does it stay: a kernel that reports free pages gives whole blocks, of 2 MiB, back within seconds, and
the next one to use them pays again. So all of it is touched, and one page in each block stays in use meanwhile: what lies between is
free for everybody, and no block is whole.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Of what is free: little is left that nobody touched, and nobody is pushed out.
_SHARE = 0.9
_PIECE = 64 << 20
# What a kernel gives back is not smaller.
_BLOCK = 2 << 20


@contextmanager
def touched(most_bytes: int, available_bytes: int) -> Iterator[int]:
    """Gives how much it was."""
    wanted = min(most_bytes, int(available_bytes * _SHARE)) // _PIECE * _PIECE
    if not wanted:
        yield 0
        return
    with mmap.mmap(-1, wanted, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        # A child that is forked copies the page tables of what it may see: 40 ms for 20 GB, in the time of every start that is measured.
        memory.madvise(mmap.MADV_DONTFORK)
        # In whole blocks, so that no block goes without the page that stays; a kernel without large pages does its best.
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
        piece = b"\1" * _PIECE
        for _ in range(wanted // _PIECE):
            memory.write(piece)
        for at in range(mmap.PAGESIZE, wanted, _BLOCK):
            # The first splits the block, the second frees it.
            memory.madvise(mmap.MADV_FREE, at, _BLOCK - mmap.PAGESIZE)
            memory.madvise(mmap.MADV_DONTNEED, at, _BLOCK - mmap.PAGESIZE)
        yield wanted


def available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
