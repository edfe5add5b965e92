"""Three brokers on one machine: every byte is written three times and acknowledged when all that are in sync have it."""

from bench.workloads.produce import Produces
from bench.workloads.workload import RATE, Workload, cpu_per_gb, produce_floor


def _floor(limits: dict, figures: dict) -> float:
    """Three times what one costs, and two that send it to the others."""
    return 3 * produce_floor(limits, figures) + 2 * limits["sendfile"]["sender_cpu_s_per_gb"]


WORKLOADS = (
    Workload(
        "replicated",
        "batches of 64 KB of 1 KB records, 6 partitions on three brokers, two connections to each, three replicas, acks=all",
        lambda: Produces(6, {"connections": 2}),
        (cpu_per_gb(None, _floor), RATE),
        contenders=("weir", "kafka", "weir-fsync"),
        brokers=3,
        block_s=20.0,
    ),
)
