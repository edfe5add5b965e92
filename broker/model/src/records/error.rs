//! Why bytes are not an acceptable record batch. The server maps each reason to a Kafka error code.

use thiserror::Error;

use super::codec::CodecError;

/// Why bytes are not an acceptable record batch.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The buffer ends before the batch does.
    #[error("batch needs {need} bytes, {have} are there")]
    Incomplete {
        /// What the header asks for, or the size of a header.
        need: usize,
        /// What the buffer holds.
        have: usize,
    },
    /// There are bytes after the batch where one batch only is allowed.
    #[error("{0} bytes follow the batch, exactly one batch is allowed")]
    MoreThanOne(usize),
    /// A message format older or newer than v2.
    #[error("batch has magic {0}, only 2 is supported")]
    Magic(i8),
    /// The length field is negative or smaller than a header.
    #[error("batch length {0} is impossible")]
    Length(i32),
    /// The batch is larger than the topic allows.
    #[error("batch is {size} bytes, the most is {max}")]
    TooLarge {
        /// The batch's size.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// The checksum does not fit the bytes.
    #[error("batch checksum is {stored:#010x}, its bytes give {computed:#010x}")]
    Crc {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// The count does not fit the offsets.
    #[error("batch claims {count} records over a last offset delta of {last_offset_delta}")]
    Count {
        /// The count field.
        count: i32,
        /// The last offset delta field.
        last_offset_delta: i32,
    },
    /// Codec bits without a meaning.
    #[error("compression codec {0} is unknown")]
    UnknownCodec(u8),
    /// Attribute bits that a client may not set.
    #[error("batch attributes {0:#06x} hold bits a client may not set")]
    Attributes(i16),
    /// A control batch from a client.
    #[error("clients can not write control batches")]
    ControlFromClient,
    /// Log-append time set by a client.
    #[error("clients can not set log-append time")]
    LogAppendTimeFromClient,
    /// Producer id, epoch and sequence that do not go together.
    #[error("producer id {producer_id}, epoch {epoch}, base sequence {sequence} do not go together")]
    Producer {
        /// The id.
        producer_id: i64,
        /// The epoch.
        epoch: i16,
        /// The base sequence.
        sequence: i32,
    },
    /// A record can not be decoded.
    #[error("record {index}: {what}")]
    Record {
        /// Which one, from 0.
        index: i32,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A record without a key in a compacted topic.
    #[error("record {0} has no key, a compacted topic needs one")]
    KeyMissing(i32),
    /// The payload can not be decompressed within the bound.
    #[error("payload: {0}")]
    Codec(#[from] CodecError),
    /// A builder was given records that do not fit one batch.
    #[error("records do not fit one batch: {0}")]
    Build(&'static str),
}

impl BatchError {
    /// The bytes are damaged or are no batch at all, as opposed to a batch that is refused.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, Self::Incomplete { .. } | Self::Length(_) | Self::Crc { .. })
    }
}
