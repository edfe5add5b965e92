"""What a client is told of all topics at once: how large the answer is, and how long it takes."""

import socket
import struct
import time
from dataclasses import dataclass
from statistics import median

from harness.readiness import read_frame

_METADATA_V1_OF_ALL_TOPICS = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", -1)
_TIMES = 5
_WITHIN_S = 60.0
_MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class Told:
    bytes: int
    # The median of a few.
    seconds: float


def of_all_topics(port: int) -> Told:
    frame = struct.pack(">i", len(_METADATA_V1_OF_ALL_TOPICS)) + _METADATA_V1_OF_ALL_TOPICS
    took = []
    with socket.create_connection(("127.0.0.1", port), _WITHIN_S) as broker:
        for _ in range(_TIMES):
            began = time.monotonic()
            broker.sendall(frame)
            answer = read_frame(broker, _MOST_BYTES)
            took.append(time.monotonic() - began)
    return Told(len(answer), median(took))
