"""kafka-cluster, kafka-features, kafka-log-dirs and kafka-broker-api-versions on three brokers."""

import json
import re

from java.tools import contains, refused, rows, tool
from scenario import equal, unique
from three import create


def main() -> None:
    endpoints = rows(tool("kafka-cluster", "list-endpoints"))[1:]
    equal("endpoints", sorted(line[0] for line in endpoints), ["0", "1", "2"])
    equal("racks", sorted(line[3] for line in endpoints), ["rack-0", "rack-1", "rack-2"])
    with_fenced = tool("kafka-cluster", "list-endpoints", "--include-fenced-brokers")
    equal("states", re.findall(r"\b(fenced|unfenced)\b", with_fenced.lower()), ["unfenced"] * 3)
    equal("length of the cluster id", len(rows(tool("kafka-cluster", "cluster-id"))[-1][-1]), 22)
    refused("kafka-cluster", "unregister", "--id", "17", because="17", or_because="not found")

    features = tool("kafka-features", "describe")
    contains(features, "Feature: metadata.version", "SupportedMinVersion", "FinalizedVersionLevel")
    refused("kafka-features", "upgrade", "--feature", "metadata.version=99", because="99")
    refused("kafka-features", "upgrade", "--feature", "nosuch.version=1", because="nosuch.version")

    topic = unique("sized")
    create(topic, "0:1:2", "1:2:0")
    tool("kafka-console-producer", "--topic", topic, "--producer-property", "acks=all", stdin="x" * 1000 + "\n")
    told = {broker["broker"]: broker["logDirs"] for broker in log_dirs("--broker-list", "0,1,2", "--topic-list", topic)}
    equal("brokers that tell of their directories", sorted(told), [0, 1, 2])
    for broker, directories in told.items():
        sizes = [entry["size"] for directory in directories for entry in directory["partitions"]]
        equal(f"broker {broker} has both, and the record once", (len(sizes), 1000 < sum(sizes) < 1500), (2, True))
    equal("one broker alone", [broker["broker"] for broker in log_dirs("--broker-list", "2", "--topic-list", topic)], [2])
    versions = tool("kafka-broker-api-versions")
    equal("brokers that tell their versions", len(re.findall(r"\(id: (\d+) rack", versions)), 3)
    print("three endpoints on three racks; features; every replica in its directory")


def log_dirs(*arguments: str) -> list[dict]:
    return json.loads(tool("kafka-log-dirs", "--describe", *arguments).splitlines()[-1])["brokers"]


if __name__ == "__main__":
    main()
