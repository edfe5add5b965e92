"""Writes Topics one after another, each a moment after the one before is ready. Run by `many_topics`.

Its standard input is a question of `topics_door`. Its last line is a list of milliseconds, one for each Topic: from just before it
was sent to when a watch brought it with Ready=True.
"""

import json
import sys
import time
from collections.abc import Iterator
from http.client import HTTPSConnection

from topics_door import TopicsDoor

# So that each is a change that comes alone, as a person's does.
_MOMENT_S = 0.3


def main() -> None:
    question = json.load(sys.stdin)
    door = TopicsDoor.of(question)
    writing, watching = door.connect(), door.connect()
    try:
        # One that is not counted: connections, and what is done the first time.
        first = door.create(writing, "timed-first")
        events = _watch(door, watching, first["metadata"]["resourceVersion"])
        _until_ready(events, "timed-first")
        took = []
        for number in range(question["count"]):
            time.sleep(_MOMENT_S)
            began = time.monotonic()
            door.create(writing, f"timed-{number}")
            _until_ready(events, f"timed-{number}")
            took.append((time.monotonic() - began) * 1000)
        print(json.dumps(took))
    finally:
        writing.close()
        watching.close()


def _watch(door: TopicsDoor, connection: HTTPSConnection, since: str) -> Iterator[dict]:
    """What changes after that version, as the API server tells it; a silence of the connection's patience ends it with an error."""
    connection.request("GET", f"{door.path}?watch=true&resourceVersion={since}")
    answer = connection.getresponse()
    while line := answer.readline():
        yield json.loads(line)["object"]
    raise OSError("the watch has ended")


def _until_ready(events: Iterator[dict], name: str) -> None:
    for topic in events:
        if topic["metadata"]["name"] == name and _is_ready(topic):
            return


def _is_ready(topic: dict) -> bool:
    conditions = topic.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


if __name__ == "__main__":
    main()
