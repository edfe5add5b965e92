"""A client that sends a byte now and then: too slow to be served, never so silent as to be idle. It must be given up."""

import contextlib
import socket
import threading
import time

from bytes_out import METADATA, frame, header

EVERY_S = 1.0


class Drip:
    """One frame of 1,000 bytes that would take a quarter of an hour."""

    def __init__(self, port: int):
        self.closed_after_s: float | None = None
        self.peer = ""
        self._port = port
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._stop = threading.Event()
        self._thread.start()

    def leave(self, within_s: float) -> None:
        """Waits this long for the broker's patience to end."""
        self._thread.join(within_s)
        self._stop.set()

    def _work(self) -> None:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self._port), 10) as connection:
            self.peer = f"127.0.0.1:{connection.getsockname()[1]}"
            connection.settimeout(EVERY_S)
            with contextlib.suppress(ConnectionError):
                connection.sendall(frame(header(METADATA, 1), length=1000))
                while not self._stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        if not connection.recv(1):
                            break
                    connection.sendall(b"\0")
        self.closed_after_s = time.monotonic() - began
