"""What is in the image of Weir."""

import struct
from pathlib import Path

from image.oci import Image

# nobody's number, as distroless images have it: Kubernetes checks `runAsNonRoot` only of a number.
USER = 65532
MAX_MB = 30
_INTERPRETER = 3


class NotStatic(Exception):
    """A binary that needs a loader and libraries does not start in an empty image."""


def image(name: str, binaries: list[Path]) -> Image:
    """The first binary is `weir`, and must be there; others are taken where they are."""
    present = [binary for number, binary in enumerate(binaries) if number == 0 or binary.exists()]
    for binary in present:
        _check(binary)
    return Image(
        name,
        entrypoint=("/usr/bin/weir",),
        files={f"/usr/bin/{binary.name}": binary for binary in present},
        folders={"/tmp": 0o1777, "/etc/weir": 0o755, "/var/lib/weir": 0o755},
        user=f"{USER}:{USER}",
        labels={"org.opencontainers.image.title": "weir", "org.opencontainers.image.licenses": "Apache-2.0"},
    )


def size_mb(archive: Path) -> float:
    return archive.stat().st_size / 1e6


def _check(binary: Path) -> None:
    if not binary.exists():
        raise NotStatic(f"{binary} is not there: `make release` builds it")
    if needs_loader(binary.read_bytes()):
        raise NotStatic(f"{binary} is linked dynamically: build it with `make release`")


def needs_loader(elf: bytes) -> bool:
    """Whether a 64-bit little-endian ELF file names an interpreter, as dynamic executables do."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise NotStatic("not a 64-bit Linux binary")
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    return any(struct.unpack_from("<I", elf, offset + number * size)[0] == _INTERPRETER for number in range(count))
