"""A network of our own for a cluster: a namespace for each broker, one for the clients, and a router between them that can cut.

Every namespace belongs to a process that sleeps and dies with us, so the kernel takes all of it away when we end, however we
end; nothing of the machine's own network is touched. A cut is a rule in the router which drops what one sends to another in
silence, as a broken switch does; each direction has its own. Needs root, veth and policy routing, and says what is missing.
"""

import ctypes
import os
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

from harness import children

_CLONE_NEWNET = 0x40000000
_WITHIN_S = 10.0
_CLIENTS = 200  # the third byte of the clients' address; brokers count from 1
_QUEUE_OF_A_LOSSY_LINE = 6_000  # bytes: four full packets, so that a burst loses its tail


class NoNetwork(Exception):
    """This machine does not let us make namespaces; the message says what is missing."""


class Network:
    """Addresses for so many brokers, and for the clients, with a router that drops what it is told to."""

    def __init__(self, brokers: int):
        self.brokers = brokers
        self._holders: list[subprocess.Popen] = []
        self._cuts: Counter[tuple[int, int]] = Counter()
        self._shaped: set[int] = set()
        _check_tools()
        try:
            self._router = self._hold()
            self._nodes = {place: self._hold() for place in (*range(brokers), _CLIENTS - 1)}
            _inside(self._router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            for place, holder in self._nodes.items():
                self._connect(place, holder)
        except (OSError, subprocess.SubprocessError) as failed:
            self.close()
            said = getattr(failed, "stderr", "") or str(failed)
            raise NoNetwork(f"no namespaces can be made here: {said.strip()}") from failed

    def close(self) -> None:
        for holder in self._holders:
            children.end_group(holder)

    @staticmethod
    def address(broker: int) -> str:
        return f"10.77.{broker + 1}.2"

    def into(self, broker: int) -> list[str]:
        """What to put in front of a command so that it runs in a broker's namespace, under the pid we started."""
        return ["nsenter", f"--net=/proc/{self._nodes[broker].pid}/ns/net"]

    def enter_as_client(self) -> None:
        """Moves this thread, and what it starts from now on, to where the clients live. To be called before any thread is made."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{self._nodes[_CLIENTS - 1].pid}/ns/net", "rb") as namespace:
            if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise NoNetwork(f"cannot enter the clients' namespace: {os.strerror(ctypes.get_errno())}")

    def cut(self, sender: int, receiver: int) -> None:
        """From now on nothing that one sends reaches the other. The way back is another cut; cut twice it must be mended twice."""
        self._cuts[sender, receiver] += 1
        if self._cuts[sender, receiver] == 1:
            self._rule("add", sender, receiver)

    def mend(self, sender: int, receiver: int) -> None:
        if (sender, receiver) not in self._cuts:
            return
        self._cuts[sender, receiver] -= 1
        if self._cuts[sender, receiver] == 0:
            del self._cuts[sender, receiver]
            self._rule("del", sender, receiver)

    @staticmethod
    def ways_to_clients(broker: int) -> list[tuple[int, int]]:
        """What to cut so that no client reaches a broker."""
        return [(broker, _CLIENTS - 1), (_CLIENTS - 1, broker)]

    def slow(self, broker: int, kbit_s: int) -> None:
        """A narrow line to and from a broker: everything arrives, late."""
        self._shape(broker, f"rate {kbit_s}kbit burst 3kb limit 4mb")

    def lossy(self, broker: int, kbit_s: int) -> None:
        """A line that loses packets whenever more than a few wait, so that connections live on retransmission."""
        self._shape(broker, f"rate {kbit_s}kbit burst 3kb limit {_QUEUE_OF_A_LOSSY_LINE}")

    def widen(self, broker: int) -> None:
        """Its line is as good as new."""
        if broker in self._shaped:
            _inside(self._router, "tc", "qdisc", "del", "dev", f"node{broker}", "root")
            _inside(self._nodes[broker], "tc", "qdisc", "del", "dev", "uplink", "root")
            self._shaped.remove(broker)

    def heal(self) -> None:
        """Nothing is cut any more, and no line is narrow."""
        for sender, receiver in sorted(self._cuts):
            self._rule("del", sender, receiver)
        self._cuts.clear()
        for broker in sorted(self._shaped):
            self.widen(broker)

    def _rule(self, verb: str, sender: int, receiver: int) -> None:
        _inside(self._router, "ip", "rule", verb, "from", self.address(sender), "to", self.address(receiver), "blackhole")

    def _shape(self, broker: int, limits: str) -> None:
        for holder, device in ((self._router, f"node{broker}"), (self._nodes[broker], "uplink")):
            _inside(holder, "tc", "qdisc", "replace", "dev", device, "root", "tbf", *limits.split())
        self._shaped.add(broker)

    def _hold(self) -> subprocess.Popen:
        """A namespace, and the process that keeps it alive as long as we live."""
        holder = children.spawn(["unshare", "--net", "sleep", "infinity"], stderr=subprocess.PIPE, text=True)
        self._holders.append(holder)
        ours, theirs = os.readlink("/proc/self/ns/net"), Path(f"/proc/{holder.pid}/ns/net")
        deadline = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline:
            if holder.poll() is not None:
                raise OSError(holder.stderr.read())
            if os.readlink(theirs) != ours:
                return holder
            time.sleep(0.002)
        raise OSError("a namespace was not made in time")

    def _connect(self, place: int, holder: subprocess.Popen) -> None:
        net, router_side = f"10.77.{place + 1}", f"node{place}"
        _inside(self._router, "ip", "link", "add", router_side, "type", "veth", "peer", "name", "uplink", "netns", str(holder.pid))
        for where, device, address in ((self._router, router_side, f"{net}.1/24"), (holder, "uplink", f"{net}.2/24")):
            _inside(where, "ip", "address", "add", address, "dev", device)
            _inside(where, "ip", "link", "set", device, "up")
        _inside(holder, "ip", "link", "set", "lo", "up")
        _inside(holder, "ip", "route", "add", "default", "via", f"{net}.1")


def _check_tools() -> None:
    if os.geteuid() != 0:
        raise NoNetwork("namespaces need root")
    missing = [tool for tool in ("unshare", "nsenter", "ip", "tc") if not shutil.which(tool)]
    if missing:
        raise NoNetwork(f"not installed: {', '.join(missing)} (util-linux, iproute2)")


def _inside(holder: subprocess.Popen, *command: str) -> None:
    subprocess.run(
        ["nsenter", f"--net=/proc/{holder.pid}/ns/net", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=True,
    )
