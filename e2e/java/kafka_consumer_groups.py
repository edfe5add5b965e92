"""kafka-consumer-groups: list, describe with and without a member, reset and delete offsets, delete the group."""

import subprocess

from scenario import BOOTSTRAP, equal, eventually, unique
from tools import attempt, command, contains, refused, rows, tool


def main() -> None:
    topic, group = unique("queue"), unique("workers")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", "1")
    tool("kafka-console-producer", "--topic", topic, stdin="".join(f"{number}\n" for number in range(10)))
    tool("kafka-console-consumer", "--topic", topic, "--group", group, "--from-beginning", "--max-messages", "4", "--timeout-ms", "45000")
    contains(tool("kafka-consumer-groups", "--list"), group)
    equal("current offset, end and lag", offsets(group, topic), ["4", "10", "6"])

    with_a_member(topic, group)

    about = ("--group", group, "--topic", topic)
    dry = tool("kafka-consumer-groups", *about, "--reset-offsets", "--to-earliest", "--dry-run")
    equal("a dry run announces", rows(dry)[-1], [group, topic, "0", "0"])
    tool("kafka-consumer-groups", *about, "--reset-offsets", "--shift-by", "-3", "--execute")
    equal("after the reset", offsets(group, topic), ["7", "10", "3"])
    tool("kafka-consumer-groups", *about, "--reset-offsets", "--to-datetime", "2020-01-01T00:00:00.000", "--execute")
    equal("after the reset by time", offsets(group, topic), ["0", "10", "10"])

    contains(tool("kafka-consumer-groups", *about, "--delete-offsets"), "Successful")
    contains(tool("kafka-consumer-groups", "--group", group, "--delete"), "was successful")
    refused("kafka-consumer-groups", "--group", group, "--describe", because="not found")
    print("listed, described, reset thrice, deleted")


def with_a_member(topic: str, group: str) -> None:
    """While a consumer is inside: it is shown, and the group can be neither reset nor deleted."""
    member = subprocess.Popen(
        command(
            "kafka-console-consumer",
            "--bootstrap-server",
            BOOTSTRAP,
            "--topic",
            topic,
            "--group",
            group,
            "--command-property",
            "client.id=insider",
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually("the member is shown", lambda: "insider" in attempt("kafka-consumer-groups", "--group", group, "--describe")[1])
        state = rows(tool("kafka-consumer-groups", "--group", group, "--describe", "--state"))[-1]
        equal("state and members", state[-2:], ["Stable", "1"])
        members = tool("kafka-consumer-groups", "--group", group, "--describe", "--members", "--verbose")
        contains(members, "insider", f"{topic}")
        refused(
            "kafka-consumer-groups", "--group", group, "--topic", topic, "--reset-offsets", "--to-earliest", "--execute", because="inactive"
        )
        refused("kafka-consumer-groups", "--group", group, "--delete", because="not empty")
    finally:
        member.terminate()
        member.wait(30)
    eventually("the member has left", lambda: "Empty" in attempt("kafka-consumer-groups", "--group", group, "--describe", "--state")[1])


def offsets(group: str, topic: str) -> list[str]:
    described = rows(tool("kafka-consumer-groups", "--group", group, "--describe"))
    return next(row[3:6] for row in described if row[:2] == [group, topic])


if __name__ == "__main__":
    main()
