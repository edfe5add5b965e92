"""The report as Markdown: a table of ratios first, then every workload with all its columns, losses like wins. Pure."""

from collections.abc import Iterator
from itertools import chain, repeat
from statistics import median

from bench.blocks import Measured, Ratio, middle, ratio
from bench.contenders import BY_NAME
from bench.runs import Result, run_of
from bench.workloads import named
from bench.workloads.workload import Figure, Workload

_NOISE = ("kafka", "kafka-again")


def render(result: Result, plots: dict[str, list[str]] | None = None) -> str:
    """`result` is what the JSON file holds; `plots` are the names of its pictures, by workload."""
    parts = ["# Weir beside Apache Kafka 4.2, and against the machine", _runs(result), _summary(result), _machine(result), _limits(result)]
    parts += [_workload(workload, result, (plots or {}).get(workload.name, [])) for workload in _run(result)]
    return "\n\n".join(parts) + "\n"


def _run(result: Result) -> list[Workload]:
    return named(list(result["workloads"]))


def _runs(result: Result) -> str:
    lines = ["A ratio above 1 means that Weir was better.", ""]
    for number, run in enumerate(result["runs"], start=1):
        lines.append(f"- Run {number}: `{run['command']}`, {run['seconds'] / 60:.0f} minutes.")
    return "\n".join(lines)


def _machine(result: Result) -> str:
    names = list(dict.fromkeys(name for run in result["runs"] for name in run["machine"]))
    return _beside("## The machine", result, [(name, [run["machine"].get(name, "–") for run in result["runs"]]) for name in names])


def _limits(result: Result) -> str:
    each = [_limit_rows(run["limits"]) for run in result["runs"]]
    return _beside("## Limits of the machine", result, [(name, [rows[name] for rows in each]) for name in each[0]])


def _beside(title: str, result: Result, rows: list[tuple[str, list[str]]]) -> str:
    """A column for each run."""
    numbers = range(1, len(result["runs"]) + 1)
    lines = [title, "", "| | " + " | ".join(f"run {number}" for number in numbers) + " |", "|---" * (len(numbers) + 1) + "|"]
    return "\n".join(lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows])


def _limit_rows(limits: dict) -> dict[str, str]:
    return {
        "memcpy": f"{limits['memcpy_gb_s']:.2f} GB/s",
        "CRC32C": f"{limits['crc32c_gb_s']:.2f} GB/s",
        "loopback TCP": _moved(limits["loopback"]),
        "sendfile to loopback": _moved(limits["sendfile"]),
        "append to the page cache": f"{limits['append']['gb_s']:.2f} GB/s, {limits['append']['cpu_s_per_gb']:.3f} CPU-s/GB",
        "fdatasync": f"{limits['fdatasync_per_s']:.0f} a second",
        "minimal tokio echo": (
            f"{limits['echo']['requests_per_s']:.0f} requests/s, {limits['echo']['server_cpu_us_per_request']:.2f} CPU-us each"
        ),
    }


def _moved(moved: dict) -> str:
    return f"{moved['gb_s']:.2f} GB/s, {moved['sender_cpu_s_per_gb']:.3f} CPU-s/GB to send, {moved['receiver_cpu_s_per_gb']:.3f} to receive"


