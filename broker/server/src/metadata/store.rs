//! The metadata log on disk: every decision is one batch, durable before it is applied. Blocking.
//!
//! From time to time the whole image is written as a snapshot and the log before it deleted, so that a start reads the
//! snapshot and what came after. A crash between the two leaves a longer log, which reads to the same image.

use thiserror::Error;
use weir_core::controller::{ApplyError, Image, Record, RecordError};
use weir_log::{Log, LogConfig, LogDir, LogError, RealDisk};
use weir_model::records::{BatchBuilder, BatchError, NewRecord, batches};
use weir_model::{LeaderEpoch, Millis, Offset};

/// Bytes of log after which a snapshot is taken.
const SNAPSHOT_EVERY: u64 = 8 << 20;
/// Bytes that one step of the replay reads.
const REPLAY_STEP: usize = 1 << 20;
/// The most a compressed batch of ours could ever unpack to; ours are not compressed.
const DECODED_MAX: usize = 256 << 20;

/// Why metadata can not be read or written.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("a metadata batch is damaged: {0}")]
    Batch(#[from] BatchError),
    #[error("at offset {offset}: {source}")]
    Record { offset: Offset, source: RecordError },
    #[error("at offset {offset}: {source}")]
    Apply { offset: Offset, source: ApplyError },
    #[error("the metadata log ends at {end}, but can not be read from {at}")]
    Gap { at: Offset, end: Offset },
}

/// The log, and how much of it is newer than the last snapshot.
#[derive(Debug)]
pub(crate) struct Store {
    log: Log<RealDisk>,
    since_snapshot: u64,
}

impl Store {
    /// Opens the log and replays it.
    pub(crate) fn open(dir: &LogDir<RealDisk>, now: Millis) -> Result<(Self, Image), StoreError> {
        let config = LogConfig { retention_ms: None, retention_bytes: None, delete: false, ..LogConfig::default() };
        let (mut log, _) = dir.open_metadata_log(config, now)?;
        let mut image = Image::default();
        let mut from = log.log_start();
        if let Some((offset, snapshot)) = log.latest_snapshot(log.log_end())? {
            apply_batches(&mut image, &snapshot, Offset::ZERO)?;
            from = offset;
        }
        let since_snapshot = replay(&mut log, &mut image, from)?;
        Ok((Self { log, since_snapshot }, image))
    }

    /// Makes the records durable, together.
    pub(crate) fn append(&mut self, records: &[Record], now: Millis) -> Result<(), StoreError> {
        let mut batch = batch_of(records, now)?;
        self.log.append(&mut batch, LeaderEpoch(0), now)?;
        self.since_snapshot += batch.len() as u64;
        if let Some(job) = self.log.sync_job() {
            let done = job.run();
            self.log.synced(done)?;
        }
        Ok(())
    }

    /// Takes a snapshot of `image`, which holds everything appended so far, when enough was appended.
    pub(crate) fn snapshot_if_due(&mut self, image: &Image, now: Millis) -> Result<(), StoreError> {
        if self.since_snapshot < SNAPSHOT_EVERY {
            return Ok(());
        }
        let snapshot = batch_of(&image.to_records(), now)?;
        let end = self.log.log_end();
        self.log.write_snapshot(end, &snapshot)?;
        self.log.delete_records_before(end)?;
        self.since_snapshot = 0;
        Ok(())
    }

    /// Syncs and closes.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        Ok(self.log.close()?)
    }
}

fn batch_of(records: &[Record], now: Millis) -> Result<bytes::BytesMut, StoreError> {
    let mut batch = BatchBuilder::new(Offset::ZERO);
    for record in records {
        let value = record.encode();
        batch.push(NewRecord { timestamp: now, value: Some(&value), ..NewRecord::default() })?;
    }
    Ok(batch.build()?)
}

/// Applies everything from `from` on; returns how many bytes that was.
fn replay(log: &mut Log<RealDisk>, image: &mut Image, from: Offset) -> Result<u64, StoreError> {
    let end = log.log_end();
    let (mut at, mut bytes_read) = (from, 0);
    while at < end {
        let bytes = log.read_bytes(at, end, REPLAY_STEP)?;
        let next = apply_batches(image, &bytes, at)?;
        if next <= at {
            return Err(StoreError::Gap { at, end });
        }
        at = next;
        bytes_read += bytes.len() as u64;
    }
    Ok(bytes_read)
}

/// Applies the records from `from` on; returns the offset after the last batch.
fn apply_batches(image: &mut Image, bytes: &[u8], from: Offset) -> Result<Offset, StoreError> {
    let mut next = from;
    for batch in batches(bytes) {
        let batch = batch?;
        batch.check_crc()?;
        let payload = batch.decoded_payload(DECODED_MAX)?;
        for record in batch.records(&payload) {
            let record = record?;
            if record.offset < from {
                continue;
            }
            let offset = record.offset;
            let decoded = Record::decode(record.value.unwrap_or_default())
                .map_err(|source| StoreError::Record { offset, source })?;
            image.apply(&decoded).map_err(|source| StoreError::Apply { offset, source })?;
        }
        next = batch.header().next_offset();
    }
    Ok(next)
}
