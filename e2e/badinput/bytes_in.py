"""Reads the error codes out of responses, at the versions `bytes_out` asks in, and names them as Kafka does."""

import struct

NAMES = {
    -1: "UNKNOWN_SERVER_ERROR",
    0: "NONE",
    1: "OFFSET_OUT_OF_RANGE",
    2: "CORRUPT_MESSAGE",
    3: "UNKNOWN_TOPIC_OR_PARTITION",
    5: "LEADER_NOT_AVAILABLE",
    6: "NOT_LEADER_OR_FOLLOWER",
    10: "MESSAGE_TOO_LARGE",
    12: "OFFSET_METADATA_TOO_LARGE",
    15: "COORDINATOR_NOT_AVAILABLE",
    16: "NOT_COORDINATOR",
    17: "INVALID_TOPIC_EXCEPTION",
    18: "RECORD_LIST_TOO_LARGE",
    21: "INVALID_REQUIRED_ACKS",
    22: "ILLEGAL_GENERATION",
    23: "INCONSISTENT_GROUP_PROTOCOL",
    24: "INVALID_GROUP_ID",
    25: "UNKNOWN_MEMBER_ID",
    26: "INVALID_SESSION_TIMEOUT",
    29: "TOPIC_AUTHORIZATION_FAILED",
    32: "INVALID_TIMESTAMP",
    35: "UNSUPPORTED_VERSION",
    36: "TOPIC_ALREADY_EXISTS",
    37: "INVALID_PARTITIONS",
    38: "INVALID_REPLICATION_FACTOR",
    39: "INVALID_REPLICA_ASSIGNMENT",
    40: "INVALID_CONFIG",
    42: "INVALID_REQUEST",
    43: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    44: "POLICY_VIOLATION",
    45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    47: "INVALID_PRODUCER_EPOCH",
    48: "INVALID_TXN_STATE",
    53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    59: "UNKNOWN_PRODUCER_ID",
    68: "NON_EMPTY_GROUP",
    69: "GROUP_ID_NOT_FOUND",
    70: "FETCH_SESSION_ID_NOT_FOUND",
    71: "INVALID_FETCH_SESSION_EPOCH",
    74: "FENCED_LEADER_EPOCH",
    76: "UNSUPPORTED_COMPRESSION_TYPE",
    79: "MEMBER_ID_REQUIRED",
    87: "INVALID_RECORD",
    89: "THROTTLING_QUOTA_EXCEEDED",
}


class Cursor:
    """A place in a response. Reads past the end raise struct.error, and the case shows it."""

    def __init__(self, raw: bytes):
        self._raw, self._at = raw, 0
        self.skip(">i")  # the correlation id

    def skip(self, layout: str) -> None:
        self._at += struct.calcsize(layout)

    def take(self, layout: str) -> int:
        (value,) = struct.unpack_from(layout, self._raw, self._at)
        self.skip(layout)
        return value

    def skip_string(self) -> None:
        self.skip_bytes(self.take(">h"))

    def skip_bytes(self, length: int) -> None:
        """A length below zero stands for null."""
        self._at += max(length, 0)

    def error(self) -> str:
        code = self.take(">h")
        return NAMES.get(code, f"error {code}")


def _joined(errors: list[str]) -> str:
    """One name where all agree."""
    return " ".join(dict.fromkeys(errors)) if errors else "no entries"


def produce(raw: bytes) -> str:
    at = Cursor(raw)
    errors = []
    for _ in range(at.take(">i")):
        at.skip_string()
        for _ in range(at.take(">i")):
            at.skip(">i")
            errors.append(at.error())
            at.skip(">qqq")
    return _joined(errors)


def create_topics(raw: bytes) -> str:
    at = Cursor(raw)
    at.skip(">i")
    errors = []
    for _ in range(at.take(">i")):
        at.skip_string()
        errors.append(at.error())
        at.skip_string()
    return _joined(errors)


def named_errors(raw: bytes) -> str:
    """DeleteTopics version 1 to 4: throttle time, then names with errors."""
    at = Cursor(raw)
    at.skip(">i")
    errors = []
    for _ in range(at.take(">i")):
        at.skip_string()
        errors.append(at.error())
    return _joined(errors)


def create_partitions(raw: bytes) -> str:
    return create_topics(raw)


def metadata(raw: bytes) -> str:
    """Version 1: the errors of the topics; LEADER_NOT_AVAILABLE counts as none, for it says that the topic is being made."""
    at = Cursor(raw)
    for _ in range(at.take(">i")):
        at.skip(">i")
        at.skip_string()
        at.skip(">i")
        at.skip_string()
    at.skip(">i")
    errors = []
    for _ in range(at.take(">i")):
        errors.append(at.error())
        at.skip_string()
        at.skip(">b")
        for _ in range(at.take(">i")):
            at.skip(">hii")
            for _ in range(2):
                for _ in range(at.take(">i")):
                    at.skip(">i")
    return _joined(["NONE" if error == "LEADER_NOT_AVAILABLE" else error for error in errors]) if errors else "NONE"


def fetch_session(raw: bytes) -> str:
    at = Cursor(raw)
    at.skip(">i")
    return at.error()


def fetch(raw: bytes) -> str:
    """Version 4."""
    at = Cursor(raw)
    at.skip(">i")
    errors = []
    for _ in range(at.take(">i")):
        at.skip_string()
        for _ in range(at.take(">i")):
            at.skip(">i")
            errors.append(at.error())
            at.skip(">qq")
            for _ in range(max(at.take(">i"), 0)):
                at.skip(">qq")
            at.skip_bytes(at.take(">i"))
    return _joined(errors)


def list_offsets(raw: bytes) -> str:
    at = Cursor(raw)
    errors = []
    for _ in range(at.take(">i")):
        at.skip_string()
        for _ in range(at.take(">i")):
            at.skip(">i")
            errors.append(at.error())
            at.skip(">qq")
    return _joined(errors)


def offset_commit(raw: bytes) -> str:
    """Version 2."""
    at = Cursor(raw)
    errors = []
    for _ in range(at.take(">i")):
        at.skip_string()
        for _ in range(at.take(">i")):
            at.skip(">i")
            errors.append(at.error())
    return _joined(errors)


def after_throttle(raw: bytes) -> str:
    """JoinGroup version 5, and whatever else begins with a throttle time and an error."""
    return fetch_session(raw)


def first(raw: bytes) -> str:
    return Cursor(raw).error()


def api_versions_v0(raw: bytes) -> str:
    """The error, and that the list names ApiVersions, for a client that asked too much has to learn what it may ask."""
    at = Cursor(raw)
    error = at.error()
    keys = {}
    for _ in range(at.take(">i")):
        key = at.take(">h")
        keys[key] = (at.take(">h"), at.take(">h"))
    return f"{error} with ApiVersions {keys[18][0]} to {keys[18][1]}" if 18 in keys else f"{error} without ApiVersions"


def answered(_: bytes) -> str:
    return "answered"
