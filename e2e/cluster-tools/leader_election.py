"""kafka-leader-election: leadership goes back to the preferred replica; where it is already, the tool says so."""

import json
import tempfile
from pathlib import Path

from java.tools import attempt, contains, tool
from scenario import equal, eventually, unique
from three import create, in_sync, leaders, replicas


def main() -> None:
    topic = unique("elected")
    create(topic, "0:1:2", "1:2:0")
    eventually("all in sync", lambda: list(in_sync(topic).values()) == [{0, 1, 2}] * 2)
    with tempfile.TemporaryDirectory(prefix="weir-election-") as directory:
        prefer_others(topic, Path(directory) / "order.json")
    equal("another order moves no leader", leaders(topic), {0: 0, 1: 1})

    elected = tool("kafka-leader-election", "--election-type", "preferred", "--topic", topic, "--partition", "0")
    contains(elected, "Successfully completed leader election", f"{topic}-0")
    eventually("the preferred one leads", lambda: leaders(topic) == {0: 2, 1: 1})
    again = tool("kafka-leader-election", "--election-type", "preferred", "--topic", topic, "--partition", "0")
    contains(again, "Valid replica already elected", f"{topic}-0")
    tool("kafka-leader-election", "--election-type", "preferred", "--all-topic-partitions")
    eventually("the preferred ones lead everywhere", lambda: leaders(topic) == {0: 2, 1: 0})

    unneeded = tool("kafka-leader-election", "--election-type", "unclean", "--topic", topic, "--partition", "0")
    contains(unneeded, "Valid replica already elected")
    equal("a leader that lives is not replaced", leaders(topic)[0], 2)
    code, output = attempt("kafka-leader-election", "--election-type", "preferred", "--topic", unique("nosuch"), "--partition", "0")
    equal("a partition that is not there fails", code != 0, True)
    contains(output, "UnknownTopicOrPartitionException")
    print("0 -> 2 and 1 -> 0 by preference; nothing to do is said; unclean changes nothing where somebody leads")


def prefer_others(topic: str, order: Path) -> None:
    """The same replicas in another order, which makes another one preferred."""
    wanted = {0: [2, 1, 0], 1: [0, 2, 1]}
    planned = [{"topic": topic, "partition": partition, "replicas": brokers} for partition, brokers in wanted.items()]
    order.write_text(json.dumps({"version": 1, "partitions": planned}))
    tool("kafka-reassign-partitions", "--execute", "--reassignment-json-file", str(order))
    eventually("the new order", lambda: replicas(topic) == wanted)


if __name__ == "__main__":
    main()
