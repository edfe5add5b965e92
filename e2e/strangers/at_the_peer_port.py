"""Strangers at the port where brokers talk to each other: garbage, calls of other clusters, and messages to the metadata quorum
from whoever is not of it, with terms of a far future. They are refused, counted, and named in the log; nobody is deposed.
"""

import base64
import contextlib
import re
import socket
import sys
from contextlib import ExitStack

import grpc

from harness.cluster import Node as Broker
from scenario import eventually
from strangers.unharmed import Unharmed, judged, one_cluster, refused
from strangers.words import WITHIN_S, Node, append, header, peer, peers_of, stand, vote

MIB = 1 << 20
CONNECTIONS_MAX = 1024
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
STRANGER = Node(66, bytes(15) + b"\x42")
_TOLD = re.compile(r"refused.*?peer=\"?([\d.]+:\d+)")


def main() -> int:
    with one_cluster() as cluster:
        unharmed = Unharmed(cluster)
        judge = Judge(unharmed)
        for node in cluster.nodes:
            judge.garbage(node)
            judge.calls(node)
            judge.quorum(node)
        judge.crowd(unharmed.controller)
        problems = judge.wrong + unharmed.problems()
        return judged(
            problems, f"{judge.asked} strangers, {len(judge.wrong)} wrong; bystander: {unharmed.bystander.round_trips} round trips"
        )


