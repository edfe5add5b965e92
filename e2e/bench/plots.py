"""Pictures of a workload: bars with the range of the blocks, and latency by percentile. Pure."""

import math
from statistics import median

from bench import svg
from bench.blocks import Measured
from bench.workloads.workload import Figure

_ROW, _LEFT, _RIGHT, _TOP = 30, 130, 120, 44
_HEIGHT, _BOTTOM = 320, 40
# Where the curve of a percentile lies, by the number of nines: 0.9 at one, 0.99 at two.
_MOST_NINES = 4.0


def bars(title: str, figure: Figure, measured: Measured) -> str:
    """A bar for the median of each contender, a line for its range."""
    rows = {name: sorted(block[figure.name] for block in blocks if figure.name in block) for name, blocks in measured.items()}
    rows = {name: values for name, values in rows.items() if values}
    most = max((values[-1] for values in rows.values()), default=1.0) or 1.0
    scale = (svg.WIDTH - _LEFT - _RIGHT) / most
    parts = [svg.text(12, 20, f"{title}: {figure.title} ({'less' if figure.less_is_better else 'more'} is better)", 14)]
    for number, (name, values) in enumerate(rows.items()):
        y, middle = _TOP + number * _ROW, median(values)
        parts.append(svg.text(12, y + 15, name, 12))
        parts.append(svg.box(_LEFT, y, middle * scale, 20, svg.colour_of(name)))
        least, last = _LEFT + values[0] * scale, _LEFT + values[-1] * scale
        parts.append(svg.line((least, y + 10), (last, y + 10), "#222", 1.5))
        parts.append(svg.text(last + 8, y + 15, f"{middle:.4g}", 12))
    return svg.picture(_TOP + len(rows) * _ROW + 10, parts)


def percentiles(title: str, label: str, measured: Measured) -> str:
    """Latency by percentile, both logarithmic; the last block of each contender."""
    curves = {name: _curve(blocks[-1], f"curve_{label}_") for name, blocks in measured.items() if blocks}
    curves = {name: points for name, points in curves.items() if points}
    values = [ms for points in curves.values() for _, ms in points]
    low, high = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))) if values else (0, 1)
    high = max(high, low + 1)

    def place(quantile: float, ms: float) -> svg.Point:
        nines = min(_MOST_NINES, -math.log10(max(1 - quantile, 1e-9)))
        x = _LEFT / 2 + nines / _MOST_NINES * (svg.WIDTH - _LEFT / 2 - _RIGHT)
        return x, _HEIGHT - _BOTTOM - (math.log10(ms) - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [svg.text(12, 20, f"{title}: end to end by percentile, ms", 14)]
    for power in range(low, high + 1):
        _, y = place(0.0, 10.0**power)
        parts.append(svg.line((_LEFT / 2, y), (svg.WIDTH - _RIGHT, y), svg.GRID))
        parts.append(svg.text(8, y + 4, f"{10.0**power:g}", 11))
    for quantile, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")):
        parts.append(svg.text(place(quantile, 1.0)[0] - 12, _HEIGHT - 14, name, 11))
    parts += [svg.path([place(*point) for point in points], svg.colour_of(name)) for name, points in curves.items()]
    return svg.picture(_HEIGHT, parts + svg.legend(svg.WIDTH - _RIGHT + 8, _TOP, list(curves)))


def _curve(block: dict[str, float], prefix: str) -> list[tuple[float, float]]:
    points = [(float(name.removeprefix(prefix)), ms) for name, ms in block.items() if name.startswith(prefix)]
    return sorted((quantile, ms) for quantile, ms in points if ms > 0)
