"""kafka-console-producer and kafka-console-consumer: keys and headers there and back, from the beginning, in a group, in every codec."""

from scenario import equal, unique
from tools import contains, rows, tool

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
SHOW = (
    "--formatter-property",
    "print.key=true",
    "--formatter-property",
    "print.headers=true",
    "--formatter-property",
    "print.offset=true",
    "--formatter-property",
    "print.partition=true",
)


def main() -> None:
    topic, group = unique("console"), unique("readers")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", "1")
    tool(
        "kafka-console-producer",
        "--topic",
        topic,
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "parse.headers=true",
        stdin="lang:en,from:a\tgreeting\thello world\nlang:de\tgreeting\thallo welt\n",
    )
    contains(
        consume(topic, 2, "--from-beginning", *SHOW),
        "Partition:0\tOffset:0\tlang:en,from:a\tgreeting\thello world",
        "Partition:0\tOffset:1\tlang:de\tgreeting\thallo welt",
    )

    equal("first read of the group", lines(consume(topic, 1, "--from-beginning", "--group", group)), ["hello world"])
    equal("second read of the group", lines(consume(topic, 1, "--from-beginning", "--group", group)), ["hallo welt"])

    for codec in CODECS:
        tool("kafka-console-producer", "--topic", topic, "--compression-codec", codec, stdin=f"by {codec}\n")
    equal(
        "every codec, from an offset",
        lines(consume(topic, len(CODECS), "--partition", "0", "--offset", "2")),
        [f"by {codec}" for codec in CODECS],
    )
    print(f"keys, headers, a group, and {', '.join(CODECS)}")


def consume(topic: str, count: int, *how: str) -> str:
    return tool("kafka-console-consumer", "--topic", topic, "--max-messages", str(count), "--timeout-ms", "45000", *how)


def lines(output: str) -> list[str]:
    """What was consumed, without the tool's own last line."""
    return [" ".join(words) for words in rows(output) if words[:2] != ["Processed", "a"]]


if __name__ == "__main__":
    main()