class Judge:
    """Comes as a stranger, and looks what the broker makes of it."""

    def __init__(self, unharmed: Unharmed):
        self.asked, self.wrong = 0, []
        self._unharmed = unharmed
        self._cluster_id = _uuid_of(unharmed.cluster_id)

    def garbage(self, node: Broker) -> None:
        """Whatever does not open with HTTP/2 is closed without a word."""
        for what, words, wanted in (
            ("plain HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "not_http2"),
            ("TLS", bytes.fromhex("160301020001000001fc0303") + bytes(200), "not_http2"),
            ("a Kafka client", b"\0\0\0\x13\0\x12\0\0\0\0\0\x01\0\x09stranger!", "not_http2"),
            ("random bytes", bytes(range(255, 0, -1)), "not_http2"),
            ("half a greeting", b"PRI * HTTP/2.0\r\n", "silent"),
            ("silence", b"", "silent"),
        ):
            before = refused(node)
            with socket.create_connection((node.address, node.ports.quorum), WITHIN_S) as connection:
                own = "{}:{}".format(*connection.getsockname())
                connection.sendall(words)
                said = _read(connection)
            self._judge(what, "closed" if said == b"" else repr(said), "closed", node, before, wanted)
            self._is_told(what, node, own)

    def calls(self, node: Broker) -> None:
        """Calls that are meant for somebody else, or say nothing of themselves."""
        me, other = self._unharmed.disk(node.number), bytes(15) + b"\x07"
        good = dict(cluster=self._cluster_id, sender=STRANGER, to=me)
        cases = (
            ("of another cluster", header(**{**good, "cluster": other}), "FAILED_PRECONDITION", "other_cluster"),
            ("for another broker", header(**{**good, "to": Node(7, me.disk)}), "FAILED_PRECONDITION", "other_target"),
            ("for another disk", header(**{**good, "to": Node(me.broker, other)}), "FAILED_PRECONDITION", "other_incarnation"),
            ("without a header", None, "INVALID_ARGUMENT", "bad_header"),
            ("with half an id", header(**{**good, "cluster": b"half"}), "INVALID_ARGUMENT", "bad_header"),
            ("from nobody", header(**{**good, "sender": Node(-1, other)}), "INVALID_ARGUMENT", "bad_header"),
        )
        channel, stub = peers_of(f"{node.address}:{node.ports.quorum}")
        with channel:
            for what, who, wanted, counted in cases:
                for call, request in (
                    (stub.Hello, peer.HelloRequest(header=who)),
                    (stub.Ask, peer.QuorumMessage(header=who, payload=append(STRANGER, me, STRANGER))),
                    (stub.Register, peer.RegisterRequest(header=who)),
                    (stub.AlterPartitions, peer.AlterPartitionsRequest(header=who)),
                    (stub.AllocateProducerIds, peer.AllocateProducerIdsRequest(header=who)),
                    (stub.Forward, peer.ForwardRequest(header=who, frame=b"x")),
                    (lambda r, timeout: list(stub.Attend(iter([r]), timeout=timeout)), peer.Beat(header=who)),
                ):
                    before = refused(node)
                    # The first beat of a stranger is refused in one way only.
                    code = "FAILED_PRECONDITION" if isinstance(request, peer.Beat) else wanted
                    self._judge(f"{type(request).__name__} {what}", _answer(call, request), code, node, before, counted)
            self._never_a_member(stub, me, node)

    def _never_a_member(self, stub, me: Node, node: Broker) -> None:
        """What only a registered broker may ask, and a registration in the place of a broker that lives."""
        who = header(self._cluster_id, STRANGER, me)
        taking_over = Node((node.number + 1) % 3, bytes(15) + b"\x09")
        address = peer.Address(host="127.0.0.1", port=1)
        registration = peer.RegisterRequest(
            header=header(self._cluster_id, taking_over, me),
            endpoints=[peer.Endpoint(listener="PLAINTEXT", address=address)],
            peer=address,
            metadata_version_min=1,
            metadata_version_max=1,
        )
        for what, call, request in (
            ("a registration in the place of another", stub.Register, registration),
            ("a registration without an address", stub.Register, peer.RegisterRequest(header=who)),
            ("an ISR of a stranger", stub.AlterPartitions, peer.AlterPartitionsRequest(header=who, broker_epoch=1)),
            ("producer ids for a stranger", stub.AllocateProducerIds, peer.AllocateProducerIdsRequest(header=who, broker_epoch=1)),
        ):
            self.asked += 1
            try:
                outcome = call(request, timeout=WITHIN_S).WhichOneof("outcome")
            except grpc.RpcError as error:
                outcome = error.code().name
            if outcome not in ("refused", "not_controller", "INVALID_ARGUMENT"):
                self.wrong.append(f"{what}: {outcome}")

    def quorum(self, node: Broker) -> None:
        """Messages of the quorum's own kind."""
        me = self._unharmed.disk(node.number)
        member = self._unharmed.disk((node.number + 1) % 3)
        other_disk = Node(member.broker, STRANGER.disk)
        cases = []
        for sender, who in ((STRANGER, "a stranger"), (other_disk, "another disk of a member")):
            cases += [
                (f"{who} leads", sender, append(sender, me, sender), "FAILED_PRECONDITION", "not_a_member"),
                (f"{who} wants a vote", sender, vote(sender, me, sender), "FAILED_PRECONDITION", "not_a_member"),
                (f"{who} hands over", sender, stand(sender, me), "FAILED_PRECONDITION", "not_a_member"),
            ]
        cases += [
            ("a stranger brings a member's word", STRANGER, append(member, me, member), "FAILED_PRECONDITION", "impostor"),
            ("a member speaks for a stranger", member, append(member, me, STRANGER), "FAILED_PRECONDITION", "impostor"),
            ("a member wants a vote for a stranger", member, vote(member, me, STRANGER), "FAILED_PRECONDITION", "impostor"),
            ("a word for another disk", STRANGER, vote(STRANGER, STRANGER, STRANGER), "FAILED_PRECONDITION", "other_incarnation"),
            ("garbage", STRANGER, b"\xff" * 50, "INVALID_ARGUMENT", "bad_message"),
            ("nothing", STRANGER, b"", "INVALID_ARGUMENT", "bad_message"),
        ]
        channel, stub = peers_of(f"{node.address}:{node.ports.quorum}")
        with channel:
            for what, sender, payload, wanted, counted in cases:
                before = refused(node)
                message = peer.QuorumMessage(header=header(self._cluster_id, sender, me), payload=payload)
                self._judge(what, _answer(stub.Ask, message), wanted, node, before, counted)
            big = peer.QuorumMessage(header=header(self._cluster_id, STRANGER, me), payload=bytes(65 * MIB))
            self.asked += 1
            if (got := _answer(stub.Ask, big)) != "OUT_OF_RANGE":
                self.wrong.append(f"a message of 65 MiB: {got}")

    def crowd(self, node: Broker) -> None:
        """More connections than there are places. They are given up soon, and the brokers keep theirs."""
        before = refused(node).get("too_many", 0)

        with ExitStack() as all_of_them:

            def is_bounded() -> bool:
                """Whoever opens as a broker would is heard for some seconds; until then others have to come."""
                for _ in range(CONNECTIONS_MAX // 4):
                    one = all_of_them.enter_context(socket.create_connection((node.address, node.ports.quorum), WITHIN_S))
                    with contextlib.suppress(OSError):
                        one.sendall(PREFACE)
                return refused(node).get("too_many", 0) > before

            self.asked += CONNECTIONS_MAX
            eventually("connections beyond the bound are counted", is_bounded)
        me = self._unharmed.disk(node.number)
        hello = peer.HelloRequest(header=header(self._cluster_id, STRANGER, me))

        def is_greeted() -> bool:
            channel, stub = peers_of(f"{node.address}:{node.ports.quorum}")
            with channel:
                return _answer(stub.Hello, hello) == "answered"

        eventually("somebody is greeted after the crowd", is_greeted)

    def _judge(self, what: str, got: str, wanted: str, node: Broker, before: dict[str, int], counted: str) -> None:
        self.asked += 1
        if got != wanted:
            self.wrong.append(f"{what}: {got} instead of {wanted}")
        if (risen := refused(node).get(counted, 0) - before.get(counted, 0)) != 1:
            self.wrong.append(f"{what}: {counted} was counted {risen} times")

    def _is_told(self, what: str, node: Broker, own: str) -> None:
        """The log names who it was."""
        if own not in _TOLD.findall(node.log_path.read_text(errors="replace")):
            self.wrong.append(f"{what}: {own} is not in the log")


def _answer(call, request) -> str:
    try:
        call(request, timeout=WITHIN_S)
        return "answered"
    except grpc.RpcError as error:
        return error.code().name


def _read(connection: socket.socket) -> bytes:
    connection.settimeout(WITHIN_S)
    try:
        return connection.recv(1000)
    except ConnectionError:
        return b""


def _uuid_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


if __name__ == "__main__":
    sys.exit(main())
