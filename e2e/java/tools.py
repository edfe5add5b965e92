"""Runs Kafka's own command line tools as processes: one class, its arguments, its input; gives back what it printed.

The JVM flags are for short lives: a small heap, one compiler tier, and the class archive, so that a tool starts in half a second.
"""

import os
import subprocess

from scenario import BOOTSTRAP

WITHIN_S = 60

CLASSES = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "kafka-verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
}


def command(name: str, *arguments: str) -> list[str]:
    """The command line of a tool, for whoever wants to run it beside something else."""
    return [
        "java",
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        f"-XX:SharedArchiveFile={os.environ['KAFKA_CLASS_ARCHIVE']}",
        "-cp",
        os.environ["KAFKA_CLASSPATH"],
        CLASSES[name],
        *arguments,
    ]


def tool(name: str, *arguments: str, stdin: str = "") -> str:
    """Runs a tool against the broker and returns its output; a failure shows the whole of it."""
    code, output = attempt(name, *arguments, stdin=stdin)
    if code != 0:
        raise AssertionError(f"{name} {' '.join(arguments)} ended with {code}:\n{output}")
    return output


def refused(name: str, *arguments: str, because: str, or_because: str | None = None) -> None:
    """Runs a tool which must be turned down, with these words somewhere in its output, in whatever case; brokers may word it twice."""
    code, output = attempt(name, *arguments)
    if not any(words.lower() in output.lower() for words in (because, or_because or because)):
        raise AssertionError(f"{name} {' '.join(arguments)} ended with {code}, and without {because!r}:\n{output}")


def attempt(name: str, *arguments: str, stdin: str = "", bootstrap: str = BOOTSTRAP) -> tuple[int, str]:
    finished = subprocess.run(
        command(name, *_with_bootstrap(name, arguments, bootstrap)),
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    return finished.returncode, finished.stdout


def _with_bootstrap(name: str, arguments: tuple[str, ...], bootstrap: str) -> list[str]:
    """All tools take the server first, but for one that wants its sub-command before it."""
    own_first = 1 if name == "kafka-cluster" else 0
    return [*arguments[:own_first], "--bootstrap-server", bootstrap, *arguments[own_first:]]


def contains(output: str, *wanted: str) -> None:
    """Each wanted text is in the output."""
    for text in wanted:
        if text not in output:
            raise AssertionError(f"{text!r} is not in:\n{output}")


def rows(output: str) -> list[list[str]]:
    """The words of each line that has any: these tools print tables."""
    return [line.split() for line in output.splitlines() if line.strip()]
