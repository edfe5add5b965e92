"""The Java AdminClient against three brokers; the checks are in `java/driver/AdminChecks.java`."""

import subprocess
import sys

from faults.drivers import java_command


def main() -> int:
    return subprocess.run([str(part) for part in java_command("AdminChecks")], timeout=150, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
