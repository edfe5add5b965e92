"""Programs of this machine on a node's network: they reach services and pods as a pod does, by the cluster's own DNS.

Only their network and the file that names the resolver are another; files, clocks and processes stay this machine's. So a client
runs inside of the cluster without an image, and what it writes is a file here.
"""

import os
from pathlib import Path

from kind import layout, paths
from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.engine import OwnEngine

_DNS = ("service", "kube-dns", "-n", "kube-system")
# A resolver that is asked in vain is asked again soon: no client shall stand still for a lost packet of DNS.
_OPTIONS = "options ndots:5 timeout:1 attempts:3"
_ENTER = 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"'


def prefix(cluster: Cluster, namespace: str, node: str = layout.CONTROL_PLANE) -> list[object]:
    """What to put in front of a command. It becomes that command: no process stands between."""
    if not cluster.is_ours:
        raise CommandFailed("clients run on the network of a node, and this cluster's nodes are somebody else's: leave out --kubeconfig")
    pid = cluster.engine.docker("inspect", "--format", "{{.State.Pid}}", node)
    resolver = _resolver(cluster, namespace)
    into = ["nsenter", f"--net=/proc/{pid}/ns/net", "unshare", "--mount", "sh", "-c", _ENTER, "sh", resolver]
    if isinstance(cluster.engine, OwnEngine):
        return cluster.engine.in_its_mounts(into, its_processes=False)
    return [*([] if os.geteuid() == 0 else ["sudo", "-n", "-E"]), *into]


def _resolver(cluster: Cluster, namespace: str) -> Path:
    address = cluster.get(*_DNS)["spec"]["clusterIP"]
    file = paths.RUNNING / f"resolv.{namespace}"
    file.write_text(f"nameserver {address}\nsearch {namespace}.svc.cluster.local svc.cluster.local cluster.local\n{_OPTIONS}\n")
    return file
