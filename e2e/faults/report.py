"""Words for what came of a run: counts, gaps, and the faults that caused them. Pure."""

from faults.checker import Violation, counts
from faults.gaps import cause, gaps, longest_by_writer
from faults.ordeal import Ordeal

_SHOWN = 20


def report(seed: int, ordeal: Ordeal, violations: list[Violation]) -> str:
    history = ordeal.history
    acknowledged = sum(map(len, history.acknowledged.values()))
    unknown = sum(map(len, history.unknown.values()))
    refused = sum(map(len, history.failed.values()))
    polled = sum(len(reading.seen) for reading in history.readings)
    lines = [
        f"seed {seed}: {len(ordeal.episodes)} faults in {ordeal.ended - ordeal.began:.0f} s, {len(ordeal.skipped)} skipped; "
        f"healed in {ordeal.healed_in_s:.1f} s",
        f"  {acknowledged} acknowledged, {refused} refused, {unknown} of unknown fate; {polled} polled by groups, "
        f"{sum(map(len, history.final.values()))} in the log",
        "  " + ", ".join(f"{count} {kind}" for kind, count in counts(violations).items()),
    ]
    lines += _gaps(ordeal)
    lines += [f"  VIOLATION {violation}" for violation in violations[:_SHOWN]]
    lines += [f"  … and {len(violations) - _SHOWN} more"] if len(violations) > _SHOWN else []
    lines += [f"  COMPLAINT {complaint}" for complaint in ordeal.complaints]
    return "\n".join(lines)


def _gaps(ordeal: Ordeal) -> list[str]:
    found = [gap for gap in gaps(ordeal.history, ordeal.ended) if gap.ended >= ordeal.began]
    lines = []
    for writer, gap in sorted(longest_by_writer(found).items()):
        because = cause(gap, ordeal.episodes)
        blamed = because.name if because else "no fault"
        lines.append(f"  longest gap of {writer:<12} {gap.seconds * 1000:6.0f} ms in partition {gap.partition}: {blamed}")
    return lines