def _summary(result: Result) -> str:
    """What has a target, met or not."""
    lines = ["## Where it landed", "", "| workload | figure | Weir | against | ratio (range) | target | share of the limit | target |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for workload in _run(result):
        measured = result["workloads"][workload.name]["measured"]
        for figure in workload.figures:
            if figure.target or figure.share:
                lines.append(_summary_row(workload, figure, measured, _limits_by_block(result, workload.name)))
    return "\n".join(lines)


def _limits_by_block(result: Result, workload: str) -> Iterator[dict]:
    """As measured beside each block; those of the run, where a run knew no others."""
    return chain(result["workloads"][workload].get("limits", []), repeat(run_of(result, workload)["limits"]))


def _summary_row(workload: Workload, figure: Figure, measured: Measured, limits: Iterator[dict]) -> str:
    ours = next(name for name in workload.contenders if BY_NAME[name].kind == "weir")
    own, best = middle(measured, ours, figure.name), best_peer(measured, ours, figure)
    against, found = best if best else ("–", None)
    target = f"{figure.target:g}x {_met(found and found.median, figure.target)}" if figure.target else ""
    share = share_of_limit(figure, measured.get(ours, []), limits)
    wanted = f"{figure.share:.0%} {_met(share, figure.share)}" if figure.share else ""
    cells = [workload.name, figure.title, _number(own), against, str(found or "–"), target, f"{share:.0%}" if share else "", wanted]
    return "| " + " | ".join(cells) + " |"


def best_peer(measured: Measured, ours: str, figure: Figure) -> tuple[str, Ratio] | None:
    """The peer that does best is the one that is quoted; a peer beside itself is no peer, and a guest none to be measured by."""
    found = []
    for name in measured:
        if BY_NAME[name].kind != "weir" and not BY_NAME[name].guest and name != _NOISE[1]:
            one = ratio(measured, ours, name, figure.name, figure.less_is_better)
            found += [(name, one)] if one else []
    return min(found, key=lambda pair: pair[1].median) if found else None


def share_of_limit(figure: Figure, blocks: list[dict], limits: Iterator[dict]) -> float | None:
    """How much of what it cost would have been spent by the least code that does the same; of a rate, how much of what that reaches.

    The median of all blocks, each against the limits that were measured beside it.
    """
    if not figure.floor:
        return None
    shares = []
    for block, beside in zip(blocks, limits):
        own = block.get(figure.name)
        least = own and (block.get(figure.floor) if isinstance(figure.floor, str) else figure.floor(beside, block))
        if own and least:
            shares.append(least / own if figure.less_is_better else own / least)
    return median(shares) if shares else None


def _met(value: float | None, target: float) -> str:
    return "?" if value is None else "met" if value >= target else "MISSED"


def _workload(workload: Workload, result: Result, plots: list[str]) -> str:
    outcome = result["workloads"][workload.name]
    lines = [f"## {workload.name}", "", f"{workload.what[0].upper()}{workload.what[1:]}. Run {outcome['run'] + 1}."]
    if outcome["failure"]:
        lines += ["", f"**Failed:** {outcome['failure']}"]
    lines += [line for name, why in outcome.get("could_not", {}).items() for line in ("", f"`{name}` could not do it: {why}")]
    measured: Measured = outcome["measured"]
    if measured:
        lines += ["", *_columns(workload, measured), "", *(f"- `{name}`: {BY_NAME[name].durability}." for name in measured)]
    noise = _noise(workload, measured)
    shown = [f"![{workload.name}]({name})" for name in plots]
    return "\n".join(lines + ([""] + noise if noise else []) + ([""] + shown if shown else []))


def _columns(workload: Workload, measured: Measured) -> list[str]:
    """Medians, and below them the spread of the blocks."""
    lines = ["| | " + " | ".join(measured) + " |", "|---" * (len(measured) + 1) + "|"]
    for figure in workload.figures:
        cells = [_spread([block[figure.name] for block in blocks if figure.name in block]) for blocks in measured.values()]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {figure.title} | " + " | ".join(cells) + " |")
    return lines


def _noise(workload: Workload, measured: Measured) -> list[str]:
    if not all(name in measured for name in _NOISE):
        return []
    figure = workload.figures[0]
    found = ratio(measured, *_NOISE, figure.name, figure.less_is_better)
    return [f"Noise floor: Kafka beside itself, {figure.title}: {found}."] if found else []


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    return _number(median(values)) + (f" ({_number(min(values))}–{_number(max(values))})" if len(values) > 1 else "")


def _number(value: float | None) -> str:
    """Three digits that mean something."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
