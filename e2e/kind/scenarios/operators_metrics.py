"""What the operator says of itself by /metrics: its memory, and its calls to the API server."""

import re

from kind.cluster import Cluster
from kind.first_steps import OPERATORS_NAMESPACE
from kind.scenarios.stage import operator_pods

_SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_CALLS = "weir_operator_api_calls_total"
_VERB = re.compile(r'verb="(\w+)"')
_FENCED = 'outcome="fenced"'
_READS = {"read", "watch"}
# A lease is renewed every few seconds; those writes are meant to be.
RENEWALS_A_MINUTE = 20


def read(there: Cluster, of_pod: str = "") -> dict[str, float]:
    """Every series, by its name with its labels. Through the API server, so no port need be reached."""
    pod = of_pod or operator_pods(there)[0]["metadata"]["name"]
    text = there.kubectl("get", "--raw", f"/api/v1/namespaces/{OPERATORS_NAMESPACE}/pods/{pod}:8080/proxy/metrics")
    return parsed(text)


def parsed(text: str) -> dict[str, float]:
    found = filter(None, map(_SERIES.match, text.splitlines()))
    return {f"{name}{{{labels}}}" if labels else name: float(value) for name, labels, value in (series.groups() for series in found)}


def memory_mib(metrics: dict[str, float]) -> float:
    return metrics["process_resident_memory_bytes"] / 2**20


def cpu_seconds(before: dict[str, float], after: dict[str, float]) -> float:
    return after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]


def topics_ready(metrics: dict[str, float], namespace: str) -> int:
    """Of all clusters in a namespace."""
    wanted = (f'namespace="{namespace}"', 'ready="true"')
    return round(
        sum(value for series, value in metrics.items() if series.startswith("weir_operator_topics{") and all(w in series for w in wanted))
    )


def calls(before: dict[str, float], after: dict[str, float]) -> tuple[int, int]:
    """How many reads and how many writes there were in between. The lease's renewals are writes; what the fence refused left nobody."""
    reads = writes = 0
    for series, value in after.items():
        verb = _VERB.search(series)
        if series.startswith(_CALLS) and verb and _FENCED not in series:
            many = round(value - before.get(series, 0.0))
            reads, writes = (reads + many, writes) if verb[1] in _READS else (reads, writes + many)
    return reads, writes
