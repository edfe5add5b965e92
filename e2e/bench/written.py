"""Writes what was measured: raw figures as JSON, the plots, and the report that shows them; on demand into those that are checked in."""

import json
from pathlib import Path

from bench import curves, plots, report
from bench.blocks import Measured
from bench.runs import Result, merged
from bench.workloads import named
from bench.workloads.workload import Workload

_LATENCY_LABELS = ("10", "50")
_PUBLISHED = Path(__file__).parent / "results"
_RESULTS = Path(__file__).parent / "RESULTS.md"


def write(result: Result, directory: Path) -> Path:
    """Gives the report's path."""
    directory.mkdir(parents=True, exist_ok=True)
    plotted = _plots(result, directory)
    (directory / "results.json").write_text(json.dumps(result, indent=1))
    (directory / "report.md").write_text(report.render(result, plotted))
    return directory / "report.md"


def publish(result: Result, directory: Path = _PUBLISHED, page: Path = _RESULTS) -> Path:
    """Beside the code, with the workloads that were not measured this time as they were. Gives the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    before = directory / "results.json"
    whole = merged(json.loads(before.read_text()), result) if before.exists() else result
    plotted = {name: [f"{directory.name}/{plot}" for plot in plots] for name, plots in _plots(whole, directory).items()}
    before.write_text(json.dumps(whole, indent=1))
    page.write_text(report.render(whole, plotted))
    return page


def _plots(result: Result, directory: Path) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for workload in named(list(result["workloads"])):
        measured = result["workloads"][workload.name]["measured"]
        if not measured:
            continue
        drawn = _drawn(workload, measured)
        for name, svg in drawn.items():
            (directory / name).write_text(svg)
        made[workload.name] = list(drawn)
    return made


def _drawn(workload: Workload, measured: Measured) -> dict[str, str]:
    """By file name. What has percentiles or grows in steps is drawn as such, all else as bars."""
    if workload.name == "latency":
        titles = {label: f"latency at {label} % of the peak" for label in _LATENCY_LABELS}
        return {f"latency-{label}.svg": plots.percentiles(title, label, measured) for label, title in titles.items()}
    grows = any(figure.curve for figure in workload.figures)
    drawn = curves.growth(workload.name, workload.figures, measured) if grows else plots.bars(workload.name, workload.figures[0], measured)
    return {f"{workload.name}.svg": drawn}
