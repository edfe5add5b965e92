"""An archive that engines take: digests that fit, the same bytes each time, and binaries that need nothing beside them."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
import tempfile
import unittest
from pathlib import Path

from image import oci
from image.weir import NotStatic, needs_loader


class AnArchive(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.here = Path(self._folder.name)
        program = self.here / "program"
        program.write_bytes(b"\0" * 1000)
        program.chmod(0o755)
        self.image = oci.Image(
            "docker.io/library/thing:1",
            ("/usr/bin/program",),
            files={"/usr/bin/program": program},
            links={"/bin": "usr/bin"},
            folders={"/tmp": 0o1777, "/var/lib/thing": 0o750},
            user="65532:65532",
        )

    def written(self, compress: bool) -> Path:
        archive = self.here / f"{compress}.tar"
        oci.write(self.image, archive, compress)
        return archive

    def blobs(self, archive: Path) -> dict[str, bytes]:
        with tarfile.open(archive) as tar:
            return {entry.name: tar.extractfile(entry).read() for entry in tar}

    def manifest(self, blobs: dict[str, bytes]) -> dict:
        index = json.loads(blobs["index.json"])
        return json.loads(blobs["blobs/" + index["manifests"][0]["digest"].replace(":", "/")])

    def layer(self, archive: Path) -> bytes:
        blobs = self.blobs(archive)
        return blobs["blobs/" + self.manifest(blobs)["layers"][0]["digest"].replace(":", "/")]

    def test_names_every_blob_by_its_own_digest(self):
        for name, content in self.blobs(self.written(True)).items():
            if name.startswith("blobs/"):
                self.assertEqual(name.rsplit("/", 1)[1], hashlib.sha256(content).hexdigest())

    def test_tells_the_digest_of_the_unpacked_layer(self):
        blobs = self.blobs(self.written(True))
        config = json.loads(blobs["blobs/" + self.manifest(blobs)["config"]["digest"].replace(":", "/")])
        unpacked = gzip.decompress(self.layer(self.written(True)))
        self.assertEqual(config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(unpacked).hexdigest()])
        self.assertEqual(config["config"]["User"], "65532:65532")

    def test_is_the_same_for_the_same_files(self):
        before = self.written(True).read_bytes()
        self.assertEqual(before, self.written(True).read_bytes())

    def test_holds_the_files_the_links_and_the_folders_that_were_asked_for(self):
        with tarfile.open(fileobj=io.BytesIO(self.layer(self.written(False)))) as tar:
            found = {entry.name: entry for entry in tar}
        self.assertEqual(found["usr/bin/program"].mode, 0o755)
        self.assertEqual(found["bin"].linkname, "usr/bin")
        self.assertEqual((found["tmp"].mode, found["var/lib/thing"].mode), (0o1777, 0o750))
        self.assertEqual((found["var/lib/thing"].uid, found["var/lib"].uid), (65532, 0))

    def test_has_every_folder_before_what_is_in_it(self):
        with tarfile.open(fileobj=io.BytesIO(self.layer(self.written(False)))) as tar:
            names = tar.getnames()
        for place, name in enumerate(names):
            for parent in Path(name).parents[:-1]:
                self.assertIn(str(parent), names[:place])


class ABinary(unittest.TestCase):
    @staticmethod
    def elf(kinds: list[int]) -> bytes:
        header = bytearray(64)
        header[:6] = b"\x7fELF\x02\x01"
        struct.pack_into("<Q", header, 32, 64)
        struct.pack_into("<HH", header, 54, 56, len(kinds))
        return bytes(header) + b"".join(struct.pack("<I", kind) + bytes(52) for kind in kinds)

    def test_that_names_an_interpreter_needs_a_loader(self):
        self.assertTrue(needs_loader(self.elf([1, 3])))

    def test_that_names_none_does_not(self):
        self.assertFalse(needs_loader(self.elf([1, 1])))

    def test_of_another_kind_is_refused(self):
        with self.assertRaises(NotStatic):
            needs_loader(b"#!/bin/sh\n" + bytes(64))


if __name__ == "__main__":
    unittest.main()
