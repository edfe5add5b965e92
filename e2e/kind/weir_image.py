"""The image of the binaries that were built last, on every node. Its tag is what is in it, so that other binaries are another image.

Nothing is packed or loaded that is there already. The nodes of a cluster that was given take an image that is told, from its registry.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from harness.paths import WEIR_BINARY
from image import oci
from image.weir import MAX_MB, NotStatic, image, size_mb
from kind import paths
from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.telling import say, step

OPERATOR_BINARY = WEIR_BINARY.with_name("weir-operator")
REPOSITORY = "weir"
_TOLD_BY = "WEIR_IMAGE"
_TAG_LENGTH = 12


@dataclass(frozen=True)
class Image:
    """By the name that nodes know it by."""

    repository: str
    tag: str

    @property
    def chart_values(self) -> str:
        return f"image.repository={self.repository},image.tag={self.tag}"

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


def on_every_node(cluster: Cluster) -> Image:
    """The image, once all nodes have it."""
    if not cluster.is_ours:
        return told(os.environ.get(_TOLD_BY, ""))
    tag = _tag([WEIR_BINARY, OPERATOR_BINARY])
    archive = paths.IMAGES / f"weir-{tag}.tar"
    if not archive.exists():
        _pack(archive, tag)
    loaded = paths.RUNNING / f"loaded-{tag}"
    if not loaded.exists():
        cluster.load(archive)
        loaded.touch()
    return Image(REPOSITORY, tag)


def told(reference: str) -> Image:
    """Somebody else's nodes take images from where they find them, and only their owner knows where that is."""
    repository, _, tag = reference.rpartition(":")
    # What follows the last colon may be a registry's port, or a digest.
    if not repository or not tag or "/" in tag or "@" in repository:
        raise CommandFailed(
            f"nodes of a cluster that was given take no image from here: push what e2e/image/build writes to a registry of theirs, "
            f"and say {_TOLD_BY}=REGISTRY/NAME:TAG (it is {reference!r})"
        )
    return Image(repository, tag)


def _tag(binaries: list[Path]) -> str:
    if not WEIR_BINARY.exists():
        raise CommandFailed(f"{WEIR_BINARY} is not there: `make release` builds it")
    digest = hashlib.sha256()
    for binary in binaries:
        if binary.exists():
            digest.update(binary.name.encode())
            digest.update(binary.read_bytes())
    return digest.hexdigest()[:_TAG_LENGTH]


def _pack(archive: Path, tag: str) -> None:
    for old in paths.IMAGES.glob("weir-*.tar"):
        old.unlink()
    with step("the image of weir"):
        try:
            oci.write(image(f"docker.io/library/{REPOSITORY}:{tag}", [WEIR_BINARY, OPERATOR_BINARY]), archive, compress=True)
        except NotStatic as failed:
            raise CommandFailed(str(failed)) from failed
    size = size_mb(archive)
    say(f"{REPOSITORY}:{tag} is {size:.1f} MB")
    if size > MAX_MB:
        raise CommandFailed(f"the image is larger than {MAX_MB} MB: see what grew")
