"""One connection, some hostile bytes, and what came of it: an answer, a closed connection, or silence."""

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

CLOSED, SILENT = "closed", "silent"
_MAX_RESPONSE = 1 << 24


@dataclass(frozen=True)
class Said:
    """What came of it, and the address we spoke from."""

    outcome: str
    peer: str


def say(
    port: int, pieces: list[bytes], read: Callable[[bytes], str], within_s: float, pause_s: float = 0.0, half_close: bool = False
) -> Said:
    """Sends the pieces with pauses between them, and names the outcome."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        peer = f"127.0.0.1:{connection.getsockname()[1]}"
        return Said(_outcome(connection, pieces, read, within_s, pause_s, half_close), peer)


def _outcome(
    connection: socket.socket, pieces: list[bytes], read: Callable[[bytes], str], within_s: float, pause_s: float, half_close: bool
) -> str:
    connection.settimeout(within_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(pause_s)
            connection.sendall(piece)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        (length,) = struct.unpack(">i", _exactly(connection, 4))
        if not 4 <= length <= _MAX_RESPONSE:
            return f"a response of {length} bytes"
        raw = _exactly(connection, length)
    except TimeoutError:
        return SILENT
    except (ConnectionError, EOFError):
        return CLOSED
    try:
        return read(raw)
    except struct.error:
        return f"an unreadable response of {len(raw)} bytes: {raw[:40].hex()}"


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        piece = connection.recv(length - len(received))
        if not piece:
            raise EOFError
        received += piece
    return bytes(received)
