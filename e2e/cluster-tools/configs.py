"""kafka-configs on three brokers: settings of a broker, of all brokers and of topics are known to whichever broker is asked."""

from java.tools import attempt, contains, refused, tool
from scenario import BOOTSTRAP, equal, eventually, unique
from three import create


def main() -> None:
    one, all_of_them = ("--entity-type", "brokers", "--entity-name", "1"), ("--entity-type", "brokers", "--entity-default")
    tool("kafka-configs", "--alter", *one, "--add-config", "leader.replication.throttled.rate=5000000")
    tool("kafka-configs", "--alter", *all_of_them, "--add-config", "follower.replication.throttled.rate=7000000")
    try:
        for server in BOOTSTRAP.split(","):
            seen_by(server, one, "leader.replication.throttled.rate=5000000")
            seen_by(server, all_of_them, "follower.replication.throttled.rate=7000000")
        others = tool("kafka-configs", "--describe", "--entity-type", "brokers", "--entity-name", "2")
        equal("a setting of one broker is no other's", "leader.replication.throttled.rate=5000000" in others, False)
    finally:
        tool("kafka-configs", "--alter", *one, "--delete-config", "leader.replication.throttled.rate")
        tool("kafka-configs", "--alter", *all_of_them, "--delete-config", "follower.replication.throttled.rate")
    equal("nothing is left", "throttled" in tool("kafka-configs", "--describe", *one), False)

    topic = unique("kept")
    create(topic, "2:0:1")
    of_topic = ("--entity-type", "topics", "--entity-name", topic)
    tool("kafka-configs", "--alter", *of_topic, "--add-config", "min.insync.replicas=3,retention.ms=600000")
    for server in BOOTSTRAP.split(","):
        seen_by(server, of_topic, "min.insync.replicas=3")
    tool("kafka-configs", "--alter", *of_topic, "--delete-config", "min.insync.replicas")
    contains(tool("kafka-configs", "--describe", *of_topic), "retention.ms=600000")
    refused("kafka-configs", "--alter", *of_topic, "--add-config", "min.insync.replicas=none", because="min.insync.replicas")
    print("settings of one broker, of all and of a topic, the same from each of three brokers")


def seen_by(server: str, whose: tuple[str, ...], setting: str) -> None:
    """A change is acknowledged when it is certain; another broker learns of it a moment later."""

    def seen() -> bool:
        return setting in attempt("kafka-configs", "--describe", *whose, bootstrap=server)[1]

    eventually(f"{server} knows {setting}", seen, within_s=20)


if __name__ == "__main__":
    main()
