//! What clients write: records whose value is one unique number.

use bytes::Bytes;
use weir_model::records::{BatchBuilder, BatchError, NewRecord, batches};
use weir_model::{Millis, Offset, ProducerEpoch, ProducerId, Sequence};

use crate::world::key_of;

/// A batch of values by an idempotent producer.
pub(crate) fn batch(values: &[u64], producer: i64, sequence: i32, now: Millis) -> Result<Bytes, BatchError> {
    let mut builder =
        BatchBuilder::new(Offset::ZERO).producer(ProducerId(producer), ProducerEpoch(0), Sequence(sequence));
    for value in values {
        let (key, bytes) = (key_of(*value).to_be_bytes(), value.to_be_bytes());
        builder.push(NewRecord { timestamp: now, key: Some(&key), value: Some(&bytes), headers: &[] })?;
    }
    builder.build().map(|built| built.freeze())
}

/// Whether every batch is what its checksum says.
pub(crate) fn are_sound(bytes: &[u8]) -> bool {
    batches(bytes).all(|batch| batch.is_ok_and(|batch| batch.check_crc().is_ok()))
}

/// The values of whole batches, with their offsets.
pub(crate) fn read(bytes: &[u8]) -> Vec<(i64, u64)> {
    let mut found = Vec::new();
    for batch in batches(bytes).filter_map(Result::ok) {
        let Ok(payload) = batch.decoded_payload(1 << 20) else { continue };
        for record in batch.records(&payload).filter_map(Result::ok) {
            let value = record.value.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            found.push((batch.header().base_offset.0 + i64::from(record.offset_delta), value));
        }
    }
    found
}

/// The offset after the last batch. Compaction may have left nothing in it.
pub(crate) fn end(bytes: &[u8]) -> Option<i64> {
    batches(bytes).filter_map(Result::ok).last().map(|batch| batch.header().next_offset().0)
}
