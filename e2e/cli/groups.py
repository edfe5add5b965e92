"""weir group: list, describe, reset-offsets and delete, of a group that has a member and of one that has none."""

from confluent_kafka import Consumer

from command_line import refused, rows, weir, weir_json
from scenario import BOOTSTRAP, equal, eventually, unique


def main() -> None:
    topic, group = unique("queue"), unique("billing")
    weir("topic", "create", topic)
    weir("produce", topic, stdin="".join(f"{number}\n" for number in range(10)))
    consumer = Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": group,
            "client.id": "insider",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    taken = [eventually("a record", lambda: consumer.poll(1)) for _ in range(4)]
    consumer.commit(message=taken[-1], asynchronous=False)
    with_a_member(topic, group)
    consumer.close()
    without_one(topic, group)
    print("listed, described, reset in all five ways, deleted")


def with_a_member(topic: str, group: str) -> None:
    equal("listed", [row[:2] for row in rows(weir("group", "list")) if row[0] == group], [[group, "Stable"]])
    described = weir_json("group", "describe", group)
    equal("state and lag", (described["state"], described["total_lag"], len(described["members"])), ("Stable", 6, 1))
    (partition,) = described["partitions"]
    equal("partition", (partition["committed"], partition["end"], partition["client_id"]), (4, 10, "insider"))
    refused("group", "delete", group, code=1, says=("stop its members first",))
    refused("group", "reset-offsets", group, "-t", topic, "--to-earliest", "--execute", code=1, says=(group,))


def without_one(topic: str, group: str) -> None:
    def committed() -> int | None:
        return weir_json("group", "describe", group)["partitions"][0]["committed"]

    def reset(*how: str) -> None:
        weir("group", "reset-offsets", group, "--topic", topic, *how)

    eventually("the member has left", lambda: weir_json("group", "describe", group)["state"] == "Empty")
    reset("--to-earliest")
    equal("without --execute", committed(), 4)
    for how, expected in (
        (["--to-earliest"], 0),
        (["--to-latest"], 10),
        (["--shift-by", "-3"], 7),
        (["--to-offset", "2"], 2),
        (["--to-time", "2020-01-01T00:00:00Z"], 0),
    ):
        reset(*how, "--execute")
        equal(f"after {how}", committed(), expected)
    refused("group", "reset-offsets", group, "--topic", topic, code=2, says=("--to-earliest",))
    refused("group", "describe", group[:-1], code=1, says=("there is no consumer group", f"did you mean {group}?"))
    equal("deleted", weir("group", "delete", group), f"deleted group {group}\n")
    refused("group", "describe", group, code=1, says=("there is no consumer group",))


if __name__ == "__main__":
    main()
