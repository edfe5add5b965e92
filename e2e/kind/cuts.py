"""A node cut off: its packets vanish, as behind a broken switch. Nobody is told, no connection is closed.

The rules are in the node itself, in the tables that all its packets pass, its pods' too; only the node's own chains are touched,
so healing is to empty them. They end with the node.
"""

from kind import layout
from kind.cluster import Cluster
from kind.commands import CommandFailed

_API_SERVER = "6443"
_KUBELET = "10250"
# Where every packet that comes in from other nodes passes, and every one that goes out to them, addresses as on the wire.
_IN = ("raw", "PREROUTING", "-i")
_OUT = ("mangle", "POSTROUTING", "-o")
_CHAIN = "WEIR-CUT"
_WAIT = "--wait=5"


def cut_from_all(cluster: Cluster, node: str) -> None:
    _into_fresh_chains(cluster, node)
    for table, _, _ in (_IN, _OUT):
        _rule(cluster, node, table, ["-j", "DROP"])


def cut_from_api_server(cluster: Cluster, node: str) -> None:
    """Neither the kubelet nor a pod of the node reaches the API server, which does not reach the kubelet; all else goes on."""
    if node == layout.CONTROL_PLANE:
        raise CommandFailed("the API server runs on this node: stop it with `apiserver stop`")
    server = cluster.address(layout.CONTROL_PLANE)
    _into_fresh_chains(cluster, node)
    for port, ours in ((_API_SERVER, False), (_KUBELET, True)):
        of_the_sender, of_the_receiver = ("--dport", "--sport") if ours else ("--sport", "--dport")
        _rule(cluster, node, _IN[0], ["-s", server, "-p", "tcp", of_the_sender, port, "-j", "DROP"])
        _rule(cluster, node, _OUT[0], ["-d", server, "-p", "tcp", of_the_receiver, port, "-j", "DROP"])


def heal(cluster: Cluster, node: str) -> None:
    for table, hook, direction in (_IN, _OUT):
        script = (
            f"iptables {_WAIT} -t {table} -S {_CHAIN} >/dev/null 2>&1 || exit 0; "
            f"iptables {_WAIT} -t {table} -D {hook} {direction} eth0 -j {_CHAIN}; "
            f"iptables {_WAIT} -t {table} -F {_CHAIN}; iptables {_WAIT} -t {table} -X {_CHAIN}"
        )
        cluster.on_node(node, "sh", "-c", script)


def is_cut(cluster: Cluster, node: str) -> bool:
    return _CHAIN in cluster.on_node(node, "iptables", _WAIT, "-t", _IN[0], "-S")


def _into_fresh_chains(cluster: Cluster, node: str) -> None:
    heal(cluster, node)
    for table, hook, direction in (_IN, _OUT):
        cluster.on_node(node, "iptables", _WAIT, "-t", table, "-N", _CHAIN)
        cluster.on_node(node, "iptables", _WAIT, "-t", table, "-I", hook, direction, "eth0", "-j", _CHAIN)


def _rule(cluster: Cluster, node: str, table: str, rule: list[str]) -> None:
    cluster.on_node(node, "iptables", _WAIT, "-t", table, "-A", _CHAIN, *rule)
