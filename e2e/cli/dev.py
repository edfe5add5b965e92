"""weir dev: how quickly it serves, what it prints, the topics it makes, and that it leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from command_line import WEIR, attempt, weir
from harness import children
from harness.readiness import is_ready
from scenario import equal, eventually

WITHIN_S = 2.0


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="weir-e2e-dev-") as directory:
        ready_s = [comes_and_goes(Path(directory), number) for number in (signal.SIGINT, signal.SIGTERM)]
        a_port_in_use(Path(directory))
    refusals()
    print(f"ready in {max(ready_s) * 1000:.0f} ms with three topics; Ctrl-C and SIGTERM leave nothing behind")


def comes_and_goes(directory: Path, number: signal.Signals) -> float:
    """Starts in a temporary directory of its own, and ends by this signal."""
    with open(directory / "out", "w+") as out:
        began = time.monotonic()
        broker = start(directory, out, "--port", "0", "--topic", "a:3", "--topic", "b")
        try:
            port = eventually("the bootstrap line", lambda: announced(directory / "out"), WITHIN_S)
            eventually("it serves", lambda: is_ready(port), WITHIN_S)
            ready_s = time.monotonic() - began
            equal(f"ready within {WITHIN_S} s", ready_s < WITHIN_S, True)
            listed = attempt("topic", "list", bootstrap=f"localhost:{port}").out
            equal("topics", re.findall(r"^(\w+) +(\d+)", listed, re.MULTILINE), [("a", "3"), ("b", "1")])
            attempt("produce", "a", "--value", "hello", bootstrap=f"localhost:{port}")
            equal("hello", attempt("consume", "a", bootstrap=f"localhost:{port}").out, "hello\n")
            equal("its data", [path.name[:9] for path in directory.iterdir() if path.is_dir()], ["weir-dev-"])
            os.kill(broker.pid, number)
            equal(f"exit code after {number.name}", broker.wait(10), 0)
            equal("left behind", [path.name for path in directory.iterdir() if path.is_dir()], [])
        finally:
            children.end_group(broker)
    return ready_s


def start(directory: Path, out, *arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "TMPDIR": str(directory)}
    return children.spawn([WEIR, "dev", *arguments], stdout=out, stderr=subprocess.STDOUT, env=environment)


def announced(output: Path) -> int:
    """The port of the bootstrap line, 0 while there is none."""
    found = re.search(r"^weir is ready: bootstrap address localhost:(\d+)", output.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def a_port_in_use(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, open(directory / "out", "w+") as out:
        port = taken.getsockname()[1]
        broker = start(directory, out, "--port", str(port))
        try:
            equal("exit code on a port in use", broker.wait(10), 1)
        finally:
            children.end_group(broker)
        said = (directory / "out").read_text()
        equal("says which port", str(port) in said, True)
    equal("left behind", [path.name for path in directory.iterdir() if path.is_dir()], [])


def refusals() -> None:
    for arguments, word in (
        (["--topic", "a/b"], "a/b"),
        (["--topic", "a:none"], "number of partitions"),
        (["--port", "70000"], "70000"),
        (["--set", "num.partition=3"], "num.partitions"),
    ):
        ended = attempt("dev", *arguments)
        equal(f"{arguments} is refused", (ended.code in (1, 2), word in ended.err), (True, True))
    equal("the version", weir("--version").startswith("weir "), True)


if __name__ == "__main__":
    main()
