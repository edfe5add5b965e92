//! Writes the records of a round: batches of bounded size, appended together, each acknowledged by every in-sync
//! replica.

use bytes::BytesMut;
use thiserror::Error;
use tokio::sync::oneshot;
use weir_core::group::Record;
use weir_core::group::records::{Unencodable, encode_key, encode_value};
use weir_core::partition::{Acks, BatchFacts};
use weir_model::records::{BatchBuilder, BatchError, BatchHeader, NewRecord};
use weir_model::{DurationMs, Millis, Offset};

use super::shard::Reigned;
use crate::clock;
use crate::partition::{Append, PartitionError};

/// A page is written as one batch; it is closed when it has this many bytes of records.
const PAGE_BYTES: usize = 256 * 1024;
/// The most bytes the records of one decision may take: they are one batch, all or nothing, and a batch has to fit into
/// the offsets topic's `max.message.bytes`.
const DECISION_BYTES_MAX: usize = 900 * 1024;
/// How long a write may wait for its replicas (`offsets.commit.timeout.ms` of Kafka).
const COMMIT_TIMEOUT: DurationMs = DurationMs(5_000);

/// Records encoded, in pages.
#[derive(Default)]
pub(super) struct Pages {
    pages: Vec<Page>,
}

#[derive(Default)]
struct Page {
    bytes: usize,
    records: Vec<(bytes::Bytes, Option<bytes::Bytes>)>,
}

/// Why records can not be written at all.
#[derive(Debug, Error)]
pub(super) enum Oversized {
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
    #[error("the records take {0} bytes, the most is {DECISION_BYTES_MAX}")]
    Size(usize),
}

/// Why a round was not committed.
#[derive(Debug, Error)]
pub(super) enum CommitError {
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error("a batch can not be built: {0}")]
    Batch(#[from] BatchError),
}

impl Pages {
    /// Adds the records of one decision, all on one page.
    pub(super) fn add(&mut self, records: &[Record]) -> Result<(), Oversized> {
        if records.is_empty() {
            return Ok(());
        }
        let mut page = Page::default();
        for record in records {
            let (key, value) = (encode_key(record)?, encode_value(record)?);
            page.bytes += key.len() + value.as_ref().map_or(0, bytes::Bytes::len);
            page.records.push((key, value));
        }
        if page.bytes > DECISION_BYTES_MAX {
            return Err(Oversized::Size(page.bytes));
        }
        match self.pages.last_mut().filter(|last| last.bytes + page.bytes <= PAGE_BYTES) {
            Some(last) => {
                last.bytes += page.bytes;
                last.records.append(&mut page.records);
            }
            None => self.pages.push(page),
        }
        Ok(())
    }
}

/// Appends every page and waits until all are committed.
pub(super) async fn commit(partition: &Reigned, pages: Pages) -> Result<(), CommitError> {
    let mut answers = Vec::with_capacity(pages.pages.len());
    let now = clock::now();
    for page in pages.pages {
        let batch = build(&page, now)?;
        let (answer, answered) = oneshot::channel();
        let append = Append {
            facts: facts_of(&batch)?,
            batch,
            acks: Acks::All,
            leader_epoch: Some(partition.epoch),
            append_time: Millis::NONE,
            deadline: clock::steady() + COMMIT_TIMEOUT,
            answer,
        };
        partition.partition.append(append).await?;
        answers.push(answered);
    }
    for answered in answers {
        answered.await.unwrap_or(Err(PartitionError::Stopped))?;
    }
    Ok(())
}

fn build(page: &Page, now: Millis) -> Result<BytesMut, BatchError> {
    let mut batch = BatchBuilder::new(Offset::ZERO);
    for (key, value) in &page.records {
        batch.push(NewRecord {
            timestamp: now,
            key: Some(key),
            value: value.as_deref(),
            ..NewRecord::default()
        })?;
    }
    batch.build()
}

fn facts_of(batch: &[u8]) -> Result<BatchFacts, BatchError> {
    Ok((&BatchHeader::parse(batch)?).into())
}
