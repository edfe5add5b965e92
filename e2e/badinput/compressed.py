"""Packs bytes by the codecs that are not in the standard library, in the framings Kafka's clients use."""

import lz4.frame
import snappy
import zstandard


def snappy_of(raw: bytes) -> bytes:
    """One raw snappy block, which every reader of Kafka's takes as well as the framed kind."""
    return snappy.compress(raw)


def lz4_of(raw: bytes) -> bytes:
    return lz4.frame.compress(raw, store_size=False, block_linked=False)


def zstd_of(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(raw)
