"""What Prometheus is asked: where the chart has it, and what it names."""

import re
from pathlib import Path

CHART = Path(__file__).resolve().parents[2] / "charts" / "weir"
_METRIC = re.compile(r"\b(?:weir|kafka|process)_[a-z_]+")


def alerts() -> list[str]:
    """The names of all alerts, in their order."""
    return re.findall(r"^ *- alert: (\w+)$", (CHART / "files" / "alerts.yaml").read_text(), re.MULTILINE)


def metrics(expression: str) -> set[str]:
    """The metrics that an expression names; labels that begin like one are none."""
    return set(_METRIC.findall(expression)) - {"weir_dev_cluster"}
