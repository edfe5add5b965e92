"""A stock librdkafka producer as a program: sends records of one size and says in one JSON object how quickly. See `workloads/stock.py`."""

import json
import os
import sys
import time

from confluent_kafka import Producer

_WITHIN_S = 600.0
_QUEUE_POLL_S = 0.01


def main(bootstrap: str, topic: str, records: int, record_bytes: int) -> int:
    settings = {
        "bootstrap.servers": bootstrap,
        "acks": "all",
        "batch.size": 65536,
        "linger.ms": 5,
        "enable.idempotence": False,
        "queue.buffering.max.kbytes": 65536,
    }
    producer, value = Producer(settings), os.urandom(record_bytes)
    began = time.monotonic()
    for _ in range(records):
        while not _taken(producer, topic, value):
            producer.poll(_QUEUE_POLL_S)
    unsent = producer.flush(_WITHIN_S)
    print(json.dumps({"records_s": (records - unsent) / (time.monotonic() - began), "unsent": unsent}))
    return 1 if unsent else 0


def _taken(producer: Producer, topic: str, value: bytes) -> bool:
    try:
        producer.produce(topic, value, partition=0)
    except BufferError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
