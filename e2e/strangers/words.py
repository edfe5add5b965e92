"""The brokers' own services as a stranger sees them: stubs made from the protos, and messages that only the quorum sends.

Knows how to say things, not what is right. The quorum's messages are encoded by hand: nothing outside of a broker has a name
for them.
"""

import sys
import uuid
from dataclasses import dataclass

import grpc

from harness.paths import E2E

sys.path.insert(0, str(E2E.parent / "broker" / "admin" / "proto"))
admin, _admin_services = grpc.protos_and_services("weir/admin/v1/admin.proto")
peer, _peer_services = grpc.protos_and_services("weir/peer/v1/peer.proto")

WITHIN_S = 15.0
OTHER_DISK = str(uuid.UUID(int=1))
OTHER_CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ"
FUTURE_TERM = 1 << 40


def admin_of(address: str) -> tuple[grpc.Channel, object]:
    channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)])
    return channel, _admin_services.AdminStub(channel)


def peers_of(address: str) -> tuple[grpc.Channel, object]:
    channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)])
    return channel, _peer_services.PeersStub(channel)


def reason_of(error: grpc.RpcError) -> str:
    """The kind of a refusal, from the status's details; the bare code where there are none."""
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            return reason(admin.Refusal.FromString(value))
    return error.code().name


def reason(refusal) -> str:
    return admin.RefusalReason.Name(refusal.reason).removeprefix("REFUSAL_REASON_")


@dataclass(frozen=True)
class Node:
    """One disk of one broker."""

    broker: int
    disk: bytes


def header(cluster: bytes, sender: Node, to: Node):
    return peer.Header(cluster_id=cluster, to=to.broker, to_incarnation=to.disk, from_incarnation=sender.disk, **{"from": sender.broker})


# ---- What one node of the quorum sends to another, as protobuf ----------------------------------------------------------


def append(sender: Node, to: Node, leader: Node, term: int = FUTURE_TERM) -> bytes:
    """A leader of that term shows that it lives."""
    return _question(sender, to, 5, _field(1, _ballot(term, leader, committed=True)))


def vote(sender: Node, to: Node, candidate: Node, term: int = FUTURE_TERM) -> bytes:
    """A candidate with the longest of logs asks for a vote."""
    last = _number(1, term) + _field(2, _node(candidate)) + _number(3, term)
    return _question(sender, to, 4, _field(1, _ballot(term, candidate, committed=False)) + _field(2, last))


def stand(sender: Node, to: Node, term: int = FUTURE_TERM) -> bytes:
    """A leader that leaves asks another to follow it."""
    return _question(sender, to, 7, _number(1, term) + _number(2, 1))


def _question(sender: Node, to: Node, kind: int, ask: bytes, version: int = 1) -> bytes:
    return _number(1, version) + _field(2, _node(sender)) + _field(3, _node(to)) + _field(kind, ask)


def _ballot(term: int, node: Node, committed: bool) -> bytes:
    return _number(1, term) + _field(2, _node(node)) + (_number(3, 1) if committed else b"")


def _node(node: Node) -> bytes:
    return (_number(1, node.broker) if node.broker else b"") + _field(2, node.disk)


def _field(tag: int, content: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(content)) + content


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
