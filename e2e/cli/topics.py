"""weir topic: create, list, describe, alter, delete; tables, JSON and YAML; refusals that say what to do."""

from command_line import refused, rows, weir, weir_json
from scenario import equal, unique


def main() -> None:
    topic = unique("orders")
    weir("topic", "create", topic, "--partitions", "2", "-r", "1", "--dry-run")
    equal("after a dry run", weir_json("topic", "list", topic), [])
    equal(
        "created",
        weir("topic", "create", f"{topic}:2", "-r", "1", "--config", "retention.ms=3600000"),
        f"created topic {topic} with 2 partitions and 1 replica\n",
    )
    refused("topic", "create", topic, code=1, says=("already exists", "--if-not-exists"))
    weir("topic", "create", topic, "--if-not-exists")
    listed_and_described(topic)
    altered(topic)

    refused("topic", "create", "no/such", code=2, says=("no/such",))
    refused("topic", "create", unique("t"), "-r", "3", code=1, says=("replication factor", "weir cluster describe"))
    refused("topic", "create", unique("t"), "-c", "nosuch=1", code=1, says=("nosuch",))
    refused("topic", "describe", topic[:-1], code=1, says=("there is no topic", f"did you mean {topic}?"))

    equal("deleted", weir("topic", "delete", topic), f"deleted topic {topic}\n")
    equal("after the deletion", weir_json("topic", "list", topic), [])
    refused("topic", "delete", topic, code=1, says=("there is no topic",))
    print("created, listed, described, altered, deleted; eight refusals")


def listed_and_described(topic: str) -> None:
    equal("the table", rows(weir("topic", "list", topic)), [["NAME", "PARTITIONS", "REPLICAS", "HEALTH"], [topic, "2", "1", "ok"]])
    (listed,) = weir_json("topic", "list", topic)
    equal("as JSON", (listed["name"], listed["partitions"], listed["without_leader"]), (topic, 2, 0))
    equal("as YAML", f"- name: {topic}\n" in weir("topic", "list", topic, "-o", "yaml"), True)
    (described,) = weir_json("topic", "describe", topic)
    equal("its own settings", own_settings(described), [("retention.ms", "3600000")])
    equal("offsets", [(p["start_offset"], p["end_offset"]) for p in described["partitions"]], [(0, 0), (0, 0)])
    everything = {config["name"]: config["value"] for config in weir_json("topic", "describe", topic, "--all-configs")[0]["configs"]}
    equal("a default among all settings", everything["cleanup.policy"], "delete")


def altered(topic: str) -> None:
    weir("topic", "alter", topic, "--partitions", "3", "--config", "cleanup.policy=compact", "--reset", "retention.ms")
    (described,) = weir_json("topic", "describe", topic)
    equal("partitions", len(described["partitions"]), 3)
    equal("its own settings", own_settings(described), [("cleanup.policy", "compact")])
    refused("topic", "alter", topic, code=2, says=("nothing to alter", "--config NAME=VALUE"))
    refused("topic", "alter", topic, "--partitions", "1", code=1, says=("can not go down to 1",))


def own_settings(described: dict) -> list[tuple[str, str]]:
    """Those of the topic, without what the cluster is set to."""
    return [(config["name"], config["value"]) for config in described["configs"] if config["source"] == "topic"]


if __name__ == "__main__":
    main()
