"""What the figures were made on and with: said in the report, so that nobody compares them with another machine's."""

import os
import platform
import subprocess
from pathlib import Path

from bench.cores import Cores


def described(cores: Cores, weir_binary: Path, weir_load: Path, directory: Path) -> dict[str, str]:
    return {
        "processor": _field("/proc/cpuinfo", "model name"),
        "processors": f"{os.cpu_count()}, brokers on {cores.broker}, clients on {cores.client}"
        + ("" if cores.apart else ": NOT APART, there is only one"),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "file system": _first_line(["stat", "-f", "-c", "%T", str(directory)]),
        "load before": " ".join(f"{one:.2f}" for one in os.getloadavg()),
        "weir": f"{_first_line([str(weir_binary), '--version'])}, {weir_binary.stat().st_size:,} bytes, {_profile(weir_binary)}",
        "weir-load": _profile(weir_load),
        "commit": _commit(),
        "java": _first_line(["java", "-version"]),
        "python": platform.python_version(),
    }


def _commit() -> str:
    """Figures that were published a moment ago are no change of what is measured."""
    git = ["git", "-C", str(Path(__file__).parent)]
    figures = [f":(top,exclude)e2e/bench/{name}" for name in ("RESULTS.md", "results")]
    commit = _first_line([*git, "describe", "--always"])
    changed = commit != "unknown" and subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ":/", *figures], check=False).returncode
    return f"{commit}-dirty" if changed else commit


def _profile(binary: Path) -> str:
    """Cargo names the directory after the profile."""
    return f"profile {binary.parent.name}"


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _first_line(command: list[str]) -> str:
    try:
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return said.splitlines()[0].strip() if said.strip() else "unknown"
