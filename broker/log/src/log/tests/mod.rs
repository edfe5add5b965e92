//! What a log does, from the outside, on a disk in memory.

mod basics;
mod compaction;
mod crash;
mod failures;
mod model;
mod real;
mod reserving;
mod scrubbing;
mod together;

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use weir_model::records::{BatchBuilder, NewRecord, batches};

use super::*;
use crate::disk::MemoryDisk;

pub(super) const EPOCH: LeaderEpoch = LeaderEpoch(1);

pub(super) fn dir() -> PathBuf {
    Path::new("/data/topics/t/0").to_owned()
}

pub(super) fn home(disk: &MemoryDisk) -> Home<MemoryDisk> {
    let root = Path::new("/data");
    create_dirs(disk, root).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    Home::new(disk.clone(), root)
}

pub(super) fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 4096,
        index_interval_bytes: 256,
        checkpoint_bytes: 2048,
        reserve_from: 1500,
        reserve_bytes: 512,
        ..LogConfig::default()
    }
}

pub(super) fn open(disk: &MemoryDisk, config: &LogConfig) -> (Log<MemoryDisk>, Recovered) {
    Log::open(&home(disk), &dir(), config.clone()).unwrap()
}

/// A batch of `count` records whose values tell `tag`, at times from `time` on.
pub(super) fn batch(tag: u64, count: usize, time: i64) -> BytesMut {
    let mut builder = BatchBuilder::default();
    for i in 0..count {
        let value = format!("value {tag} {i} {}", "x".repeat((tag % 97) as usize));
        let record = NewRecord {
            timestamp: Millis(time + i as i64),
            key: Some(b"key"),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        builder.push(record).unwrap();
    }
    builder.build().unwrap()
}

pub(super) fn sync(log: &mut Log<MemoryDisk>) -> Result<Offset, LogError> {
    match log.sync_job()? {
        Some(job) => log.synced(job.run()),
        None => Ok(log.durable_end()),
    }
}

/// Every batch from the log's start on, read as a consumer does.
pub(super) fn contents(log: &mut Log<MemoryDisk>) -> Vec<(Offset, Vec<u8>)> {
    let mut all = Vec::new();
    let mut at = log.log_start();
    while let Some(slice) = log.read(at, log.log_end(), 700, true).unwrap() {
        assert!(slice.next > at, "a read makes progress");
        for batch in batches(&slice.to_bytes().unwrap()) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            all.push((batch.header().base_offset, batch.bytes().to_vec()));
        }
        at = slice.next;
    }
    assert_eq!(at, log.log_end());
    all
}
