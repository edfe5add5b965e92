"""Writes an image as an OCI archive: one platform, one layer, one tag, the same bytes for the same files.

Decides the layout only. Runs nothing, needs no engine, and takes no time or name from the machine it runs on.
"""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CREATED = "1970-01-01T00:00:00Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_IN_MEMORY = 64 << 20


@dataclass(frozen=True)
class Image:
    """What is in it, and how it starts."""

    name: str
    entrypoint: tuple[str, ...]
    # Place in the image -> file here.
    files: dict[str, Path]
    # Place in the image -> what the link says.
    links: dict[str, str] = field(default_factory=dict)
    # Place in the image -> mode. The parents of everything else are made as they are needed.
    folders: dict[str, int] = field(default_factory=dict)
    user: str = "0:0"
    labels: dict[str, str] = field(default_factory=dict)
    architecture: str = "amd64"


@dataclass(frozen=True)
class _Blob:
    digest: str
    size: int
    content: BinaryIO

    @staticmethod
    def of(data: bytes) -> "_Blob":
        return _Blob(hashlib.sha256(data).hexdigest(), len(data), io.BytesIO(data))

    def described(self, media_type: str) -> dict[str, object]:
        return {"mediaType": media_type, "digest": f"sha256:{self.digest}", "size": self.size}


def write(image: Image, archive: Path, compress: bool) -> None:
    """The archive appears under its name only when it is whole."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as tar, tempfile.SpooledTemporaryFile(_IN_MEMORY) as packed:
        _write_layer(image, tar)
        diff_id = _digest(tar)[0]
        layer = _packed(tar, packed) if compress else _blob(tar)
        config = _Blob.of(_json(_config(image, diff_id)))
        media_type = _LAYER + ("+gzip" if compress else "")
        manifest = _Blob.of(
            _json(
                {
                    "schemaVersion": 2,
                    "mediaType": _MANIFEST,
                    "config": config.described(_CONFIG),
                    "layers": [layer.described(media_type)],
                }
            )
        )
        _write_archive(archive, _index(image, manifest), [config, manifest, layer])


def _config(image: Image, diff_id: str) -> dict[str, object]:
    return {
        "created": _CREATED,
        "architecture": image.architecture,
        "os": "linux",
        "config": {
            "User": image.user,
            "Entrypoint": list(image.entrypoint),
            "Env": [_PATH],
            "Labels": image.labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created": _CREATED, "comment": "e2e/image"}],
    }


def _index(image: Image, manifest: _Blob) -> bytes:
    # containerd names what it imports by the first, other tools by the second.
    names = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name.rsplit(":", 1)[-1]}
    return _json({"schemaVersion": 2, "manifests": [{**manifest.described(_MANIFEST), "annotations": names}]})


def _write_layer(image: Image, output: BinaryIO) -> None:
    owner = int(image.user.split(":")[0])
    with tarfile.open(fileobj=output, mode="w") as tar:
        for folder, mode in sorted(_folders(image).items()):
            entry = _entry(folder, mode, tarfile.DIRTYPE)
            if folder in {name.strip("/") for name in image.folders}:
                entry.uid = entry.gid = owner
            tar.addfile(entry)
        for place, file in sorted(image.files.items()):
            real = file.resolve(strict=True)
            entry = _entry(place.strip("/"), 0o755 if real.stat().st_mode & 0o100 else 0o644, tarfile.REGTYPE)
            entry.size = real.stat().st_size
            with real.open("rb") as content:
                tar.addfile(entry, content)
        for place, target in sorted(image.links.items()):
            entry = _entry(place.strip("/"), 0o777, tarfile.SYMTYPE)
            entry.linkname = target
            tar.addfile(entry)


def _folders(image: Image) -> dict[str, int]:
    """Those that were asked for, and the parents of all that is in the image."""
    asked = {name.strip("/"): mode for name, mode in image.folders.items()}
    places = [*image.files, *image.links, *image.folders]
    parents = {str(parent) for place in places for parent in Path(place.strip("/")).parents if str(parent) != "."}
    return {**dict.fromkeys(parents, 0o755), **asked}


def _entry(place: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(place)
    entry.type, entry.mode = kind, mode
    return entry


def _packed(tar: BinaryIO, packed: BinaryIO) -> _Blob:
    tar.seek(0)
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0, filename="") as zipped:
        shutil.copyfileobj(tar, zipped, 1 << 20)
    return _blob(packed)


def _blob(content: BinaryIO) -> _Blob:
    digest, size = _digest(content)
    return _Blob(digest, size, content)


def _digest(content: BinaryIO) -> tuple[str, int]:
    content.seek(0)
    digest = hashlib.sha256()
    while piece := content.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest(), content.tell()


def _write_archive(archive: Path, index: bytes, blobs: list[_Blob]) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f".{archive.name}.partial")
    with tarfile.open(partial, "w") as tar:
        plain = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
        for name, data in plain.items():
            _add(tar, name, len(data), io.BytesIO(data))
        for blob in blobs:
            blob.content.seek(0)
            _add(tar, f"blobs/sha256/{blob.digest}", blob.size, blob.content)
    partial.rename(archive)


def _add(tar: tarfile.TarFile, name: str, size: int, content: BinaryIO) -> None:
    entry = _entry(name, 0o644, tarfile.REGTYPE)
    entry.size = size
    tar.addfile(entry, content)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
