#!/usr/bin/env python3
"""Makes charts/weir/README.md's table from the comments of values.yaml: `readme.py` checks, `readme.py --write` writes.

Reads only the plain form that values.yaml keeps to: two spaces a level, a comment above what it describes.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

CHART = Path(__file__).resolve().parents[2] / "charts" / "weir"
BEGIN, END = "<!-- values: made from values.yaml -->", "<!-- end of values -->"
KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):(?: (?P<value>.+))?$")


@dataclass(frozen=True)
class Value:
    """One row: where it is, what it is by default, what it is for."""

    path: str
    default: str
    about: str


def values(text: str) -> list[Value]:
    """Every described value, in the order of the file. A described map without a default is left out: its parts are rows."""
    rows: list[Value] = []
    parents: list[str] = []
    comment: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith("#"):
            comment.append(line.strip().lstrip("#").strip())
            continue
        found = KEY.match(line)
        if not found:
            comment = []
            continue
        depth = len(found["indent"]) // 2
        parents = [*parents[:depth], found["key"]]
        path, about, comment = ".".join(parents), " ".join(comment), []
        if found["value"] is not None:
            inherited = next((r.about for r in rows if path.startswith(r.path + ".")), None)
            if not about and inherited is None:
                raise SystemExit(f"values.yaml line {number + 1}: {path} has no comment that describes it")
            if about:
                rows.append(Value(path, found["value"], about))
        elif about:
            rows.append(Value(path, "see values.yaml", about))
    return rows


def table(rows: list[Value]) -> str:
    """The rows as Markdown."""
    lines = ["| Value | Default | What for |", "|---|---|---|"]
    lines += [f"| `{r.path}` | `{r.default}` | {r.about.replace('|', chr(92) + '|')} |" for r in rows]
    return "\n".join(lines)


def main() -> int:
    readme = CHART / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    fresh = f"{before}{BEGIN}\n{table(values((CHART / 'values.yaml').read_text()))}\n{END}{after}"
    if "--write" in sys.argv[1:]:
        readme.write_text(fresh)
        return 0
    if fresh != text:
        print("charts/weir/README.md is not what values.yaml says; make it with e2e/chart/readme.py --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
