"""Decides whether a broker is ready, by asking it as a client would: a Metadata request that names at least one broker.

Both brokers accept connections before they can serve, so an open port proves nothing; and the same question put to both
makes their times from exec to ready comparable.
"""

import socket
import struct

_METADATA_V1_OF_NO_TOPICS = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
_MAX_RESPONSE = 1 << 20


def is_ready(port: int, timeout_s: float = 1.0, host: str = "127.0.0.1", at_least: int = 1) -> bool:
    """Whether it answers, and names so many brokers."""
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            frame = _METADATA_V1_OF_NO_TOPICS
            connection.sendall(struct.pack(">i", len(frame)) + frame)
            _, brokers = struct.unpack_from(">ii", read_frame(connection))
            return brokers >= at_least
    except OSError:
        return False


def read_frame(connection: socket.socket, most: int = _MAX_RESPONSE) -> bytes:
    """One response, from its correlation id on."""
    (length,) = struct.unpack(">i", _read_exactly(connection, 4))
    if not 8 <= length <= most:
        raise ConnectionError(f"a response of {length} bytes")
    return _read_exactly(connection, length)


def _read_exactly(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        piece = connection.recv(length - len(received))
        if not piece:
            raise ConnectionError("the broker closed the connection")
        received += piece
    return bytes(received)
