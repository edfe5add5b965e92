//! Control batches: the markers with which the broker ends a transaction in a partition.

use bytes::BytesMut;

use super::builder::{BatchBuilder, NewRecord};
use super::error::BatchError;
use crate::{Millis, Offset, ProducerEpoch, ProducerId, Sequence};

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// The transaction's records are void.
    Abort,
    /// The transaction's records stand.
    Commit,
}

impl ControlKind {
    /// Reads a control record's key: a version, then the kind. Other kinds are none of ours.
    #[must_use]
    pub fn from_key(key: &[u8]) -> Option<Self> {
        match key.get(2..4)? {
            [0, 0] => Some(Self::Abort),
            [0, 1] => Some(Self::Commit),
            _ => None,
        }
    }

    fn key(self) -> [u8; 4] {
        match self {
            Self::Abort => [0, 0, 0, 0],
            Self::Commit => [0, 0, 0, 1],
        }
    }
}

/// The batch that ends a transaction of this producer.
pub fn end_transaction_marker(
    kind: ControlKind,
    producer: (ProducerId, ProducerEpoch),
    coordinator_epoch: i32,
    now: Millis,
) -> Result<BytesMut, BatchError> {
    let mut value = [0u8; 6];
    value[2..].copy_from_slice(&coordinator_epoch.to_be_bytes());
    let mut builder = BatchBuilder::new(Offset::ZERO)
        .producer(producer.0, producer.1, Sequence::NONE)
        .transactional(true)
        .control(true);
    builder.push(NewRecord { timestamp: now, key: Some(&kind.key()), value: Some(&value), headers: &[] })?;
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Batch, Limits, validate_header};

    #[test]
    fn a_marker_is_a_control_batch_that_clients_may_not_send() {
        let producer = (ProducerId(4), ProducerEpoch(2));
        let bytes = end_transaction_marker(ControlKind::Commit, producer, 9, Millis(5)).unwrap();
        let batch = Batch::parse(&bytes).unwrap();
        batch.check_crc().unwrap();
        let record = batch.records(batch.payload()).next().unwrap().unwrap();
        assert_eq!(ControlKind::from_key(record.key.unwrap()), Some(ControlKind::Commit));
        assert!(matches!(validate_header(&bytes, &Limits::default()), Err(BatchError::ControlFromClient)));
    }
}
