"""kafka-producer-perf-test and kafka-consumer-perf-test: all records sent, all records read."""

from scenario import equal, unique
from tools import contains, rows, tool

RECORDS = 100_000


def main() -> None:
    topic = unique("load")
    tool("kafka-topics", "--create", "--topic", topic, "--partitions", "3", "--replication-factor", "1")
    sent = tool(
        "kafka-producer-perf-test",
        "--topic",
        topic,
        "--num-records",
        str(RECORDS),
        "--record-size",
        "200",
        "--throughput",
        "-1",
        "--command-property",
        "acks=all",
        "compression.type=lz4",
    )
    contains(sent, f"{RECORDS} records sent")
    read = tool("kafka-consumer-perf-test", "--topic", topic, "--num-records", str(RECORDS), "--timeout", "30000", "--hide-header")
    figures = rows(read)[-1]
    equal("records read", int(figures[6].rstrip(",")), RECORDS)
    rate = sent.splitlines()[-1].split(", ")[1]
    print(f"{RECORDS} records: {rate} in, {figures[7].rstrip(',')} records/sec out")


if __name__ == "__main__":
    main()
