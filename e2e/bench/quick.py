"""Every workload that needs no JVM once, with Weir alone and little data: each completes and reads back right. No time is asserted."""

import os
import sys
import tempfile
from pathlib import Path

from bench import command
from bench.workloads import ALL
from bench.workloads.site import QUICK


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="weir-bench-report-") as out:
        weir_binary = Path(os.environ["WEIR_BINARY"])
        chosen = [workload for workload in ALL if not workload.needs_java]
        outcomes = command.run(chosen, QUICK, frozenset(), weir_binary, Path(out), lambda text: print(text, flush=True))
    failed = [f"{outcome.name}: {outcome.failure}" for outcome in outcomes if outcome.failure]
    for line in failed:
        print(f"FAILED {line}")
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} workloads completed and read back what was acknowledged")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
