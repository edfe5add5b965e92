"""Stock clients in place of ours: the cross-check of the load generator. The broker's cost for a byte must not depend on who sends it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.blocks import Figures
from bench.server import Server
from bench.workloads.site import GB, Site, WrongData
from bench.workloads.workload import RATE, Figure, Work, Workload, cpu_per_gb, warm_up
from harness import children, paths

_RECORD_BYTES = 1024
_SUMMARY = re.compile(r"(\d+) records sent, ([\d.]+) records/sec")
_LIBRDKAFKA = Path(__file__).parent.parent / "clients" / "librdkafka_producer.py"
_WITHIN_S = 600.0

# Of so many records to a topic: the command line, and from what it prints the records a second.
Tool = Callable[[Server, str, int], list]
Rate = Callable[[str], float]


class Sends(Work):
    """The client fills batches of 64 KB, for which it waits a few milliseconds."""

    def __init__(self, tool: Tool, rate: Rate):
        self._tool, self._rate = tool, rate

    def warm(self, site: Site, server: Server) -> None:
        warm_up(site, server, lambda: self.measure(site, server))

    def measure(self, site: Site, server: Server) -> Figures:
        records = max(1_000, site.size.produce_bytes // _RECORD_BYTES)
        topic = site.topic()
        server.topics.create_to_write(topic, 1)
        try:
            cpu_s = server.cpu_s()
            rate = self._rate(_said([*site.load.pinned, *self._tool(server, topic, records)]))
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


def _said(command: list) -> str:
    child = children.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = child.communicate(timeout=_WITHIN_S)
    finally:
        children.end_group(child)
    if child.returncode != 0:
        raise WrongData(f"a stock client ended with {child.returncode}: {said[-2000:]}")
    return said


def _java(server: Server, topic: str, records: int) -> list:
    properties = [f"bootstrap.servers={server.bootstrap}", "acks=all", "batch.size=65536", "linger.ms=5", "enable.idempotence=false"]
    tool = ["java", "-Xmx512m", "-cp", paths.kafka_classpath(), "org.apache.kafka.tools.ProducerPerformance"]
    asked = ["--topic", topic, "--num-records", records, "--record-size", _RECORD_BYTES, "--throughput", -1]
    return [*tool, *asked, "--command-property", *properties]


def _rate_of_java(said: str) -> float:
    found = _SUMMARY.findall(said)
    if not found:
        raise WrongData(f"kafka-producer-perf-test did not sum up: {said[-2000:]}")
    return float(found[-1][1])


def _librdkafka(server: Server, topic: str, records: int) -> list:
    return [sys.executable, _LIBRDKAFKA, server.bootstrap, topic, records, _RECORD_BYTES]


def _rate_of_librdkafka(said: str) -> float:
    return json.loads(said.splitlines()[-1])["records_s"]


def _stock(name: str, client: str, tool: Tool, rate: Rate, **more: object) -> Workload:
    what = f"{client} in place of weir-load: records of 1 KB in batches of 64 KB, one partition, acks=all"
    figures = (cpu_per_gb(), RATE, Figure("batch_kib", "KiB a batch", less_is_better=False))
    return Workload(name, what, partial(Sends, tool, rate), figures, contenders=("weir", "kafka"), **more)


WORKLOADS = (
    _stock("stock-producer", "kafka-producer-perf-test", _java, _rate_of_java, needs_java=True, block_s=30.0),
    _stock("stock-librdkafka", "librdkafka", _librdkafka, _rate_of_librdkafka, block_s=15.0),
)
