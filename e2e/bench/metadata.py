"""What a client is told of all topics at once: how large the answer is, and how long it takes."""

import socket
import struct
import time
from dataclasses import dataclass
from statistics import median

_METADATA, _VERSION, _ALL = 3, 1, -1
_TIMES = 5
_WITHIN_S = 60.0
_PIECE = 1 << 20


@dataclass(frozen=True)
class Told:
    bytes: int
    # The median of a few.
    seconds: float


def of_all_topics(port: int) -> Told:
    request = struct.pack(">hhih", _METADATA, _VERSION, 1, -1) + struct.pack(">i", _ALL)
    took = []
    with socket.create_connection(("127.0.0.1", port), _WITHIN_S) as broker:
        for _ in range(_TIMES):
            began = time.monotonic()
            broker.sendall(struct.pack(">i", len(request)) + request)
            length = _read(broker, struct.unpack(">i", broker.recv(4, socket.MSG_WAITALL))[0])
            took.append(time.monotonic() - began)
    return Told(length, median(took))


def _read(broker: socket.socket, length: int) -> int:
    left = length
    while left:
        piece = len(broker.recv(min(left, _PIECE)))
        if not piece:
            raise ConnectionError(f"the answer ended {left} bytes early")
        left -= piece
    return length
