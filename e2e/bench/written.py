"""Writes what was measured: raw figures as JSON, the plots, and the report that shows them."""

import json
from pathlib import Path

from bench import plots, report
from bench.workloads import named

_LATENCY_LABELS = ("10", "50")


def write(result: dict, directory: Path) -> Path:
    """Gives the report's path."""
    directory.mkdir(parents=True, exist_ok=True)
    result = result | {"plots": _plots(result, directory)}
    (directory / "results.json").write_text(json.dumps(result, indent=1))
    (directory / "report.md").write_text(report.render(result))
    return directory / "report.md"


def _plots(result: dict, directory: Path) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for workload in named(list(result["workloads"])):
        measured = result["workloads"][workload.name]["measured"]
        if not measured:
            continue
        drawn = {f"{workload.name}.svg": plots.bars(workload.name, workload.figures[0], measured)}
        if workload.name == "latency":
            drawn = {
                f"latency-{label}.svg": plots.percentiles(f"latency at {label} % of the peak", label, measured) for label in _LATENCY_LABELS
            }
        for name, svg in drawn.items():
            (directory / name).write_text(svg)
        made[workload.name] = list(drawn)
    return made
