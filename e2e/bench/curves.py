"""How cost grows with the work: of a workload with steps, a panel for each of its curves, both sides logarithmic. Pure.

What is flat in such a panel costs the same however much there is; what rises by a decade each decade grows in proportion.
"""

import math
from statistics import median

from bench import svg
from bench.blocks import Measured
from bench.workloads.workload import Figure

_ACROSS = 2
_PANEL, _TALL, _HEAD = svg.WIDTH // _ACROSS, 200, 30
# Of a panel: where its drawing lies.
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 44, 34, 30

# By contender, how much work there was and what it cost.
Lines = dict[str, list[tuple[float, float]]]


def growth(title: str, figures: tuple[Figure, ...], measured: Measured) -> str:
    panels = {curve: points for curve in _curves_of(figures) if (points := _points(curve, figures, measured))}
    parts = [svg.text(12, 20, title, 14), *_names(list(measured))]
    for number, (curve, points) in enumerate(panels.items()):
        down, across = divmod(number, _ACROSS)
        parts += _panel(across * _PANEL, _HEAD + down * _TALL, curve, points)
    return svg.picture(_HEAD + math.ceil(len(panels) / _ACROSS) * _TALL, parts)


def _curves_of(figures: tuple[Figure, ...]) -> list[str]:
    return list(dict.fromkeys(figure.curve for figure in figures if figure.curve))


def _points(curve: str, figures: tuple[Figure, ...], measured: Measured) -> Lines:
    """Medians of the blocks; nothing that is not above zero, for which there is no place."""
    lines: Lines = {}
    for name, blocks in measured.items():
        for figure in figures:
            values = [block[figure.name] for block in blocks if block.get(figure.name, 0) > 0]
            if figure.curve == curve and values:
                lines.setdefault(name, []).append((figure.at, median(values)))
    return lines


def _panel(x: float, y: float, title: str, lines: Lines) -> list[str]:
    steps = sorted({at for points in lines.values() for at, _ in points})
    costs = [cost for points in lines.values() for _, cost in points]
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    high = max(high, low + 1)
    wide = math.log10(steps[-1] / steps[0]) or 1.0

    def place(at: float, cost: float) -> svg.Point:
        right, up = math.log10(at / steps[0]) / wide, (math.log10(cost) - low) / (high - low)
        return x + _LEFT + right * (_PANEL - _LEFT - _RIGHT), y + _TALL - _BOTTOM - up * (_TALL - _TOP - _BOTTOM)

    parts = [svg.text(x + 12, y + 18, title, 12)]
    for power in range(low, high + 1):
        start = place(steps[0], 10.0**power)
        parts += [svg.line(start, place(steps[-1], 10.0**power), svg.GRID), svg.text(x + 8, start[1] + 4, f"{10.0**power:g}", 10)]
    parts += [svg.text(place(at, 10.0**low)[0] - 10, y + _TALL - 12, f"{at:,g}", 10) for at in steps]
    for name, points in lines.items():
        parts.append(svg.path([place(*point) for point in points], svg.colour_of(name)))
        parts += [svg.text(*_above(place(*point)), f"{point[1]:.3g}", 10) for point in points]
    return parts


def _above(point: svg.Point) -> svg.Point:
    return point[0] + 3, point[1] - 4


def _names(contenders: list[str]) -> list[str]:
    """In one row, at the right of the title."""
    room = 110
    first = svg.WIDTH - room * len(contenders)
    return [part for number, name in enumerate(contenders) for part in svg.legend(first + number * room, 8, [name])]
