//! Reads a shard's log from its start into the coordinator's state.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::Notify;
use tracing::warn;
use weir_core::group::{Groups, records};
use weir_core::partition::{Isolation, ListOffsets, Reader};
use weir_log::read_exact;
use weir_model::records::{BatchError, batches};
use weir_model::{BrokerId, Offset};

use super::shard::Reigned;
use crate::net::outgoing::FileSpan;
use crate::partition::command::{ListedOffset, OffsetQuery, Place, Watch};
use crate::partition::{PartitionError, Read};

/// Sees what is committed.
const CONSUMER: Reader = Reader::Consumer(Isolation::ReadUncommitted);
/// Sees the log to its end.
const REPLICA: Reader = Reader::Follower(BrokerId(-1));
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

impl LoadError {
    /// Whether the reign that was to be read in is not the partition's.
    pub(super) fn is_fenced(&self) -> bool {
        matches!(self, Self::Partition(why) if why.is_fenced())
    }
}

/// Applies every record below the log's end as it is now, once it is committed: a write that we gave up on may be yet,
/// and must not come to pass behind the coordinator's back.
pub(super) async fn load(partition: &Reigned, groups: &mut Groups) -> Result<(), LoadError> {
    let mut at = boundary(partition, ListOffsets::Earliest, CONSUMER).await?;
    let end = boundary(partition, ListOffsets::Latest, REPLICA).await?;
    let more = Arc::new(Notify::new());
    while at < end {
        let read = Read {
            from: at,
            max_bytes: STEP,
            at_least_one: true,
            reader: CONSUMER,
            current_leader_epoch: Some(partition.epoch),
            last_fetched_epoch: None,
            watch: Some(Watch { fetch: Arc::downgrade(&more), enough: 1 }),
            place: Place::Leader,
        };
        let reply = partition.partition.read(read).await?;
        let Some(span) = reply.span else {
            if reply.bound.high_watermark < end {
                more.notified().await;
                continue;
            }
            // The rest of the log was compacted away.
            return Ok(());
        };
        let bytes = tokio::task::spawn_blocking(move || copy(&span)).await??;
        at = apply(groups, &bytes, at)?;
    }
    Ok(())
}

fn copy(span: &FileSpan) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; span.len];
    read_exact(&*span.file, &mut bytes, span.position)?;
    Ok(bytes)
}

async fn boundary(partition: &Reigned, what: ListOffsets, reader: Reader) -> Result<Offset, PartitionError> {
    let query = OffsetQuery { what, reader, current_leader_epoch: Some(partition.epoch) };
    let ListedOffset { offset, .. } = partition.partition.list_offsets(query).await?;
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

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::sync::mpsc;
    use weir_core::group::GroupConfig;
    use weir_core::partition::ReadBound;
    use weir_model::{LeaderEpoch, Millis};

    use super::*;
    use crate::partition::{Command, PartitionHandle, ReadReply};

    /// Answers the next command as a partition that holds what it committed, and nothing more in its files.
    fn answer(
        mailbox: &mut mpsc::Receiver<Box<Command>>,
        watermark: Offset,
        end: Offset,
    ) -> Option<Arc<Notify>> {
        match *mailbox.try_recv().ok()? {
            Command::ListOffsets(query, answer) => {
                let offset = match (query.what, query.reader) {
                    (ListOffsets::Earliest, _) => Offset::ZERO,
                    (_, Reader::Follower(_)) => end,
                    (_, Reader::Consumer(_)) => watermark,
                };
                let listed = ListedOffset { offset, timestamp: Millis::NONE, leader_epoch: LeaderEpoch(0) };
                answer.send(Ok(listed)).unwrap();
                None
            }
            Command::Read(read, answer) => {
                let bound = ReadBound {
                    limit: watermark,
                    high_watermark: watermark,
                    last_stable_offset: watermark,
                    log_start: Offset::ZERO,
                };
                answer.send(Ok(ReadReply { bound, span: None, diverging: None, preferred: None })).unwrap();
                read.watch.and_then(|watch| watch.fetch.upgrade())
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_was_written_but_is_not_committed_yet_is_waited_for() {
        let (sender, mut mailbox) = mpsc::channel(4);
        let partition = Reigned { partition: PartitionHandle::to(sender), epoch: LeaderEpoch(0) };
        let mut groups = Groups::new(GroupConfig::default());
        let mut loading = Box::pin(load(&partition, &mut groups));
        let (end, mut waiting) = (Offset(5), None);
        while waiting.is_none() {
            assert!(poll!(&mut loading).is_pending());
            waiting = answer(&mut mailbox, Offset::ZERO, end);
        }
        assert!(poll!(&mut loading).is_pending(), "a write is on its way");
        waiting.unwrap().notify_one();
        assert!(poll!(&mut loading).is_pending());
        answer(&mut mailbox, end, end);
        assert!(matches!(poll!(&mut loading), std::task::Poll::Ready(Ok(()))));
    }
}
