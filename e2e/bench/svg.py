"""The pieces of a picture as SVG, by hand: no library and no font is needed. Pure."""

from xml.sax.saxutils import escape

WIDTH = 720
GRID = "#ddd"
_COLOURS = {
    "weir": "#0a7d55",
    "weir-fsync": "#7cc3a6",
    "kafka": "#c8553d",
    "kafka-tuned": "#8f3a2b",
    "kafka-again": "#dba599",
    "kafka-fsync": "#e0a13d",
}
_OTHER = "#666666"
_LEGEND_ROW = 20

Point = tuple[float, float]


def picture(height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="white"/>', *parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, size: int) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def line(start: Point, end: Point, colour: str, thick: float = 1.0) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{thick}"/>'


def path(points: list[Point], colour: str) -> str:
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="2"/>'


def colour_of(contender: str) -> str:
    return _COLOURS.get(contender, _OTHER)


def legend(x: float, y: float, names: list[str]) -> list[str]:
    rows = [(y + number * _LEGEND_ROW, name) for number, name in enumerate(names)]
    return [part for at, name in rows for part in (box(x, at, 12, 12, colour_of(name)), text(x + 18, at + 11, name, 12))]
