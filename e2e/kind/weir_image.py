"""The image of the binaries that were built last, on every node. Its tag is what is in it, so that other binaries are another image.

Nothing is packed or loaded that is there already.
"""

import hashlib
import os
from pathlib import Path

from harness.paths import WEIR_BINARY
from image import oci
from image.weir import MAX_MB, NotStatic, image, size_mb
from kind import paths
from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.engine import NoEngine
from kind.telling import say, step

OPERATOR_BINARY = WEIR_BINARY.with_name("weir-operator")
REPOSITORY = "weir"
_TAG_LENGTH = 12


def on_every_node(cluster: Cluster) -> str:
    """The tag of the image, once all nodes have it."""
    if isinstance(cluster.engine, NoEngine):
        return _given()
    tag = _tag([WEIR_BINARY, OPERATOR_BINARY])
    archive = paths.IMAGES / f"weir-{tag}.tar"
    if not archive.exists():
        _pack(archive, tag)
    loaded = paths.RUNNING / f"loaded-{tag}"
    if not loaded.exists():
        cluster.load(archive)
        loaded.touch()
    return tag


def _given() -> str:
    """Somebody else's nodes take images from their registry."""
    tag = os.environ.get("WEIR_IMAGE_TAG")
    if not tag:
        raise CommandFailed(f"push the image to where the cluster's nodes find it as {REPOSITORY}:TAG, and say WEIR_IMAGE_TAG=TAG")
    return tag


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
