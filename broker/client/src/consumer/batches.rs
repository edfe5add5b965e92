//! From the bytes of a fetch to records: checks every batch, leaves out what stands in front of the wanted offset, the
//! broker's own control records and, under read-committed, what was aborted. Pure; the bytes may be anything.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use weir_model::records::{Batch, BatchError, ControlKind, batches};
use weir_model::{LeaderEpoch, Offset, ProducerId};

use super::fetching::Fetched;
use super::{ConsumedRecord, ConsumerOptions, Isolation, RecordHeader};
use crate::error::ClientError;

/// The records of one partition, and where to go on.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) records: Vec<ConsumedRecord>,
    pub(super) next: Offset,
    pub(super) last_epoch: LeaderEpoch,
}

pub(super) fn unpack(
    fetched: &Fetched,
    next: Offset,
    options: &ConsumerOptions,
) -> Result<Unpacked, ClientError> {
    let failed = |source: BatchError| ClientError::Records {
        topic: fetched.topic.to_string(),
        partition: fetched.partition,
        source,
    };
    let mut unpacked = Unpacked { records: Vec::new(), next, last_epoch: LeaderEpoch::NONE };
    let mut aborted = Aborted::new(fetched, options.isolation);
    for batch in batches(&fetched.records) {
        let batch = match batch {
            Ok(batch) => batch,
            // Answers may be cut anywhere but in the first batch.
            Err(BatchError::Incomplete { .. }) if unpacked.next > next => break,
            Err(error) => return Err(failed(error)),
        };
        take_batch(fetched, &batch, options, &mut aborted, &mut unpacked).map_err(failed)?;
    }
    Ok(unpacked)
}

fn take_batch(
    fetched: &Fetched,
    batch: &Batch<'_>,
    options: &ConsumerOptions,
    aborted: &mut Aborted,
    unpacked: &mut Unpacked,
) -> Result<(), BatchError> {
    batch.check_crc()?;
    let header = batch.header();
    let last = header.base_offset.0.checked_add(i64::from(header.last_offset_delta.max(0)));
    let after = last.and_then(|last| last.checked_add(1)).map(Offset);
    let after = after
        .ok_or(BatchError::Count { count: header.count, last_offset_delta: header.last_offset_delta })?;
    if after <= unpacked.next {
        return Ok(());
    }
    let payload = match batch.decoded_payload(options.max_decoded_bytes)? {
        Cow::Borrowed(payload) => fetched.records.slice_ref(payload),
        Cow::Owned(payload) => Bytes::from(payload),
    };
    if header.attributes.is_control() {
        for record in batch.records(&payload) {
            aborted.pass_marker(header.producer_id, record?.key);
        }
    } else if !(header.attributes.is_transactional() && aborted.covers(header.producer_id, after)) {
        take_records(fetched, batch, &payload, unpacked)?;
    }
    unpacked.next = after;
    unpacked.last_epoch = unpacked.last_epoch.max(header.leader_epoch);
    Ok(())
}

fn take_records(
    fetched: &Fetched,
    batch: &Batch<'_>,
    payload: &Bytes,
    unpacked: &mut Unpacked,
) -> Result<(), BatchError> {
    let share = |field: Option<&[u8]>| field.map(|bytes| payload.slice_ref(bytes));
    for record in batch.records(payload) {
        let record = record?;
        if record.offset < unpacked.next {
            continue;
        }
        unpacked.records.push(ConsumedRecord {
            topic: fetched.topic.clone(),
            partition: fetched.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: share(record.key),
            value: share(record.value),
            headers: record
                .headers
                .map(|header| RecordHeader { key: payload.slice_ref(header.key), value: share(header.value) })
                .collect(),
        });
    }
    Ok(())
}

/// Which producers are inside of an aborted transaction at this point of the log.
struct Aborted {
    /// Descending by first offset.
    to_come: Vec<(ProducerId, Offset)>,
    inside: HashSet<ProducerId>,
}

impl Aborted {
    fn new(fetched: &Fetched, isolation: Isolation) -> Self {
        let mut to_come = match isolation {
            Isolation::ReadCommitted => fetched.aborted.clone(),
            Isolation::ReadUncommitted => Vec::new(),
        };
        to_come.sort_by_key(|(_, first)| std::cmp::Reverse(*first));
        Self { to_come, inside: HashSet::new() }
    }

    /// Is a batch of this producer that ends in front of `after` to be left out?
    fn covers(&mut self, producer: ProducerId, after: Offset) -> bool {
        while let Some((begun, _)) = self.to_come.pop_if(|(_, first)| *first < after) {
            self.inside.insert(begun);
        }
        self.inside.contains(&producer)
    }

    fn pass_marker(&mut self, producer: ProducerId, key: Option<&[u8]>) {
        if key.and_then(ControlKind::from_key) == Some(ControlKind::Abort) {
            self.inside.remove(&producer);
        }
    }
}

#[cfg(test)]
mod tests;
