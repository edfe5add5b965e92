"""kafka-topics on three brokers: three replicas on three racks, all in sync; an assignment by hand; what cannot be placed is refused."""

from java.tools import contains, refused, rows, tool
from scenario import equal, eventually, unique
from three import create, in_sync, leaders, replicas


def main() -> None:
    topic = unique("spread")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "6", "--replication-factor", "3")
    eventually("six partitions, all in sync", lambda: list(in_sync(topic).values()) == [{0, 1, 2}] * 6)
    equal("every broker leads its share", sorted(list(leaders(topic).values()).count(broker) for broker in (0, 1, 2)), [2, 2, 2])
    equal("no replica is put twice", [len(set(placed)) for placed in replicas(topic).values()], [3] * 6)
    described = tool("kafka-topics", "--describe", "--topic", topic)
    contains(described, "PartitionCount: 6", "ReplicationFactor: 3", "Elr: ", "min.insync.replicas=2")
    equal("under-replicated", rows(tool("kafka-topics", "--describe", "--under-replicated-partitions", "--topic", topic)), [])
    equal("unavailable", rows(tool("kafka-topics", "--describe", "--unavailable-partitions", "--topic", topic)), [])
    equal("at the minimum", rows(tool("kafka-topics", "--describe", "--at-min-isr-partitions", "--topic", topic)), [])

    placed = unique("placed")
    create(placed, "2:0", "1:2")
    equal("as it was told", replicas(placed), {0: [2, 0], 1: [1, 2]})
    equal("the first of each leads", leaders(placed), {0: 2, 1: 1})
    tool("kafka-topics", "--alter", "--topic", placed, "--partitions", "4")
    eventually("two partitions more", lambda: len(replicas(placed)) == 4)
    equal("as many replicas as the others", [len(set(placed)) for placed in replicas(placed).values()], [2] * 4)

    refused("kafka-topics", "--create", "--topic", unique("t"), "--replication-factor", "4", because="replication factor")
    refused("kafka-topics", "--create", "--topic", unique("t"), "--replica-assignment", "0:7", because="7")
    refused("kafka-topics", "--create", "--topic", unique("t"), "--replica-assignment", "0:0", because="duplicate")
    for gone in (topic, placed):
        tool("kafka-topics", "--delete", "--topic", gone)
    print("6 partitions on 3 brokers, 2 led by each; placed by hand; three refusals")


if __name__ == "__main__":
    main()
