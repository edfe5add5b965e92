//! Whether a batch from a client may be appended. Two strengths: the header and checksum, or every record as well.

use super::batch::Batch;
use super::error::BatchError;
use super::header::{BatchHeader, TimestampType};
use crate::{Millis, Offset, ProducerEpoch, ProducerId, Sequence};

/// What a batch may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The whole batch as sent (`max.message.bytes`).
    pub max_batch_bytes: usize,
    /// Its records once decompressed.
    pub max_decoded_bytes: usize,
    /// Every record needs a key (the topic is compacted).
    pub require_keys: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_batch_bytes: 1_048_588, max_decoded_bytes: 64 << 20, require_keys: false }
    }
}

/// Proof that a batch was checked: only the validators make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidBatch {
    header: BatchHeader,
    records: Option<RecordSummary>,
}

/// What strict validation learnt from the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSummary {
    /// The smallest timestamp.
    pub min_timestamp: Millis,
    /// The largest timestamp; the header's may differ when the client computed it wrongly.
    pub max_timestamp: Millis,
    /// The first record that has the largest timestamp.
    pub max_timestamp_offset: Offset,
    /// The records' size without compression.
    pub decoded_bytes: usize,
}

impl ValidBatch {
    /// The batch's header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// What the records hold, when they were looked at.
    #[must_use]
    pub fn records(&self) -> Option<&RecordSummary> {
        self.records.as_ref()
    }
}

/// Checks everything but the records: exactly one batch, its format, size, checksum, count and attributes.
pub fn validate_header(bytes: &[u8], limits: &Limits) -> Result<ValidBatch, BatchError> {
    let batch = sound(bytes, limits)?;
    Ok(ValidBatch { header: *batch.header(), records: None })
}

/// Checks the header and decodes every record, decompressing to no more than the limit.
pub fn validate_records(bytes: &[u8], limits: &Limits) -> Result<ValidBatch, BatchError> {
    let batch = sound(bytes, limits)?;
    let summary = walk(&batch, limits)?;
    Ok(ValidBatch { header: *batch.header(), records: Some(summary) })
}

fn sound<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Batch<'a>, BatchError> {
    let header = BatchHeader::parse(bytes)?;
    if header.size > limits.max_batch_bytes {
        return Err(BatchError::TooLarge { size: header.size, max: limits.max_batch_bytes });
    }
    let batch = Batch::parse(bytes)?;
    // The checksum first: a wrong length looks like a second batch.
    batch.check_crc()?;
    if bytes.len() > header.size {
        return Err(BatchError::MoreThanOne(bytes.len() - header.size));
    }
    check_count(&header)?;
    check_attributes(&header)?;
    check_producer(&header)?;
    Ok(batch)
}

fn check_count(header: &BatchHeader) -> Result<(), BatchError> {
    let BatchHeader { count, last_offset_delta, .. } = *header;
    if count > 0 && last_offset_delta == count - 1 {
        Ok(())
    } else {
        Err(BatchError::Count { count, last_offset_delta })
    }
}

fn check_attributes(header: &BatchHeader) -> Result<(), BatchError> {
    let attributes = header.attributes;
    attributes.codec()?;
    if attributes.is_control() {
        return Err(BatchError::ControlFromClient);
    }
    if attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Err(BatchError::LogAppendTimeFromClient);
    }
    if attributes.has_delete_horizon() || attributes.has_unknown_bits() {
        return Err(BatchError::Attributes(attributes.0));
    }
    Ok(())
}

fn check_producer(header: &BatchHeader) -> Result<(), BatchError> {
    let BatchHeader { producer_id, producer_epoch, base_sequence, .. } = *header;
    let good = if producer_id == ProducerId::NONE {
        !header.attributes.is_transactional()
    } else {
        producer_id.0 >= 0 && producer_epoch > ProducerEpoch::NONE && base_sequence > Sequence::NONE
    };
    if good {
        return Ok(());
    }
    Err(BatchError::Producer {
        producer_id: producer_id.0,
        epoch: producer_epoch.0,
        sequence: base_sequence.0,
    })
}

fn walk(batch: &Batch<'_>, limits: &Limits) -> Result<RecordSummary, BatchError> {
    let payload = batch.decoded_payload(limits.max_decoded_bytes)?;
    let mut summary = RecordSummary {
        min_timestamp: Millis(i64::MAX),
        max_timestamp: Millis(i64::MIN),
        max_timestamp_offset: batch.header().base_offset,
        decoded_bytes: payload.len(),
    };
    let mut records = batch.records(&payload);
    let mut index = 0;
    for record in records.by_ref() {
        let record = record?;
        if record.offset_delta != index {
            return Err(BatchError::Record { index, what: "offset delta is out of order" });
        }
        if limits.require_keys && record.key.is_none() {
            return Err(BatchError::KeyMissing(index));
        }
        summary.min_timestamp = summary.min_timestamp.min(record.timestamp);
        if record.timestamp > summary.max_timestamp {
            summary.max_timestamp = record.timestamp;
            summary.max_timestamp_offset = record.offset;
        }
        index += 1;
    }
    if !records.rest().is_empty() {
        return Err(BatchError::Record { index, what: "bytes follow the last record" });
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
