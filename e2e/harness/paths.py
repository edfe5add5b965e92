"""Where things are. Everything downloaded lives under one cache directory, everything else under a temporary one."""

import os
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("WEIR_CACHE") or Path.home() / ".cache" / "weir")

VENV = CACHE / "venv"
VENV_PYTHON = VENV / "bin" / "python"
KAFKA_VERSION = "4.2.0"
KAFKA_HOME = CACHE / f"kafka-{KAFKA_VERSION}"
KAFKA_LIBS = KAFKA_HOME / "libs"
TANSU_VERSION = "0.6.0"
TANSU_HOME = CACHE / f"tansu-{TANSU_VERSION}"
TANSU_BINARY = TANSU_HOME / "bin" / "tansu"
KAFKA_CLASS_ARCHIVE = KAFKA_HOME / "tools.jsa"
GO_BIN = CACHE / "e2e-go"
JAVA_DRIVER = CACHE / "e2e-java"
# Where `make release` puts it.
TARGET_DIR = Path(os.environ.get("CARGO_TARGET_DIR") or CACHE / "target")
WEIR_BINARY = TARGET_DIR / "x86_64-unknown-linux-gnu" / "release" / "weir"
# The load generator, which needs no more than to be quick.
LOAD_BINARY = TARGET_DIR / "fast" / "weir-load"


def kafka_classpath() -> str:
    """Sorted, because the JVM's class archive is only valid for the very same class path."""
    return ":".join(str(jar) for jar in sorted(KAFKA_LIBS.glob("*.jar")))
