//! What the log writes down about a segment, so that a restart need not read it: the index file of a closed segment,
//! and, inside the checkpoint, the same for the open one. An index file is written only after its segment was synced,
//! so it also proves that the segment is whole.

use weir_model::{Millis, Offset};

use crate::epochs::Epochs;
use crate::framing::{self, Fields, Kind};
use crate::index::Index;

const INDEX: Kind = Kind { magic: *b"WRIX", version: 1 };
const CHECKPOINT: Kind = Kind { magic: *b"WRCP", version: 1 };

/// No file of these is larger; longer ones are damaged.
pub(crate) const MOST_BYTES: u64 = 64 << 20;

/// The largest timestamp of a stretch of log, and the base offset of the first batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) timestamp: Millis,
    pub(crate) batch: Offset,
}

impl Latest {
    pub(crate) const NONE: Self = Self { timestamp: Millis(i64::MIN), batch: Offset(-1) };

    pub(crate) fn note(&mut self, timestamp: Millis, batch: Offset) {
        if timestamp > self.timestamp {
            *self = Self { timestamp, batch };
        }
    }
}

/// A segment up to some length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentImage {
    pub(crate) base: Offset,
    /// The base of the segment after it.
    pub(crate) end: Offset,
    pub(crate) len: u64,
    pub(crate) latest: Latest,
    /// The max timestamp of the first batch, what `segment.ms` counts from.
    pub(crate) first: Millis,
    pub(crate) index: Index,
}

/// All that a log's checkpoint holds. It is a cache: without it more is read at a restart, nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Everything below this segment's `len` is durable and was checked.
    pub(crate) segment: SegmentImage,
    pub(crate) epochs: Epochs,
    /// Compaction has dealt with everything below.
    pub(crate) cleaned_to: Offset,
}

impl SegmentImage {
    /// As the file beside a closed segment, with the epochs that begin in it.
    pub(crate) fn to_index_file(&self, epochs: &Epochs) -> Vec<u8> {
        let mut payload = Vec::new();
        self.encode(&mut payload);
        epochs.encode(&mut payload);
        framing::wrap(INDEX, &payload)
    }

    pub(crate) fn from_index_file(bytes: &[u8]) -> Result<(Self, Epochs), &'static str> {
        let mut fields = Fields(framing::unwrap(INDEX, bytes)?);
        let image = Self::decode(&mut fields).ok_or("a field is missing")?;
        let epochs = Epochs::decode(&mut fields).ok_or("a field is missing")?;
        Ok((image, epochs))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.base.0, self.end.0, self.latest.timestamp.0, self.latest.batch.0, self.first.0] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.len.to_be_bytes());
        self.index.encode(out);
    }

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            base: Offset(fields.i64()?),
            end: Offset(fields.i64()?),
            latest: Latest { timestamp: Millis(fields.i64()?), batch: Offset(fields.i64()?) },
            first: Millis(fields.i64()?),
            len: fields.u64()?,
            index: Index::decode(fields)?,
        })
    }
}

impl Checkpoint {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        self.segment.encode(&mut payload);
        self.epochs.encode(&mut payload);
        payload.extend_from_slice(&self.cleaned_to.0.to_be_bytes());
        framing::wrap(CHECKPOINT, &payload)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut fields = Fields(framing::unwrap(CHECKPOINT, bytes)?);
        let mut read = || {
            Some(Self {
                segment: SegmentImage::decode(&mut fields)?,
                epochs: Epochs::decode(&mut fields)?,
                cleaned_to: Offset(fields.i64()?),
            })
        };
        read().ok_or("a field is missing")
    }
}
