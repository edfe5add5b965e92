"""Plots as SVG, by hand: bars with the range of the blocks, and latency curves. Pure; no library and no font is needed."""

import math
from statistics import median
from xml.sax.saxutils import escape

from bench.blocks import Measured
from bench.workloads.workload import Figure

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 720, 30, 130, 120, 44
_HEIGHT, _BOTTOM = 320, 40
_COLOURS = {
    "weir": "#0a7d55",
    "weir-fsync": "#7cc3a6",
    "kafka": "#c8553d",
    "kafka-tuned": "#8f3a2b",
    "kafka-again": "#dba599",
    "kafka-fsync": "#e0a13d",
}
_OTHER = "#666666"
# Where the curve of a percentile lies, by the number of nines: 0.9 at one, 0.99 at two.
_MOST_NINES = 4.0


def bars(title: str, figure: Figure, measured: Measured) -> str:
    """A bar for the median of each contender, a line for its range."""
    rows = {name: sorted(block[figure.name] for block in blocks if figure.name in block) for name, blocks in measured.items()}
    rows = {name: values for name, values in rows.items() if values}
    most = max((values[-1] for values in rows.values()), default=1.0) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    parts = [_text(12, 20, f"{title}: {figure.title} ({'less' if figure.less_is_better else 'more'} is better)", 14)]
    for number, (name, values) in enumerate(rows.items()):
        y, middle = _TOP + number * _ROW, median(values)
        parts.append(_text(12, y + 15, name, 12))
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{middle * scale:.1f}" height="20" fill="{_COLOURS.get(name, _OTHER)}"/>')
        x1, x2 = _LEFT + values[0] * scale, _LEFT + values[-1] * scale
        parts.append(f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y + 10}" y2="{y + 10}" stroke="#222" stroke-width="1.5"/>')
        parts.append(_text(int(x2) + 8, y + 15, f"{middle:.4g}", 12))
    return _svg(_TOP + len(rows) * _ROW + 10, parts)


def percentiles(title: str, label: str, measured: Measured) -> str:
    """Latency by percentile, both logarithmic; the last block of each contender."""
    curves = {name: _curve(blocks[-1], f"curve_{label}_") for name, blocks in measured.items() if blocks}
    curves = {name: points for name, points in curves.items() if points}
    values = [ms for points in curves.values() for _, ms in points]
    low, high = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))) if values else (0, 1)
    high = max(high, low + 1)

    def place(quantile: float, ms: float) -> tuple[float, float]:
        nines = min(_MOST_NINES, -math.log10(max(1 - quantile, 1e-9)))
        x = _LEFT / 2 + nines / _MOST_NINES * (_WIDTH - _LEFT / 2 - _RIGHT)
        return x, _HEIGHT - _BOTTOM - (math.log10(ms) - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [_text(12, 20, f"{title}: end to end by percentile, ms", 14)]
    for power in range(low, high + 1):
        _, y = place(0.0, 10.0**power)
        parts.append(f'<line x1="{_LEFT / 2}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(8, int(y) + 4, f"{10.0**power:g}", 11))
    for quantile, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")):
        parts.append(_text(int(place(quantile, 1.0)[0]) - 12, _HEIGHT - 14, name, 11))
    for number, (name, points) in enumerate(curves.items()):
        colour = _COLOURS.get(name, _OTHER)
        line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<rect x="{_WIDTH - _RIGHT + 8}" y="{_TOP + number * 20}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(_WIDTH - _RIGHT + 26, _TOP + number * 20 + 11, name, 12))
    return _svg(_HEIGHT, parts)


def _curve(block: dict[str, float], prefix: str) -> list[tuple[float, float]]:
    points = [(float(name.removeprefix(prefix)), ms) for name, ms in block.items() if name.startswith(prefix)]
    return sorted((quantile, ms) for quantile, ms in points if ms > 0)


def _svg(height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{height}" fill="white"/>', *parts, "</svg>"]) + "\n"


def _text(x: int, y: int, words: str, size: int) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}">{escape(words)}</text>'
