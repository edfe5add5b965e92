"""1,000 partitions and 1,000 connections on one broker: each connection is answered, and the broker's idle memory is stated.

For Weir it is also asserted: less than 100 MiB.
"""

import asyncio
import os
import struct
import sys
import time

from confluent_kafka.admin import AdminClient, NewTopic

from harness.children import peak_rss_mib, rss_mib
from scenario import AGAINST, BOOTSTRAP, PATIENCE_S, equal, eventually, unique

TOPICS, PARTITIONS_EACH, CONNECTIONS = 20, 50, 1000
AT_ONCE = 50
IDLE_S = 5.0
MAX_IDLE_MIB = 100.0


def main() -> int:
    broker_pid = int(os.environ["BROKER_PID"])
    fresh_mib = rss_mib(broker_pid)
    topics = create_partitions()
    with_partitions_mib = rss_mib(broker_pid)
    idle_mib, seconds = asyncio.run(hold_connections(broker_pid, topics))
    print(
        f"{TOPICS * PARTITIONS_EACH} partitions and {CONNECTIONS} connections ({seconds:.1f} s to open): {idle_mib:.0f} MiB resident "
        f"when idle; {fresh_mib:.0f} MiB when fresh, {with_partitions_mib:.0f} MiB with the partitions, "
        f"peak {peak_rss_mib(broker_pid):.0f} MiB"
    )
    return 1 if AGAINST == "weir" and idle_mib >= MAX_IDLE_MIB else 0


def create_partitions() -> list[str]:
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    topics = [unique("wide") for _ in range(TOPICS)]
    for future in admin.create_topics([NewTopic(topic, PARTITIONS_EACH, 1) for topic in topics], operation_timeout=PATIENCE_S).values():
        future.result(2 * PATIENCE_S)

    def all_led() -> bool:
        known = admin.list_topics(timeout=PATIENCE_S).topics
        return all(topic in known and sum(p.leader >= 0 for p in known[topic].partitions.values()) == PARTITIONS_EACH for topic in topics)

    eventually("every partition has a leader", all_led)
    return topics


async def hold_connections(broker_pid: int, topics: list[str]) -> tuple[float, float]:
    """Opens all, asks on each what a client asks first, and measures when all have been idle for a while."""
    host, _, port = BOOTSTRAP.rpartition(":")
    gate = asyncio.Semaphore(AT_ONCE)

    async def connect(number: int) -> asyncio.StreamWriter:
        async with gate:
            reader, writer = await asyncio.open_connection(host, int(port))
            versions = await ask(reader, writer, 18, 0, b"")
            equal("error of ApiVersions", versions[:2], b"\0\0")
            name = topics[number % TOPICS].encode()
            metadata = await ask(reader, writer, 3, 1, struct.pack(">ih", 1, len(name)) + name)
            equal("topic in Metadata", name in metadata, True)
            return writer

    began = time.monotonic()
    writers = await asyncio.wait_for(asyncio.gather(*map(connect, range(CONNECTIONS))), 2 * PATIENCE_S)
    seconds = time.monotonic() - began
    await asyncio.sleep(IDLE_S)
    idle_mib = rss_mib(broker_pid)
    for writer in writers:
        equal("still connected", writer.transport.is_closing(), False)
        writer.close()
    return idle_mib, seconds


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: int, version: int, body: bytes) -> bytes:
    """One request and the body of its response."""
    message = struct.pack(">hhih", key, version, 1, -1) + body
    writer.write(struct.pack(">i", len(message)) + message)
    (length,) = struct.unpack(">i", await asyncio.wait_for(reader.readexactly(4), PATIENCE_S))
    return (await asyncio.wait_for(reader.readexactly(length), PATIENCE_S))[4:]


if __name__ == "__main__":
    sys.exit(main())
