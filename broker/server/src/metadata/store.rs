//! The metadata log on disk: every round of decisions is one batch, all or nothing, durable before it is published.
//! Blocking. A start replays it from its beginning: a record takes some tens of bytes, so even 100,000 partitions are
//! read in well under a second.

use super::reserve::Reserve;
use thiserror::Error;
use weir_core::controller::{ApplyError, Image, Record, RecordError};
use weir_log::{DataDir, DirHealth, Log, LogConfig, LogError, RealDisk};
use weir_model::records::{BatchBuilder, BatchError, NewRecord, batches};
use weir_model::{LeaderEpoch, Millis, Offset};

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

impl StoreError {
    /// Whether the data directory can not be trusted any more.
    pub(crate) fn is_failed_disk(&self) -> bool {
        matches!(self, Self::Log(LogError::Failed | LogError::Io { .. }))
    }
}

/// The log.
#[derive(Debug)]
pub(crate) struct Store {
    log: Log<RealDisk>,
    directory: DirHealth,
    reserve: Reserve,
}

impl Store {
    /// Opens the log and replays it.
    pub(crate) fn open(dir: &DataDir<RealDisk>) -> Result<(Self, Image), StoreError> {
        let config =
            LogConfig { retention_ms: None, retention_bytes: None, delete: false, ..LogConfig::default() };
        let home = dir.home();
        let (mut log, _) = Log::open(&home, &dir.metadata_dir(), config)?;
        let mut image = Image::default();
        replay(&mut log, &mut image)?;
        let reserve = Reserve::at(home.root());
        Ok((Self { log, directory: home.health().clone(), reserve }, image))
    }

    /// Makes the records durable, together. When that fails after they were written, nobody knows whether the next start
    /// finds them, so nothing may be decided without them: the directory fails with all that is in it.
    pub(crate) fn append(&mut self, records: &[Record], now: Millis) -> Result<(), StoreError> {
        let mut batch = batch_of(records, now)?;
        match self.log.append(&mut batch, LeaderEpoch(0), now) {
            Err(LogError::DiskFull { .. }) if makes_room(records) && self.reserve.give().is_ok() => {
                self.log.append(&mut batch, LeaderEpoch(0), now)?;
            }
            appended => {
                appended?;
                self.reserve.keep();
            }
        }
        self.sync().inspect_err(|_| self.directory.fail())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if let Some(job) = self.log.sync_job()? {
            let done = job.run();
            self.log.synced(done)?;
        }
        Ok(())
    }

    /// Syncs and closes.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        Ok(self.log.close()?)
    }
}

/// Whether there is more room on the disk once this was decided.
fn makes_room(records: &[Record]) -> bool {
    records.iter().any(|record| matches!(record, Record::TopicDeleted { .. }))
}

fn batch_of(records: &[Record], now: Millis) -> Result<bytes::BytesMut, StoreError> {
    let mut batch = BatchBuilder::new(Offset::ZERO);
    for record in records {
        let value = record.encode();
        batch.push(NewRecord { timestamp: now, value: Some(&value), ..NewRecord::default() })?;
    }
    Ok(batch.build()?)
}

fn replay(log: &mut Log<RealDisk>, image: &mut Image) -> Result<(), StoreError> {
    let (mut at, end) = (log.log_start(), log.log_end());
    while at < end {
        let bytes = log.read_bytes(at, end, REPLAY_STEP)?;
        let next = apply_batches(image, &bytes, at)?;
        if next <= at {
            return Err(StoreError::Gap { at, end });
        }
        at = next;
    }
    Ok(())
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
