"""kafka-verifiable-producer and -consumer, the tools of Kafka's own system tests: every acknowledged value is consumed, once."""

import json

from scenario import equal, unique
from tools import tool

MESSAGES = 2000


def main() -> None:
    topic, group = unique("verifiable"), unique("verifier")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "3", "--replication-factor", "1")
    sent = events(tool("kafka-verifiable-producer", "--topic", topic, "--max-messages", str(MESSAGES), "--acks", "-1"))
    acknowledged = {(event["partition"], event["offset"]): event["value"] for event in sent if event["name"] == "producer_send_success"}
    equal("acknowledged", len(acknowledged), MESSAGES)

    read = events(
        tool(
            "kafka-verifiable-consumer",
            "--topic",
            topic,
            "--group-id",
            group,
            "--max-messages",
            str(MESSAGES),
            "--reset-policy",
            "earliest",
            "--verbose",
            "--session-timeout",
            "10000",
        )
    )
    consumed = {(event["partition"], event["offset"]): event["value"] for event in read if event["name"] == "record_data"}
    equal("consumed", consumed, acknowledged)
    committed = {
        entry["partition"]: entry["offset"] for event in read if event["name"] == "offsets_committed" for entry in event["offsets"]
    }
    equal("committed in the end", sum(committed.values()), MESSAGES)
    print(f"{MESSAGES} values acknowledged, consumed and committed")


def events(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


if __name__ == "__main__":
    main()
