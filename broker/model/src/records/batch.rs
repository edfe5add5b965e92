//! A view of one whole batch, and walking the batches of a buffer.

use std::borrow::Cow;

use super::codec::{Codec, decompress};
use super::error::BatchError;
use super::header::{BATCH_OVERHEAD, BatchHeader, compute_crc};
use super::record::Records;

/// One complete batch in a buffer. Magic and length are known to be good, nothing else is.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the front of `bytes`; what follows it is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let whole = bytes.get(..header.size);
        let bytes = whole.ok_or(BatchError::Incomplete { need: header.size, have: bytes.len() })?;
        Ok(Self { header, bytes })
    }

    /// Its header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All of its bytes, header included.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records as stored, compressed or not.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[BATCH_OVERHEAD..]
    }

    /// Checks the stored checksum.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = compute_crc(self.bytes);
        if computed == self.header.crc {
            Ok(())
        } else {
            Err(BatchError::Crc { stored: self.header.crc, computed })
        }
    }

    /// The records' bytes, decompressed when need be to at most `max` bytes.
    pub fn decoded_payload(&self, max: usize) -> Result<Cow<'a, [u8]>, BatchError> {
        match self.header.attributes.codec()? {
            Codec::None => Ok(Cow::Borrowed(self.payload())),
            codec => Ok(Cow::Owned(decompress(codec, self.payload(), max)?)),
        }
    }

    /// Walks the records of a payload that [`Self::decoded_payload`] gave.
    #[must_use]
    pub fn records<'p>(&self, payload: &'p [u8]) -> Records<'p> {
        Records::new(&self.header, payload)
    }
}

/// Walks the batches of a buffer; ends after the last one, or with one error.
#[must_use]
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes }
}

/// See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// The bytes that were not walked yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parsed = Batch::parse(self.rest);
        self.rest = match &parsed {
            Ok(batch) => &self.rest[batch.bytes.len()..],
            Err(_) => &[],
        };
        Some(parsed)
    }
}
