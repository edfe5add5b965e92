"""Brings in the clients under test, once, and says what it does while it does it.

Python packages go to a venv, jars and Go binaries to the cache directory, kcat comes from apt. A step that is already
done costs nothing. Must never change the machine beyond that.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from harness import paths

_MINUTES = 60
# They drive clusters with clients in three languages.
_OF_CLUSTERS = ("faults", "failover", "cluster-tools", "scale")


class InstallFailed(Exception):
    """A step failed; the message says which, and what to do."""


def install(suites: set[str], against: str, say) -> None:
    """Installs what the chosen suites need and nothing more."""
    if suites - {"go"}:  # every other suite's programs run in the venv
        _python_clients(say)
    if suites & {"librdkafka", "kind"}:
        _kcat(say)
    if "watching" in suites:
        _prometheus(say)
    if suites & {"java", *_OF_CLUSTERS} or against == "kafka":
        _kafka_jars(say)
    if suites & {"java", *_OF_CLUSTERS}:
        _class_archive(say)
    if suites & {"go", "kind", *_OF_CLUSTERS}:
        _go_programs(say)
    if suites & set(_OF_CLUSTERS):
        _java_driver(say)
    if "bench" in suites:
        _load_generator(say)
    if "tansu" in suites:
        _tansu(say)


def _python_clients(say) -> None:
    requirements = paths.E2E / "requirements.txt"
    stamp = paths.VENV / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with _step(say, f"python clients into {paths.VENV}"):
        _run([sys.executable, "-m", "venv", paths.VENV], "create the venv")
        _run([paths.VENV_PYTHON, "-m", "pip", "install", "--quiet", "--requirement", requirements], "pip install")
        stamp.write_text(wanted)


def _kcat(say) -> None:
    _by_apt(say, "kcat", "kcat")


def _prometheus(say) -> None:
    _by_apt(say, "promtool", "prometheus")


def _by_apt(say, program: str, package: str) -> None:
    if shutil.which(program):
        return
    with _step(say, f"{package} by apt"):
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        _run([*sudo, "apt-get", "update", "-qq"], "apt-get update")
        install = [*sudo, "apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        _run(install, f"apt-get install {package} (install it by hand if you have no apt)")


def _kafka_jars(say) -> None:
    if any(paths.KAFKA_LIBS.glob("kafka-tools-*.jar")):
        return
    _need("java", "a Java runtime, 17 or newer")
    _need("mvn", "Maven")
    with _step(say, f"Apache Kafka {paths.KAFKA_VERSION} from Maven Central into {paths.KAFKA_LIBS}"):
        # Into a directory of its own first: an interrupted copy must not look like a whole one.
        partial = paths.KAFKA_HOME / "libs.partial"
        shutil.rmtree(partial, ignore_errors=True)
        _run(
            [
                "mvn",
                "-q",
                "-B",
                "-ntp",
                "-f",
                paths.E2E / "java" / "pom.xml",
                "dependency:copy-dependencies",
                f"-DoutputDirectory={partial}",
            ],
            "copy the jars",
        )
        shutil.rmtree(paths.KAFKA_LIBS, ignore_errors=True)
        partial.rename(paths.KAFKA_LIBS)


def _class_archive(say) -> None:
    """A class data archive halves the start of every Java tool; without it everything still works, only slower."""
    if paths.KAFKA_CLASS_ARCHIVE.exists():
        return
    with _step(say, "class archive for the Java tools"):
        subprocess.run(
            [
                "java",
                f"-XX:ArchiveClassesAtExit={paths.KAFKA_CLASS_ARCHIVE}",
                "-cp",
                paths.kafka_classpath(),
                "org.apache.kafka.tools.TopicCommand",
                "--bootstrap-server",
                "127.0.0.1:1",
                "--list",
                "--command-config",
                str(paths.E2E / "java" / "impatient.properties"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=3 * _MINUTES,
            check=False,
        )


def _go_programs(say) -> None:
    """Always asks the Go tool chain: its own cache decides what is stale."""
    _need("go", "the Go tool chain")
    with _step(say, f"go programs into {paths.GO_BIN}"):
        paths.GO_BIN.mkdir(parents=True, exist_ok=True)
        _run(["go", "build", "-o", f"{paths.GO_BIN}/", "./..."], "go build", cwd=paths.E2E / "go")


def _java_driver(say) -> None:
    """Compiled anew when its source has changed: it takes a second."""
    _need("javac", "a Java development kit, 17 or newer")
    sources = sorted((paths.E2E / "java" / "driver").glob("*.java"))
    stamp = paths.JAVA_DRIVER / "sources.sha256"
    wanted = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with _step(say, f"the Java driver into {paths.JAVA_DRIVER}"):
        shutil.rmtree(paths.JAVA_DRIVER, ignore_errors=True)
        _run(["javac", "-Xlint:all", "-Werror", "-d", paths.JAVA_DRIVER, "-cp", paths.kafka_classpath(), *sources], "javac")
        stamp.write_text(wanted)


def _load_generator(say) -> None:
    """Cargo knows whether it is stale."""
    _need("cargo", "Rust")
    command = ["cargo", "build", "--quiet", "--locked", "--profile", "fast", "-p", "weir-load", "--target-dir", paths.TARGET_DIR]
    with _step(say, f"weir-load into {paths.LOAD_BINARY.parent}"):
        _run(command, "building weir-load", cwd=paths.E2E.parent)


def _tansu(say) -> None:
    """From the Rust registry, with what holds records in memory and nothing else."""
    if paths.TANSU_BINARY.exists():
        return
    _need("cargo", "Rust")
    version = ["--version", paths.TANSU_VERSION, "--locked", "--features", "dynostore"]
    command = ["cargo", "install", "--quiet", "tansu", *version, "--root", paths.TANSU_HOME]
    with _step(say, f"tansu {paths.TANSU_VERSION} into {paths.TANSU_HOME}: a quarter of an hour"):
        _run(command, "building tansu", within_s=60 * _MINUTES)


def _need(tool: str, what: str) -> None:
    if not shutil.which(tool):
        raise InstallFailed(f"`{tool}` is not on the PATH: install {what}")


def _run(command: list, what: str, cwd: Path | None = None, within_s: float = 15 * _MINUTES) -> None:
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within_s,
        check=False,
    )
    if finished.returncode != 0:
        raise InstallFailed(f"{what} failed with {finished.returncode}:\n{finished.stdout[-4000:]}")


class _step:
    """Says that something long begins, and how long it took."""

    def __init__(self, say, what: str):
        self._say, self._what = say, what

    def __enter__(self) -> None:
        self._began = time.monotonic()
        self._say(f"installing {self._what} …")

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self._say(f"installed  {self._what} in {time.monotonic() - self._began:.1f} s")
