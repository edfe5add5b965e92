"""What repeated measurements say: medians, ratios within a block, and their range. Pure.

Two contenders are compared only within a block, where the machine was in the same mood; the median of those ratios is quoted, and the
range says how much it is worth.
"""

from dataclasses import dataclass
from statistics import median

Figures = dict[str, float]
# By contender, its figures in each block.
Measured = dict[str, list[Figures]]


@dataclass(frozen=True)
class Ratio:
    """How many times better ours was."""

    median: float
    least: float
    most: float
    blocks: int

    def __str__(self) -> str:
        if self.blocks == 1:
            return f"{self.median:.2f}x (one block)"
        return f"{self.median:.2f}x ({self.least:.2f}–{self.most:.2f})"


def middle(measured: Measured, contender: str, figure: str) -> float | None:
    values = [block[figure] for block in measured.get(contender, []) if figure in block]
    return median(values) if values else None


def ratio(measured: Measured, ours: str, theirs: str, figure: str, less_is_better: bool) -> Ratio | None:
    """None where one of the two has no such figure, or one of nothing."""
    found = []
    for own, other in zip(measured.get(ours, []), measured.get(theirs, [])):
        if own.get(figure) and other.get(figure):
            found.append(other[figure] / own[figure] if less_is_better else own[figure] / other[figure])
    return Ratio(median(found), min(found), max(found), len(found)) if found else None


def order(contenders: list[str], block: int) -> list[str]:
    """Interleaved, and every other block the other way round, so that nobody always follows the same one."""
    return list(contenders) if block % 2 == 0 else list(reversed(contenders))
