//! Reads a shard's log from its start into the coordinator's state.

use bytes::Bytes;
use thiserror::Error;
use tracing::warn;
use weir_core::group::{Groups, records};
use weir_core::partition::{Isolation, ListOffsets, Reader};
use weir_log::DiskFile;
use weir_model::Offset;
use weir_model::records::{BatchError, batches};

use crate::net::outgoing::FileSpan;
use crate::partition::command::{ListedOffset, OffsetQuery};
use crate::partition::{PartitionError, PartitionHandle, Read};

/// Bytes that one step of the replay reads.
const STEP: usize = 1 << 20;
/// The most a batch of ours may unpack to.
const DECODED_MAX: usize = 64 << 20;

/// Why a shard's log can not be replayed.
#[derive(Debug, Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error("a batch is damaged: {0}")]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("reading panicked: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// Applies every record below the log's end as it is now.
pub(super) async fn load(partition: &PartitionHandle, groups: &mut Groups) -> Result<(), LoadError> {
    let mut at = boundary(partition, ListOffsets::Earliest).await?;
    let end = boundary(partition, ListOffsets::Latest).await?;
    while at < end {
        let read = Read {
            from: at,
            max_bytes: STEP,
            at_least_one: true,
            reader: Reader::Consumer(Isolation::ReadUncommitted),
            current_leader_epoch: None,
            last_fetched_epoch: None,
            watch: None,
        };
        // The rest of the log may have been compacted away.
        let Some(span) = partition.read(read).await?.span else { return Ok(()) };
        let bytes = tokio::task::spawn_blocking(move || copy(&span)).await??;
        at = apply(groups, &bytes, at)?;
    }
    Ok(())
}

fn copy(span: &FileSpan) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; span.len];
    let mut filled = 0;
    while filled < bytes.len() {
        let read = span.file.read_at(&mut bytes[filled..], span.position + filled as u64)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
    }
    Ok(bytes)
}

async fn boundary(partition: &PartitionHandle, what: ListOffsets) -> Result<Offset, PartitionError> {
    let reader = Reader::Consumer(Isolation::ReadUncommitted);
    let ListedOffset { offset, .. } =
        partition.list_offsets(OffsetQuery { what, reader, current_leader_epoch: None }).await?;
    Ok(offset)
}

fn apply(groups: &mut Groups, bytes: &[u8], from: Offset) -> Result<Offset, LoadError> {
    let mut next = from;
    for batch in batches(bytes) {
        let batch = batch?;
        next = batch.header().next_offset();
        if batch.header().attributes.is_control() {
            continue;
        }
        let payload = batch.decoded_payload(DECODED_MAX)?;
        for record in batch.records(&payload) {
            let record = record?;
            let key = Bytes::copy_from_slice(record.key.unwrap_or_default());
            match records::decode(key, record.value.map(Bytes::copy_from_slice)) {
                Ok(known) => groups.apply(&known),
                Err(why) => {
                    warn!(offset = %record.offset, %why, "a record of __consumer_offsets was skipped")
                }
            }
        }
    }
    Ok(next)
}
