"""A member with a fixed instance id restarts: it gets its partitions back, and the others notice no rebalance."""

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from scenario import BOOTSTRAP, PATIENCE_S, equal, eventually, unique

PARTITIONS = 4


class Member:
    """Polls when told to; counts the assignments it was given."""

    def __init__(self, topic: str, group: str, instance: str):
        self.owned: list[int] = []
        self.assignments = 0
        self._consumer = Consumer(
            {
                "bootstrap.servers": BOOTSTRAP,
                "group.id": group,
                "group.instance.id": instance,
                "partition.assignment.strategy": "range",
                "session.timeout.ms": 30_000,
                "heartbeat.interval.ms": 500,
            }
        )
        self._consumer.subscribe([topic], on_assign=self._assigned)

    def poll(self) -> None:
        self._consumer.poll(0.1)

    def close(self) -> None:
        """A static member leaves no word when it closes."""
        self._consumer.close()

    def _assigned(self, _consumer, partitions) -> None:
        self.owned = sorted(partition.partition for partition in partitions)
        self.assignments += 1


def main() -> None:
    topic, group = unique("shards"), unique("stores")
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(PATIENCE_S)
    members = [Member(topic, group, "store-a"), Member(topic, group, "store-b")]

    def polled(condition):
        def fact():
            for member in members:
                member.poll()
            return condition()

        return fact

    eventually("two partitions each", polled(lambda: len(members[0].owned) == 2 == len(members[1].owned)))
    stayed, left = members[0].assignments, members[1].owned
    members.pop().close()
    described = admin.describe_consumer_groups([group])[group].result(PATIENCE_S)
    equal("instances while one is away", sorted(member.group_instance_id for member in described.members), ["store-a", "store-b"])

    members.append(Member(topic, group, "store-b"))
    eventually("the restarted member owns what it owned", polled(lambda: members[1].owned == left))
    equal("assignments given to the one that stayed", members[0].assignments, stayed)
    for member in members:
        member.close()
    print("restarted without a rebalance")


if __name__ == "__main__":
    main()
