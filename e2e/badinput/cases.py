"""The table of bad inputs: a name, the bytes, how to read the answer, what Apache Kafka 4.2 answers, and what Weir does.

Kafka's column was got by asking it, and is asserted again whenever this runs against it. Weir answers the same unless its own
column says otherwise: there it is stricter, and a comment says why.
"""

from collections.abc import Callable
from dataclasses import dataclass

import bytes_in as read
from bytes_out import (
    API_VERSIONS,
    CONTROL,
    CREATE_PARTITIONS,
    DELETE_TOPICS,
    FETCH,
    GZIP,
    INT32_MAX,
    JOIN_GROUP,
    LIST_OFFSETS,
    LZ4,
    METADATA,
    OFFSET_COMMIT,
    OVERLONG_VARINT,
    PRODUCE,
    SNAPPY,
    TRANSACTIONAL,
    ZSTD,
    array,
    batch,
    blob,
    create_topics,
    frame,
    gzip_of,
    header,
    int32,
    metadata,
    new_topic,
    produce,
    record,
    request,
    string,
    unsigned_varint,
    varint,
    zeros_record,
)
from compressed import lz4_of, snappy_of, zstd_of
from conversation import CLOSED, SILENT

MIB = 1 << 20
REFUSED_RECORDS = ("CORRUPT_MESSAGE", "INVALID_RECORD")


@dataclass(frozen=True)
class Case:
    """One bad input and its answer, the one answer there is."""

    name: str
    pieces: list
    read: Callable[[bytes], str]
    kafka: str
    weir: str | None = None
    pause_s: float = 0.0
    half_close: bool = False

    def expected(self, against: str) -> str:
        return self.weir if against == "weir" and self.weir is not None else self.kafka

    def is_noticed(self, answer: str) -> bool:
        """Whether Weir counts and logs it: what no sane client sends. One that dies inside a request is no such thing."""
        return (answer == CLOSED and not self.half_close) or answer in REFUSED_RECORDS


@dataclass(frozen=True)
class Targets:
    """Topics that exist. The first has two partitions, the others make the broker look into what is compressed."""

    plain: str
    to_gzip: str
    to_uncompressed: str
    compacted: str

    def configs(self) -> dict[str, dict[str, str]]:
        return {
            self.plain: {},
            self.to_gzip: {"compression.type": "gzip"},
            self.to_uncompressed: {"compression.type": "uncompressed"},
            self.compacted: {"cleanup.policy": "compact"},
        }


def cases(targets: Targets, unique: Callable[[str], str]) -> list[Case]:
    """Every case."""
    topic = targets.plain
    return [
        *frames(topic),
        *headers(),
        *bodies(topic, unique),
        *groups(topic),
        *topic_names(unique),
        *batches(topic),
        *bombs(topic),
        *opened_bombs(targets),
    ]


