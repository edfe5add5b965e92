"""A broker that is told to stop while it still starts stops at once: as any process, and as process 1, where the kernel drops signals that
nobody listens to. Kubernetes would wait for all of a pod's patience.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from command_line import WEIR
from harness import children
from harness.brokers import two_free_ports
from scenario import equal, eventually

_WITHIN_S = 3.0
_SAYS = "told to stop while it starts"


def main() -> None:
    as_process_1 = ["unshare", "--pid", "--fork", "--kill-child"]
    took = {"a process": ends([])}
    if os.geteuid() == 0:
        took["process 1"] = ends(as_process_1)
    print("; ".join(f"{name} ended after {seconds * 1000:.0f} ms" for name, seconds in took.items()))


def ends(prefix: list[str]) -> float:
    """The other two voters never come, so that it waits for a controller for ever."""
    with tempfile.TemporaryDirectory(prefix="weir-e2e-told-") as directory:
        output, (peers, clients), absent = Path(directory) / "out", two_free_ports(), two_free_ports()
        with open(output, "w") as out:
            began = children.spawn(
                [*prefix, *_command(Path(directory) / "data", peers, clients, absent)], stdout=out, stderr=subprocess.STDOUT
            )
            try:
                broker = eventually("it listens to the other brokers", lambda: _broker(began, peers), 20)
                equal("it has not started yet", began.poll(), None)
                at = time.monotonic()
                os.kill(broker, signal.SIGTERM)
                equal("its exit code", began.wait(_WITHIN_S), 0)
                took = time.monotonic() - at
            finally:
                children.end_group(began)
        equal("it says so", _SAYS in output.read_text(), True)
        return took


def _command(data: Path, peers: int, clients: int, absent: tuple[int, int]) -> list[str]:
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate((absent[0], peers, absent[1])))
    settings = {
        "node.id": 1,
        "listeners": f"PLAINTEXT://127.0.0.1:{clients}",
        "controller.quorum.voters": voters,
        "weir.http.listener": "",
        "log.dirs": data,
    }
    return [WEIR, "broker", *(part for name, value in settings.items() for part in ("--set", f"{name}={value}"))]


def _broker(began: subprocess.Popen, peers: int) -> int:
    """Its number outside; 0 while it does not listen to other brokers, which comes long after it listens to signals."""
    with socket.socket() as knocks:
        if knocks.connect_ex(("127.0.0.1", peers)) != 0:
            return 0
    inside = Path(f"/proc/{began.pid}/task/{began.pid}/children").read_text().split()
    return int(inside[0]) if inside else began.pid


if __name__ == "__main__":
    main()
