"""What is built, and how a module that replaces libraries by folders is built from outside."""

import unittest

from kind.building import published
from kind.versions import NODE_AND_TOOLS, TOOLS

_GO_MOD = """module k8s.io/kubernetes

require k8s.io/api v0.0.0

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/client-go => ./staging/src/k8s.io/client-go
	example.org/other => example.org/fork v1.0.0
)
"""


class Replaces(unittest.TestCase):
    def test_by_staging_folders_become_published_modules(self):
        self.assertIn("\tk8s.io/client-go => k8s.io/client-go v0.36.3\n", published(_GO_MOD, "v0.36.3"))

    def test_of_other_kinds_are_left_out(self):
        self.assertNotIn("example.org", published(_GO_MOD, "v0.36.3"))


class TheTable(unittest.TestCase):
    def test_names_every_program_once(self):
        names = [program.name for source in NODE_AND_TOOLS for program in source.programs]
        self.assertEqual(len(names), len(set(names)))

    def test_has_every_tool(self):
        tools = {program.name for source in TOOLS for program in source.programs}
        self.assertEqual(tools, {"kind", "helm", "kubectl"})

    def test_gives_kubernetes_the_libraries_of_its_own_version(self):
        for source in NODE_AND_TOOLS:
            if source.staging:
                self.assertEqual(source.staging.split(".")[1:], source.version.split(".")[1:])


if __name__ == "__main__":
    unittest.main()
