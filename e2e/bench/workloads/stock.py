"""A stock client in place of ours: the cross-check of the load generator. The broker's cost for a byte must not depend on who sends it."""

import re
import subprocess

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import GB, Site, WrongData
from bench.workloads.workload import RATE, Work, Workload, cpu_per_gb, warm_up
from harness import children, paths

_RECORD_BYTES = 1024
_SUMMARY = re.compile(r"(\d+) records sent, ([\d.]+) records/sec")
_WITHIN_S = 600.0


class SendsByJava(Work):
    """kafka-producer-perf-test with batches of 64 KB, which a linger of some milliseconds fills."""

    def warm(self, site: Site, server: Server) -> None:
        warm_up(site, server, lambda: self.measure(site, server))

    def measure(self, site: Site, server: Server) -> Figures:
        records = max(1_000, site.size.produce_bytes // _RECORD_BYTES)
        topic = site.topic()
        server.topics.create_to_write(topic, 1)
        try:
            cpu_s = server.cpu_s()
            rate = _send(site, server, topic, records)
            cost = server.cpu_s() - cpu_s
            read = site.load.run("consume", bootstrap=server.bootstrap, topic=topic, verify=True)
        finally:
            server.topics.delete(topic)
        if read["records"] != records:
            raise WrongData(f"{server.contender.name}, {topic}: {records} sent, {read['records']} read")
        gb = read["batch_bytes"] / GB
        return {
            "cpu_s_per_gb": cost / gb,
            "gb_s": rate * _RECORD_BYTES / GB,
            "batch_kib": read["batch_bytes"] / read["batches"] / 1024,
        }


def _send(site: Site, server: Server, topic: str, records: int) -> float:
    """Gives records a second, as the tool says."""
    properties = [f"bootstrap.servers={server.bootstrap}", "acks=all", "batch.size=65536", "linger.ms=5", "enable.idempotence=false"]
    tool = ["java", "-Xmx512m", "-cp", paths.kafka_classpath(), "org.apache.kafka.tools.ProducerPerformance"]
    asked = ["--topic", topic, "--num-records", records, "--record-size", _RECORD_BYTES, "--throughput", -1]
    child = children.spawn(
        [*site.load.pinned, *tool, *asked, "--command-property", *properties], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = child.communicate(timeout=_WITHIN_S)
    finally:
        children.end_group(child)
    found = _SUMMARY.findall(said)
    if child.returncode != 0 or not found:
        raise WrongData(f"kafka-producer-perf-test ended with {child.returncode}: {said[-2000:]}")
    return float(found[-1][1])


WORKLOADS = (
    Workload(
        "stock-producer",
        "kafka-producer-perf-test in place of weir-load: records of 1 KB in batches of 64 KB, one partition, acks=all",
        SendsByJava,
        (cpu_per_gb(), RATE),
        contenders=("weir", "kafka"),
        needs_java=True,
        block_s=30.0,
    ),
)
