"""Writes many Topics as fast as the API server takes them, over a few connections that stay open. Run by `many_topics`.

Its standard input is a question of `topics_door`. Its last line is how many seconds that took.
"""

import json
import sys
import threading
import time

from topics_door import TopicsDoor

_AT_ONCE = 8


def main() -> None:
    question = json.load(sys.stdin)
    door = TopicsDoor.of(question)
    failures: list[str] = []
    began = time.monotonic()
    threads = [
        threading.Thread(target=_write, args=(door, range(first, question["count"], _AT_ONCE), failures)) for first in range(_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(failures[0])
    print(f"{time.monotonic() - began:.3f}")


def _write(door: TopicsDoor, numbers: range, failures: list[str]) -> None:
    connection = door.connect()
    try:
        for number in numbers:
            door.create(connection, f"topic-{number}")
    except OSError as failed:
        failures.append(str(failed))
    finally:
        connection.close()


if __name__ == "__main__":
    main()
