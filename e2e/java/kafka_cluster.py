"""What the cluster says of itself: API versions, features, cluster id, endpoints, log directories, groups."""

import json
import re

from scenario import AGAINST, equal, unique
from surface import SERVED
from tools import rows, tool


def main() -> None:
    advertised = {
        int(key): (int(low), int(high or low))
        for key, low, high in re.findall(r"\w+\((\d+)\): (\d+)(?: to (\d+))? \[usable", tool("kafka-broker-api-versions"))
    }
    if AGAINST == "weir":
        equal("advertised keys and versions", advertised, SERVED)
    else:
        equal("the yardstick serves what we serve", {key: advertised[key] for key in SERVED}, SERVED)
    tool("kafka-features", "describe")

    cluster_id = rows(tool("kafka-cluster", "cluster-id"))[-1][-1]
    equal("length of the cluster id", len(cluster_id), 22)
    equal("endpoints", len(rows(tool("kafka-cluster", "list-endpoints"))) - 1, 1)

    topic = unique("sized")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "2", "--replication-factor", "1")
    tool("kafka-console-producer", "--topic", topic, stdin="x" * 1000 + "\n")
    answer = tool("kafka-log-dirs", "--describe", "--topic-list", topic).splitlines()[-1]
    directory = json.loads(answer)["brokers"][0]["logDirs"][0]
    sizes = {entry["partition"]: entry["size"] for entry in directory["partitions"]}
    equal("error of the log directory", directory["error"], None)
    equal("partitions in the log directory", set(sizes), {f"{topic}-0", f"{topic}-1"})
    equal("its size counts the record", 1000 < sum(sizes.values()) < 1500, True)
    print(f"{len(advertised)} keys advertised; cluster {cluster_id}")


if __name__ == "__main__":
    main()
