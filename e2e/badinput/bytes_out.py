"""Writes requests byte by byte, so that every byte can be wrong. Knows the old, non-flexible encodings and how to lie in them.

A well-formed request is the default; each argument is a place to lie. Never checks anything.
"""

import gzip
import struct

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, JOIN_GROUP, API_VERSIONS = 0, 1, 2, 3, 8, 11, 18
CREATE_TOPICS, DELETE_TOPICS, CREATE_PARTITIONS = 19, 20, 37
CORRELATION = 7
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
TRANSACTIONAL, CONTROL = 0x10, 0x20
INT32_MAX = 2**31 - 1


def frame(body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">i", len(body) if length is None else length) + body


def string(text: str | bytes | None, length: int | None = None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack(">h", len(raw) if length is None else length) + raw


def array(*items: bytes, count: int | None = None) -> bytes:
    return struct.pack(">i", len(items) if count is None else count) + b"".join(items)


def blob(raw: bytes | None) -> bytes:
    return struct.pack(">i", -1) if raw is None else struct.pack(">i", len(raw)) + raw


def int32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def header(key: int, version: int, client_id: bytes | None = b"hostile", client_id_length: int | None = None) -> bytes:
    """Request header version 1, which is version 2 without its tags."""
    return struct.pack(">hhi", key, version, CORRELATION) + string(client_id, client_id_length)


def request(key: int, version: int, body: bytes) -> bytes:
    return frame(header(key, version) + body)


def metadata(*topics: str | bytes | None, count: int | None = None) -> bytes:
    return request(METADATA, 1, array(*map(string, topics), count=count))


def create_topics(*topics: bytes, count: int | None = None) -> bytes:
    return request(CREATE_TOPICS, 4, array(*topics, count=count) + int32(10_000) + b"\0")


def new_topic(
    name: str | bytes | None, partitions: int = 1, replicas: int = 1, assignments: bytes = array(), configs: bytes = array()
) -> bytes:
    return string(name) + struct.pack(">ih", partitions, replicas) + assignments + configs


def produce(topic: str | None, *batches: tuple[int, bytes | None], acks: int = -1, count: int | None = None) -> bytes:
    """Produce version 7: pairs of partition and records, for one topic."""
    partitions = array(*(int32(partition) + blob(records) for partition, records in batches), count=count)
    return request(PRODUCE, 7, string(None) + struct.pack(">hi", acks, 10_000) + array(string(topic) + partitions))


def varint(value: int) -> bytes:
    """Zigzag, as inside records."""
    return unsigned_varint((value << 1) ^ (value >> 31))


def unsigned_varint(value: int) -> bytes:
    value &= 2**35 - 1
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(written) + bytes([value])


OVERLONG_VARINT = b"\xff\xff\xff\xff\xff\xff\xff\x01"


def record(
    value: bytes = b"value",
    key_length: bytes = varint(-1),
    offset_delta: int = 0,
    length: int | None = None,
    value_length: bytes | None = None,
    header_count: bytes = varint(0),
) -> bytes:
    written = b"\0" + varint(0) + varint(offset_delta) + key_length
    written += (varint(len(value)) if value_length is None else value_length) + value + header_count
    return varint(len(written) if length is None else length) + written


def batch(
    records: bytes = record(),
    count: int = 1,
    last_offset_delta: int | None = None,
    attributes: int = 0,
    magic: int = 2,
    crc_flip: int = 0,
    length: int | None = None,
    length_added: int = 0,
    base_offset: int = 0,
    producer: tuple = (-1, -1, -1),
) -> bytes:
    """A record batch of version 2."""
    now = 1_700_000_000_000
    checked = (
        struct.pack(
            ">hiqqqhii",
            attributes,
            count - 1 if last_offset_delta is None else last_offset_delta,
            now,
            now,
            producer[0],
            producer[1],
            producer[2],
            count,
        )
        + records
    )
    rest = struct.pack(">ibI", 0, magic, crc32c(checked) ^ crc_flip) + checked
    return struct.pack(">qi", base_offset, len(rest) + length_added if length is None else length) + rest


def zeros_record(size: int) -> bytes:
    """One valid record whose value is that many zero bytes."""
    return record(b"\0" * size)


def gzip_of(raw: bytes) -> bytes:
    return gzip.compress(raw, 9)


_CRC32C_TABLE = []
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ (0x82F63B78 if _crc & 1 else 0)
    _CRC32C_TABLE.append(_crc)


def crc32c(raw: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in raw:
        crc = crc >> 8 ^ _CRC32C_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