def frames(topic: str) -> list[Case]:
    whole = metadata(topic)
    return [
        Case("frame: negative length", [frame(b"", -1)], read.answered, CLOSED),
        Case("frame: length zero", [frame(b"")], read.answered, CLOSED),
        Case("frame: length 2^31-1", [frame(b"", INT32_MAX)], read.answered, CLOSED),
        Case("frame: one byte more than socket.request.max.bytes", [frame(b"", 100 * MIB + 1)], read.answered, CLOSED),
        Case("frame: 100 MiB announced, nothing sent", [frame(b"", 100 * MIB)], read.answered, SILENT),
        Case("frame: shorter than a header", [frame(b"\0\3")], read.answered, CLOSED),
        Case("frame: truncated, then end of stream", [whole[:-3]], read.answered, CLOSED, half_close=True),
        Case("frame: truncated, then silence", [whole[:-3]], read.answered, SILENT),
        Case("frame: length shorter than its body", [frame(whole[4:], len(whole) - 10)], read.answered, CLOSED),
        Case("frame: trailing bytes behind the body", [frame(whole[4:] + b"surplus")], read.answered, "answered"),
        Case("frame: one byte at a time", [bytes([byte]) for byte in metadata()], read.answered, "answered", pause_s=0.1),
        Case("frame: HTTP", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"], read.answered, CLOSED),
        Case("frame: TLS hello", [bytes.fromhex("160301020001000001fc0303") + b"\7" * 200], read.answered, CLOSED),
    ]


def headers() -> list[Case]:
    def flexible(tags: bytes) -> list[bytes]:
        """Metadata version 9, no topics, with these bytes for the header's tags."""
        return [frame(header(METADATA, 9) + tags + b"\1\0\0\0\0")]

    return [
        Case("header: unknown key 999", [request(999, 0, b"")], read.answered, CLOSED),
        Case("header: negative key", [request(-1, 0, b"")], read.answered, CLOSED),
        Case("header: a key that was removed (LeaderAndIsr)", [request(4, 0, b"")], read.answered, CLOSED),
        Case("header: a key of the controllers (Vote)", [request(52, 0, b"\0" * 20)], read.answered, CLOSED),
        Case("header: Metadata version 99", [request(METADATA, 99, array())], read.answered, CLOSED),
        Case("header: Metadata version -1", [request(METADATA, -1, array())], read.answered, CLOSED),
        Case("header: Produce version 2, advertised but removed", [request(PRODUCE, 2, b"\0\1\0\0\0\1" + array())], read.answered, CLOSED),
        Case(
            "header: ApiVersions version 99",
            [request(API_VERSIONS, 99, b"\0")],
            read.api_versions_v0,
            "UNSUPPORTED_VERSION with ApiVersions 0 to 4",
        ),
        Case(
            "header: ApiVersions version 3 with an empty client name",
            [frame(header(API_VERSIONS, 3) + b"\0" + b"\1\1\0")],
            read.first,
            "INVALID_REQUEST",
        ),
        Case(
            "header: ApiVersions version 3 with a hostile client name",
            [frame(header(API_VERSIONS, 3) + b"\0" + b"\5a\nb;\2" + b"1\0")],
            read.first,
            "INVALID_REQUEST",
        ),
        Case(
            "header: client id of invalid UTF-8",
            [frame(header(METADATA, 1, b"\xff\xfe\xc0\x80") + array())],
            read.answered,
            "answered",
            CLOSED,
        ),
        Case("header: client id of length -2", [frame(header(METADATA, 1, b"", -2) + array())], read.answered, "answered", CLOSED),
        Case("header: client id longer than the frame", [frame(header(METADATA, 1, b"abc", 32767) + array())], read.answered, CLOSED),
        Case("header: no client id", [frame(header(METADATA, 1, None) + array())], read.answered, "answered"),
        Case("header: unknown tag", flexible(b"\1\x64\3abc"), read.answered, "answered"),
        Case("header: overlong varint for the number of tags", flexible(OVERLONG_VARINT), read.answered, CLOSED),
        Case("header: 2^31 tags", flexible(unsigned_varint(2**31 - 1)), read.answered, CLOSED),
        Case("header: tag longer than the frame", flexible(b"\1\x64" + unsigned_varint(2**30)), read.answered, CLOSED),
        Case("header: the same tag twice", flexible(b"\2\x64\1a\x64\1b"), read.answered, "answered", CLOSED),
        Case("header: tags in falling order", flexible(b"\2\x65\1a\x64\1b"), read.answered, "answered", CLOSED),
    ]


def bodies(topic: str, unique: Callable[[str], str]) -> list[Case]:
    def compact(length: bytes) -> list[bytes]:
        return [frame(header(METADATA, 9) + b"\0" + length + b"\0\0\0\0")]

    def fetch(*partitions: tuple[int, int], version: int = 4, session: bytes = b"") -> list[bytes]:
        asked = array(
            *(
                int32(number)
                + (int32(-1) if version >= 9 else b"")
                + offset.to_bytes(8, "big", signed=True)
                + (b"\xff" * 8 if version >= 5 else b"")
                + int32(MIB)
                for number, offset in partitions
            )
        )
        return [
            request(
                FETCH, version, int32(-1, 100, 1, MIB) + b"\0" + session + array(string(topic) + asked) + (array() if version >= 7 else b"")
            )
        ]

    def list_offsets(*partitions: int) -> list[bytes]:
        return [request(LIST_OFFSETS, 1, int32(-1) + array(string(topic) + array(*(int32(number) + b"\xff" * 8 for number in partitions))))]

    deleted = array(string(unique("nosuch")), string(unique("nosuch"))) + int32(1000)
    twice = unique("twice")
    return [
        Case("body: array of -2", [metadata(count=-2)], read.metadata, "NONE", CLOSED),
        Case("body: array of 2^31-1", [metadata(topic, count=INT32_MAX)], read.answered, CLOSED),
        Case("body: array of one more than there is", [metadata(topic, count=2)], read.answered, CLOSED),
        Case("body: compact array of 2^31", compact(unsigned_varint(2**31 - 1)), read.answered, CLOSED),
        Case("body: compact array with an overlong length", compact(OVERLONG_VARINT), read.answered, CLOSED),
        Case("body: null array where it is forbidden", [create_topics(count=-1)], read.answered, CLOSED),
        Case("body: null string where it is forbidden", [create_topics(new_topic(None))], read.answered, CLOSED),
        Case("body: null topic in Metadata", [metadata(None)], read.answered, CLOSED),
        Case("body: topic of invalid UTF-8", [metadata(b"\xff\xfe")], read.metadata, "INVALID_TOPIC_EXCEPTION", CLOSED),
        Case(
            "body: the same topic created twice", [create_topics(new_topic(twice), new_topic(twice))], read.create_topics, "INVALID_REQUEST"
        ),
        Case("body: absent topics deleted", [request(DELETE_TOPICS, 3, deleted)], read.named_errors, "UNKNOWN_TOPIC_OR_PARTITION"),
        Case(
            "body: the same topic deleted twice",
            [request(DELETE_TOPICS, 3, array(string(topic), string(topic)) + int32(1000))],
            read.named_errors,
            "INVALID_REQUEST",
        ),
        Case("body: a topic of 0 partitions", [create_topics(new_topic(unique("t"), 0))], read.create_topics, "INVALID_PARTITIONS"),
        Case("body: a topic of -7 partitions", [create_topics(new_topic(unique("t"), -7))], read.create_topics, "INVALID_PARTITIONS"),
        Case(
            "body: a topic of 2^31-1 partitions",
            [create_topics(new_topic(unique("t"), INT32_MAX))],
            read.create_topics,
            "POLICY_VIOLATION",
        ),
        Case(
            "body: a topic of 0 replicas", [create_topics(new_topic(unique("t"), 1, 0))], read.create_topics, "INVALID_REPLICATION_FACTOR"
        ),
        Case(
            "body: a topic on a broker that is not there",
            [create_topics(new_topic(unique("t"), -1, -1, array(int32(0) + array(int32(77)))))],
            read.create_topics,
            "INVALID_REPLICA_ASSIGNMENT",
        ),
        Case(
            "body: a topic with a gap in its partitions",
            [create_topics(new_topic(unique("t"), -1, -1, array(int32(3) + array(int32(1)))))],
            read.create_topics,
            "INVALID_REPLICA_ASSIGNMENT",
        ),
        Case(
            "body: a topic with both a count and an assignment",
            [create_topics(new_topic(unique("t"), 1, 1, array(int32(0) + array(int32(1)))))],
            read.create_topics,
            "INVALID_REQUEST",
        ),
        Case(
            "body: a topic with a config without value",
            [create_topics(new_topic(unique("t"), configs=array(string("retention.ms") + string(None))))],
            read.create_topics,
            "INVALID_CONFIG",
        ),
        Case(
            "body: fewer partitions than there are",
            [request(CREATE_PARTITIONS, 1, array(string(topic) + int32(1) + int32(-1)) + int32(1000) + b"\0")],
            read.create_partitions,
            "INVALID_PARTITIONS",
        ),
        Case(
            "body: 2^31-1 partitions",
            [request(CREATE_PARTITIONS, 1, array(string(topic) + int32(INT32_MAX, -1)) + int32(1000) + b"\0")],
            read.create_partitions,
            "UNKNOWN_SERVER_ERROR",
            "POLICY_VIOLATION",
        ),
        Case("body: fetch of a partition that is not there", fetch((99, 0)), read.fetch, "UNKNOWN_TOPIC_OR_PARTITION"),
        Case("body: fetch of partition -1", fetch((-1, 0)), read.fetch, "UNKNOWN_TOPIC_OR_PARTITION"),
        Case("body: fetch from offset -5", fetch((0, -5)), read.fetch, "OFFSET_OUT_OF_RANGE"),
        Case("body: fetch from offset 2^62", fetch((0, 2**62)), read.fetch, "OFFSET_OUT_OF_RANGE"),
        Case("body: fetch of one partition twice", fetch((0, 0), (0, 0)), read.fetch, "NONE"),
        Case(
            "body: fetch in a session that is not there",
            fetch((0, 0), version=7, session=int32(1234567, 5)),
            read.fetch_session,
            "FETCH_SESSION_ID_NOT_FOUND",
        ),
        Case("body: offsets of one partition twice", list_offsets(0, 0), read.list_offsets, "INVALID_REQUEST"),
        Case("body: offsets of a partition that is not there", list_offsets(99), read.list_offsets, "UNKNOWN_TOPIC_OR_PARTITION"),
    ]


def groups(topic: str) -> list[Case]:
    def join(
        group: str, session_ms: int = 10_000, protocols: bytes = array(string("range") + blob(b"opaque")), member: str = ""
    ) -> list[bytes]:
        return [
            request(
                JOIN_GROUP, 5, string(group) + int32(session_ms, 10_000) + string(member) + string(None) + string("consumer") + protocols
            )
        ]

    def commit(group: str, member: str, generation: int, note: str = "") -> list[bytes]:
        offsets = array(string(topic) + array(int32(0) + (5).to_bytes(8, "big") + string(note)))
        return [request(OFFSET_COMMIT, 2, string(group) + int32(generation) + string(member) + b"\xff" * 8 + offsets)]

    return [
        Case("group: join without a group id", join(""), read.after_throttle, "INVALID_GROUP_ID"),
        Case("group: session timeout of a millisecond", join("hostile", 1), read.after_throttle, "INVALID_SESSION_TIMEOUT"),
        Case("group: session timeout of weeks", join("hostile", INT32_MAX), read.after_throttle, "INVALID_SESSION_TIMEOUT"),
        Case("group: join without protocols", join("hostile", protocols=array()), read.after_throttle, "INCONSISTENT_GROUP_PROTOCOL"),
        Case("group: join as a member nobody knows", join("hostile", member="nobody"), read.after_throttle, "UNKNOWN_MEMBER_ID"),
        Case("group: join without a member id", join("hostile"), read.after_throttle, "MEMBER_ID_REQUIRED"),
        Case("group: commit as a member nobody knows", commit("hostile", "nobody", 3), read.offset_commit, "UNKNOWN_MEMBER_ID"),
        Case(
            "group: commit with too long a note",
            commit("hostile-notes", "", -1, "n" * 5000),
            read.offset_commit,
            "OFFSET_METADATA_TOO_LARGE",
        ),
    ]


def topic_names(unique: Callable[[str], str]) -> list[Case]:
    hostile = {
        "empty": "",
        "dot": ".",
        "two dots": "..",
        "250 characters": "t" * 250,
        "a slash": "a/b",
        "a path": "../../etc/passwd",
        "a space": "a b",
        "a zero byte": "a\0b",
        "a newline": "a\nb",
        "other letters": "größe",
        "a backslash": "a\\b",
    }
    stem = unique("clash").replace("-", "")
    named = [
        Case(f"name: {what}, created", [create_topics(new_topic(name))], read.create_topics, "INVALID_TOPIC_EXCEPTION")
        for what, name in hostile.items()
    ]
    asked = [Case(f"name: {what}, asked for", [metadata(name)], read.metadata, "INVALID_TOPIC_EXCEPTION") for what, name in hostile.items()]
    return [
        *named,
        *asked,
        Case("name: 249 characters", [create_topics(new_topic(unique("t") + "t" * (249 - len(unique("t")))))], read.create_topics, "NONE"),
        Case("name: dots", [create_topics(new_topic(f"{stem}.a"))], read.create_topics, "NONE"),
        Case("name: collides with the dots", [create_topics(new_topic(f"{stem}_a"))], read.create_topics, "INVALID_TOPIC_EXCEPTION"),
        Case(
            "name: of an internal topic",
            [create_topics(new_topic("__consumer_offsets"))],
            read.create_topics,
            "TOPIC_ALREADY_EXISTS",
        ),
    ]


def batches(topic: str) -> list[Case]:
    def one(name: str, raw: bytes | None, kafka: str, weir: str | None = None) -> Case:
        return Case(f"records: {name}", [produce(topic, (0, raw))], read.produce, kafka, weir)

    two = record() + record(offset_delta=1)
    good = batch()
    return [
        one("a good batch", good, "NONE"),
        one("wrong CRC", batch(crc_flip=1), "CORRUPT_MESSAGE"),
        one("magic 0", batch(magic=0), "INVALID_RECORD"),
        one("magic 1", batch(magic=1), "INVALID_RECORD"),
        one("magic 3", batch(magic=3), "CORRUPT_MESSAGE"),
        one("count one too many", batch(count=2), "INVALID_RECORD"),
        one("count one too few", batch(two, count=1), "INVALID_RECORD"),
        one("count 0", batch(b"", count=0), "INVALID_RECORD"),
        one("count -1", batch(count=-1, last_offset_delta=0), "INVALID_RECORD"),
        one("count 2^31-1", batch(count=INT32_MAX), "INVALID_RECORD"),
        one("last offset delta too large", batch(last_offset_delta=7), "INVALID_RECORD"),
        one("last offset delta negative", batch(last_offset_delta=-1), "INVALID_RECORD"),
        one("offset deltas with a gap", batch(record() + record(offset_delta=2), count=2), "NONE", "INVALID_RECORD"),
        one("batch length too long", batch(length_added=10), "INVALID_RECORD"),
        one("batch length too short", batch(length_added=-10), "CORRUPT_MESSAGE"),
        one("batch length negative", batch(length=-1), "CORRUPT_MESSAGE"),
        one("batch length zero", batch(length=0), "CORRUPT_MESSAGE"),
        one("batch length 2^31-1", batch(length=INT32_MAX), "UNKNOWN_SERVER_ERROR", "MESSAGE_TOO_LARGE"),
        one("batch cut off in its header", good[:40], "INVALID_RECORD"),
        one("two batches", good + good, "INVALID_RECORD"),
        one("a batch and half a batch", good + good[: len(good) // 2], "NONE", "INVALID_RECORD"),
        one("no bytes", b"", "INVALID_RECORD"),
        one("null", None, SILENT, "INVALID_RECORD"),
        one("unknown codec 5", batch(attributes=5), "UNKNOWN_SERVER_ERROR", "INVALID_RECORD"),
        one("unknown codec 7", batch(attributes=7), "UNKNOWN_SERVER_ERROR", "INVALID_RECORD"),
        # Weir stores what is compressed on its checksum, without looking into it, unless the topic needs it opened: see opened_bombs.
        one("gzip that is not gzip", batch(b"not gzip", attributes=GZIP), "UNKNOWN_SERVER_ERROR", "NONE"),
        one(
            "control batch",
            batch(record(b"\0\0\0\0\0\0", varint(4) + b"\0\0\0\0"), attributes=CONTROL | TRANSACTIONAL, producer=(5, 0, -1)),
            "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
            "INVALID_RECORD",
        ),
        one("control batch, not transactional", batch(attributes=CONTROL), "INVALID_RECORD"),
        one(
            "transactional without an id",
            batch(attributes=TRANSACTIONAL, producer=(5, 0, 0)),
            "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
            "INVALID_TXN_STATE",
        ),
        one("idempotent with sequence -1", batch(producer=(5, 0, -1)), "INVALID_RECORD"),
        one("idempotent with epoch -1", batch(producer=(5, -1, 0)), "NONE", "INVALID_RECORD"),
        # The offset is the broker's to set; it is overwritten, whatever it was.
        one("base offset 1000", batch(base_offset=1000), "INVALID_RECORD", "NONE"),
        one("record length 2^30", batch(record(length=2**30)), "INVALID_RECORD"),
        one("record length negative", batch(record(length=-5)), "INVALID_RECORD"),
        one("key length -2", batch(record(key_length=varint(-2))), "NONE", "INVALID_RECORD"),
        one("key longer than the record", batch(record(key_length=varint(1000))), "INVALID_RECORD"),
        one("value length overlong", batch(record(value_length=OVERLONG_VARINT)), "INVALID_RECORD"),
        one("header count negative", batch(record(header_count=varint(-3))), "INVALID_RECORD"),
        one("header count 2^30", batch(record(header_count=varint(2**30))), "INVALID_RECORD"),
        one("larger than max.message.bytes", batch(record(b"x" * 1_100_000)), "MESSAGE_TOO_LARGE"),
        Case("records: acks 2", [produce(topic, (0, good), acks=2)], read.produce, "INVALID_REQUIRED_ACKS"),
        Case("records: a partition that is not there", [produce(topic, (99, good))], read.produce, "UNKNOWN_TOPIC_OR_PARTITION"),
        Case("records: partition -1", [produce(topic, (-1, good))], read.produce, "UNKNOWN_TOPIC_OR_PARTITION"),
        Case(
            "records: one partition twice",
            [produce(topic, (0, good), (0, good))],
            read.produce,
            "NONE",
        ),
        Case("records: 2^31-1 partitions", [produce(topic, (0, good), count=INT32_MAX)], read.produce, CLOSED),
        Case("records: a null topic", [produce(None, (0, good))], read.produce, CLOSED),
        Case(
            "records: a topic that is not there",
            [produce("no/such", (0, good))],
            read.produce,
            "UNKNOWN_TOPIC_OR_PARTITION",
        ),
    ]


def bombs(topic: str) -> list[Case]:
    """Small requests that would be large: valid ones are stored as they are, so Kafka takes them; junk is refused before it is large."""
    codecs = (
        ("gzip", GZIP, gzip_of, 200),
        ("lz4", LZ4, lz4_of, 200),
        ("zstd", ZSTD, zstd_of, 200),
        ("snappy", SNAPPY, snappy_of, 16),
    )  # it packs zeros by twenty at most, and a message holds a megabyte
    found = []
    for codec, number, pack, size_mib in codecs:
        zeros, junk = zeros_record(size_mib * MIB), b"\0" * (size_mib * MIB)
        found += [
            Case(
                f"bomb: {codec}, one record of many MiB",
                [produce(topic, (1, batch(pack(zeros), attributes=number)))],
                read.produce,
                "NONE",
            ),
            Case(
                f"bomb: {codec}, no record at all",
                [produce(topic, (1, batch(pack(junk), attributes=number)))],
                read.produce,
                "INVALID_RECORD",
                "NONE",
            ),
        ]
    return found


def opened_bombs(targets: Targets) -> list[Case]:
    """The same where the broker must look into it: to compress it anew, or to see that there are keys."""

    def into(topic: str, raw: bytes, codec: int) -> list[bytes]:
        return [produce(topic, (0, batch(raw, attributes=codec)))]

    def one(name: str, pieces: list[bytes], kafka: str, weir: str | None = None) -> Case:
        return Case(f"opened: {name}", pieces, read.produce, kafka, weir)

    fits, large, huge = (zeros_record(size * MIB) for size in (60, 100, 200))
    keyed = batch(zstd_of(record(b"\0" * 60 * MIB, varint(1) + b"k")), attributes=ZSTD)
    return [
        one("60 MiB of zstd into gzip", into(targets.to_gzip, zstd_of(fits), ZSTD), "NONE"),
        one("60 MiB of zstd, to be stored uncompressed", into(targets.to_uncompressed, zstd_of(fits), ZSTD), "MESSAGE_TOO_LARGE"),
        one("100 MiB of lz4, to be stored uncompressed", into(targets.to_uncompressed, lz4_of(large), LZ4), "MESSAGE_TOO_LARGE"),
        one("200 MiB of gzip into gzip, which needs no opening", into(targets.to_gzip, gzip_of(huge), GZIP), "NONE"),
        one("200 MiB of zstd into gzip", into(targets.to_gzip, zstd_of(huge), ZSTD), "NONE", "MESSAGE_TOO_LARGE"),
        one("zeros of zstd into gzip", into(targets.to_gzip, zstd_of(b"\0" * 16 * MIB), ZSTD), "INVALID_RECORD"),
        one("zstd that is not zstd into gzip", into(targets.to_gzip, b"not zstd", ZSTD), "UNKNOWN_SERVER_ERROR", "INVALID_RECORD"),
        one("gzip that is not gzip, compacted", into(targets.compacted, b"not gzip", GZIP), "UNKNOWN_SERVER_ERROR", "INVALID_RECORD"),
        one("60 MiB with a key, compacted", [produce(targets.compacted, (0, keyed))], "NONE"),
        one("200 MiB of lz4, compacted", into(targets.compacted, lz4_of(huge), LZ4), "INVALID_RECORD", "MESSAGE_TOO_LARGE"),
        one("without a key, compacted", into(targets.compacted, zstd_of(record()), ZSTD), "INVALID_RECORD"),
    ]
