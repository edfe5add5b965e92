"""All workloads, in the order in which they are run and reported: those of the same contenders one after the other, see `kept`."""

from bench.workloads import compaction, consume, failover, group, growth, latency, process, produce, replicated, stock
from bench.workloads.workload import Workload

ALL: tuple[Workload, ...] = (
    *produce.WORKLOADS,
    *consume.WORKLOADS,
    *latency.WORKLOADS,
    *stock.WORKLOADS,
    *produce.DURABLE,
    *replicated.WORKLOADS,
    *process.WORKLOADS,
    *growth.WORKLOADS,
    *compaction.WORKLOADS,
    *group.WORKLOADS,
    *failover.WORKLOADS,
)


def named(wanted: list[str]) -> list[Workload]:
    """Those of these names, in our order."""
    by_name = {workload.name: workload for workload in ALL}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise ValueError(f"no workload called {', '.join(unknown)}: there are {', '.join(by_name)}")
    return [workload for workload in ALL if workload.name in wanted]
