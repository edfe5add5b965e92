"""Which image the nodes of a cluster that was given are told to take."""

import unittest

from kind.commands import CommandFailed
from kind.weir_image import Image, told


class AnImageThatIsTold(unittest.TestCase):
    def test_is_a_repository_and_a_tag(self):
        for reference, wanted in (
            ("weir:1", Image("weir", "1")),
            ("registry.example.org/teams/weir:v0.1", Image("registry.example.org/teams/weir", "v0.1")),
            ("registry.example.org:5000/weir:v0.1", Image("registry.example.org:5000/weir", "v0.1")),
        ):
            self.assertEqual(told(reference), wanted)
            self.assertEqual(str(told(reference)), reference)

    def test_needs_both_or_is_asked_for(self):
        for reference in ("", "weir", "weir:", ":1", "registry.example.org:5000/weir", "weir@sha256:00"):
            with self.assertRaisesRegex(CommandFailed, "say WEIR_IMAGE=REGISTRY/NAME:TAG", msg=reference):
                told(reference)


if __name__ == "__main__":
    unittest.main()
