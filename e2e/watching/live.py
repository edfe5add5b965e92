"""A real Prometheus watches three brokers: every expression that is shipped or documented is answered, every metric that it names is
there, and when a broker is killed the alerts that should fire do, and end when it is back.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from chart import dashboard
from faults.asking import create_topic
from scenario import equal, eventually, unique
from strangers.unharmed import one_cluster
from watching import CHART, alerts, metrics
from watching.prometheus import Prometheus

PARTITIONS, RECORDS, READ = 6, 60, 4
GROUP = "readers"
# What only an operator tells; e2e/kind asks for those.
_OPERATORS = ("weir_operator_", "weir_cluster_")
_BROKER_AWAY = ["WeirBrokerAway", "WeirUnderReplicated"]
_README = CHART.parents[1] / "broker" / "README.md"


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="weir-watching-"))
    try:
        with one_cluster() as cluster:
            topic = unique("orders")
            create_topic(cluster, topic, PARTITIONS)
            _work(cluster.bootstrap, topic)
            targets = [f"{node.address}:{node.ports.http}" for node in cluster.nodes]
            with Prometheus(folder, targets, _hurried()) as prometheus:
                asked = _expressions_are_answered(prometheus)
                _lag_is_right(prometheus, topic)
                _fires(prometheus, [])
                away = next(node for node in cluster.nodes if not _decides(prometheus, node))
                away.kill()
                _fires(prometheus, _BROKER_AWAY)
                away.start()
                _fires(prometheus, [])
                equal("rules that Prometheus can not evaluate", prometheus.ailing_rules(), [])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{asked} expressions answered; {len(alerts())} rules evaluated; {' and '.join(_BROKER_AWAY)} fired and ended")
    return 0


def _work(bootstrap: str, topic: str) -> None:
    """Records in every partition, of which a group has read some."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for number in range(RECORDS):
        producer.produce(topic, value=b"x" * 100, partition=number % PARTITIONS)
    equal("records not written", producer.flush(30), 0)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, partition, READ) for partition in range(PARTITIONS)], asynchronous=False)
    consumer.close()


def _hurried() -> str:
    """The chart's alerts, which fire at once: how long they wait is tested apart."""
    rules = (CHART / "files" / "alerts.yaml").read_text()
    hurried, waits = re.subn(r"^( +for:) \w+$", r"\1 2s", rules, flags=re.MULTILINE)
    if waits < len(alerts()) - 1:
        raise AssertionError(f"only {waits} of {len(alerts())} alerts wait for anything")
    # Nobody scrapes an operator here.
    return hurried.replace("absent(weir_operator_leader == 1)", "weir_operator_leader == 0")


def _documented() -> list[str]:
    """The queries in the README's table of questions."""
    table = _README.read_text().split("| Question | Query |", 1)[1].split("\n\n", 1)[0]
    return [query for row in table.splitlines()[2:] for query in re.findall(r"`([^`]+)`", row.split("|", 2)[2])]


def _expressions_are_answered(prometheus: Prometheus) -> int:
    shipped = dashboard.expressions()
    documented = _documented()
    for expression in [*shipped, *documented]:
        prometheus.ask(expression.replace("$__rate_interval", "1m").replace("$cluster", ".*"))
    rules = (CHART / "files" / "alerts.yaml").read_text()
    named = {name for text in [*shipped, *documented, rules] for name in metrics(text) if not name.startswith(_OPERATORS)}
    eventually("every metric that is named", lambda: _missing(prometheus, named) == [])
    return len(shipped) + len(documented)


def _missing(prometheus: Prometheus, named: set[str]) -> list[str]:
    return sorted(named - prometheus.names())


def _lag_is_right(prometheus: Prometheus, topic: str) -> None:
    expected = float(RECORDS - READ * PARTITIONS)
    query = f'sum(weir_group_lag_records{{group="{GROUP}",topic="{topic}"}})'
    eventually("the group's lag", lambda: prometheus.value(query) == expected)
    seconds = prometheus.value(f'max(weir_group_lag_seconds{{group="{GROUP}"}})')
    if not 0 < seconds < 600:
        raise AssertionError(f"a lag of {seconds} s")


def _fires(prometheus: Prometheus, names: list[str]) -> None:
    """These alerts and no others, some time soon."""
    seen: list[list[str]] = []

    def looked() -> bool:
        # The disk is this machine's, and may well be full.
        seen.append([name for name in prometheus.firing() if not name.startswith("WeirDisk")])
        return seen[-1] == names

    try:
        eventually(f"just these alerts: {names}", looked)
    except AssertionError as failed:
        raise AssertionError(f"{failed}; at last there were {seen[-1]}") from failed


def _decides(prometheus: Prometheus, node) -> bool:
    return prometheus.value(f'weir_active_controller{{instance="{node.address}:{node.ports.http}"}}') == 1


if __name__ == "__main__":
    sys.exit(main())
