"""kafka-get-offsets by every way of asking, before and after kafka-delete-records."""

import json
import tempfile

from scenario import equal, unique
from tools import contains, refused, tool


def main() -> None:
    topic = unique("offsets")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "2", "--replication-factor", "1")
    tool("kafka-verifiable-producer", "--topic", topic, "--max-messages", "5", "--acks", "-1", "--message-create-time", "1700000000000")
    ends = asked(topic)
    equal("records in all", sum(ends.values()), 5)
    fullest = max(ends, key=ends.get)

    equal("latest", asked(topic, "--time", "-1"), ends)
    equal("earliest", asked(topic, "--time", "earliest"), {0: 0, 1: 0})
    equal("by a time before the first", asked(topic, "--time", "1600000000000")[fullest], 0)
    equal("by a time after the last: none", asked(topic, "--time", "1800000000000"), {})
    equal("of the newest timestamp", asked(topic, "--time", "max-timestamp")[fullest], ends[fullest] - 1)
    refused("kafka-get-offsets", "--topic", unique("nosuch"), because="Could not match any topic-partitions")

    delete(topic, fullest, 1)
    equal("earliest after the deletion", asked(topic, "--time", "earliest")[fullest], 1)
    delete(topic, fullest, -1)
    equal("earliest after deleting everything", asked(topic, "--time", "earliest")[fullest], ends[fullest])
    equal("latest is untouched", asked(topic), ends)
    print("latest, earliest, by time, newest, after deletions")


def asked(topic: str, *how: str) -> dict[int, int]:
    """A line is `topic:partition:offset`, and the offset is empty when there is none."""
    answers = [line.split(":") for line in tool("kafka-get-offsets", "--topic", topic, *how).splitlines() if line.startswith(topic)]
    return {int(partition): int(offset) for _, partition, offset in answers if offset}


def delete(topic: str, partition: int, before: int) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"partitions": [{"topic": topic, "partition": partition, "offset": before}], "version": 1}, file)
        file.flush()
        contains(tool("kafka-delete-records", "--offset-json-file", file.name), f"partition: {topic}-{partition}\tlow_watermark: ")


if __name__ == "__main__":
    main()
