"""Clients outside of Kubernetes: each broker has a port on the nodes, and tells clients that one."""

import json
import tempfile
from pathlib import Path

from kind.cluster import Cluster
from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect
from kind.scenarios.clients import apply_topic, await_topic
from kind.scenarios.stage import Stage
from kind.waiting import NotYet, until

_RECORDS = 200
_ANSWER_S = 60.0
_LISTENERS = [{"name": "internal", "port": 9092, "type": "Internal"}, {"name": "nodes", "port": 9192, "type": "NodePort"}]


@scenario("kcat outside of the cluster produces and consumes by the ports of nodes that brokers tell it", core=True, clients=False)
def by_node_ports(stage: Stage) -> None:
    with stage.namespace("outside") as namespace:
        brokers = Brokers(stage.there, namespace, "reachable", 3, {"listeners": _LISTENERS})
        brokers.apply()
        brokers.await_settled()
        topic = {"clusterRef": {"name": brokers.name}, "partitions": 6, "replicationFactor": 3}
        apply_topic(brokers, "abroad", topic)
        await_topic(brokers, "abroad")
        bootstrap = ",".join(_told(brokers, "nodes"))
        advertised = _advertised(stage.there, bootstrap)
        nodes = {one["address"] for node in stage.there.get("nodes")["items"] for one in node["status"]["addresses"]}
        expect("every broker tells an address of its own", len(set(advertised)) == 3, advertised)
        expect("on a node", {address.rsplit(":", 1)[0] for address in advertised} <= nodes, advertised)
        stage.note(f"bootstrap {bootstrap}; brokers tell {', '.join(advertised)}")
        _there_and_back(stage, bootstrap)


def _told(brokers: Brokers, listener: str) -> list[str]:
    told = {one["name"]: one["bootstrapServers"] for one in brokers.status()["listeners"]}
    servers = told[listener]
    return servers if isinstance(servers, list) else servers.split(",")


def _advertised(there: Cluster, bootstrap: str) -> list[str]:
    listed: list[str] = []

    def look() -> None:
        said = _kcat(there, "-b", bootstrap, "-L", "-J")
        # It may say nothing at all while ports of nodes that were just given lead nowhere yet.
        try:
            listed[:] = [broker["name"] for broker in json.loads(said)["brokers"]]
        except ValueError as unreadable:
            raise NotYet(f"kcat says {said[:300]!r}") from unreadable

    until("a broker answers outside", _ANSWER_S, look)
    return listed


def _there_and_back(stage: Stage, bootstrap: str) -> None:
    """Keys spread the records over all partitions, and so over all brokers."""
    sent = [f"key-{number}:value-{number}" for number in range(_RECORDS)]
    with tempfile.TemporaryDirectory(prefix="weir-kcat-") as folder:
        records = Path(folder) / "records"
        records.write_text("\n".join(sent) + "\n")
        _kcat(stage.there, "-b", bootstrap, "-t", "abroad", "-P", "-K:", "-X", "acks=all", "-X", "enable.idempotence=true", "-l", records)
    read = _kcat(stage.there, "-b", bootstrap, "-t", "abroad", "-C", "-e", "-q", "-f", "%p %k:%s\n").split("\n")
    found = sorted(line.split(" ", 1)[1] for line in read if line)
    expect("what was produced is consumed", found == sorted(sent), f"{len(found)} of {len(sent)}")
    partitions = {line.split(" ", 1)[0] for line in read if line}
    expect("in all partitions", len(partitions) == 6, partitions)


def _kcat(there: Cluster, *arguments: object) -> str:
    """Where the nodes' addresses are, and no name of the cluster's is known."""
    return there.engine.run("kcat", *arguments, timeout_s=_ANSWER_S)
