"""The cluster's shape: zones, disks, and what kubeadm and kubelet are told."""

import json
import unittest
from pathlib import Path

from kind import layout


def parsed(workers: int, disks: dict[str, Path] | None, cgroup_v2: bool = False) -> dict:
    return json.loads(layout.kind_config(workers, disks, cgroup_v2))


class Workers(unittest.TestCase):
    def test_have_the_names_that_kind_gives(self):
        self.assertEqual([worker.name for worker in layout.workers(3)], ["weir-worker", "weir-worker2", "weir-worker3"])

    def test_are_spread_over_three_zones_and_a_fourth_begins_again(self):
        self.assertEqual([worker.zone for worker in layout.workers(4)], ["zone-a", "zone-b", "zone-c", "zone-a"])


class TheConfiguration(unittest.TestCase):
    def test_puts_a_zone_on_every_worker_and_none_on_the_control_plane(self):
        zones = [node.get("labels", {}).get("topology.kubernetes.io/zone") for node in parsed(3, None)["nodes"]]
        self.assertEqual(zones, [None, "zone-a", "zone-b", "zone-c"])

    def test_patches_nothing_where_the_nodes_are_of_kinds_own_image(self):
        self.assertNotIn("kubeadmConfigPatches", parsed(3, None))

    def test_gives_every_node_its_own_disk_for_volumes(self):
        mounts = [node["extraMounts"] for node in parsed(1, {"weir-control-plane": Path("/a"), "weir-worker": Path("/b")})["nodes"]]
        self.assertEqual([mount[0]["hostPath"] for mount in mounts], ["/a", "/b"])
        self.assertEqual({mount[0]["containerPath"] for mount in mounts}, {layout.VOLUMES})

    def test_lets_the_kubelet_run_on_cgroup_v1_only_where_the_machine_has_no_other(self):
        for v2 in (False, True):
            kubelet = json.loads(parsed(1, {}, v2)["kubeadmConfigPatches"][0])
            self.assertEqual(kubelet["failCgroupV1"], v2)


if __name__ == "__main__":
    unittest.main()
