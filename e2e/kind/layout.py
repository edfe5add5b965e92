"""What the cluster looks like: its nodes, their zones, and the configuration that kind is given. Pure."""

import json
from dataclasses import dataclass
from pathlib import Path

from kind import versions

NAME = "weir"
CONTROL_PLANE = f"{NAME}-control-plane"
WORKERS = 3
ZONES = ("zone-a", "zone-b", "zone-c")
# kind's network. Ours has a subnet of its own choice, because only then can a node ask for the address that it had.
NETWORK = "kind"
SUBNET = "172.30.0.0/16"
_KUBEADM_WAITS = "8m0s"
# Where local-path-provisioner makes volumes, on every node, in our node image as in kind's.
VOLUMES = "/var/local-path-provisioner"


@dataclass(frozen=True)
class Worker:
    """A node that runs pods. kind gives the names."""

    name: str
    zone: str


def workers(count: int) -> list[Worker]:
    """The zones in turn, so that three workers are in three zones."""
    return [Worker(f"{NAME}-worker{'' if number == 0 else number + 1}", ZONES[number % len(ZONES)]) for number in range(count)]


def kind_config(count: int, disks: dict[str, Path] | None, cgroup_v2: bool) -> str:
    """kind's configuration. With disks, the nodes are of our own image, and each has its volumes on a disk of its own."""
    nodes = [_node("control-plane", CONTROL_PLANE, None, disks)]
    nodes += [_node("worker", worker.name, worker.zone, disks) for worker in workers(count)]
    config: dict[str, object] = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}
    if disks is not None:
        config["networking"] = {"kubeProxyMode": "iptables"}
        patches = [_kubelet(cgroup_v2), _control_plane(), _patience("InitConfiguration"), _patience("JoinConfiguration")]
        config["kubeadmConfigPatches"] = [json.dumps(patch) for patch in patches]
    # JSON is YAML.
    return json.dumps(config, indent=1)


def _node(role: str, name: str, zone: str | None, disks: dict[str, Path] | None) -> dict[str, object]:
    node: dict[str, object] = {"role": role}
    if zone:
        node["labels"] = {"topology.kubernetes.io/zone": zone}
    if disks and name in disks:
        node["extraMounts"] = [{"hostPath": str(disks[name]), "containerPath": VOLUMES}]
    return node


def _kubelet(cgroup_v2: bool) -> dict[str, object]:
    return {
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": cgroup_v2,
        "resolvConf": "/etc/pod-resolv.conf",
    }


def _control_plane() -> dict[str, object]:
    """A cluster for tests outlives no crash of the machine, so etcd need not wait for the disk that brokers wait for."""
    return {
        "kind": "ClusterConfiguration",
        "dns": {"imageTag": f"v{versions.COREDNS}"},
        "etcd": {"local": {"extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}]}},
    }


def _patience(of_what: str) -> dict[str, object]:
    """kubeadm gives an API server one minute to come up, which a machine with other work does not always hold."""
    waits = ("controlPlaneComponentHealthCheck", "discovery", "etcdAPICall", "kubeletHealthCheck", "kubernetesAPICall", "tlsBootstrap")
    return {"kind": of_what, "timeouts": {wait: _KUBEADM_WAITS for wait in waits}}
