"""Decides which answers of a broker that has just come back mean "ask again", as any client would; all others are for the caller."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from scenario import eventually

_NOT_YET = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    # The log's tail is still on its way to the disk.
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
}


def until_answered(what: str, question: Callable[[], Any]) -> Any:
    """Asks until the answer is not one of those."""

    def answer() -> tuple | None:
        try:
            return (question(),)
        except KafkaException as refusal:
            if refusal.args[0].retriable() or refusal.args[0].code() in _NOT_YET:
                return None
            raise

    return eventually(what, answer)[0]
