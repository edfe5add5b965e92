//! Compaction against a model: what a reader of the whole log would end up knowing must not change, whatever dies when.

use std::collections::BTreeMap;

use super::*;
use crate::compaction::CompactionJob;
use crate::disk::{CrashStyle, Disk};
use weir_model::DurationMs;
use weir_model::records::Codec;

type State = BTreeMap<Vec<u8>, (Offset, Option<Vec<u8>>)>;

fn config() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: DurationMs(1_000),
        segment_bytes: 2_000,
        ..small()
    }
}

fn keyed(seed: u64, i: u64) -> BytesMut {
    let mut builder =
        BatchBuilder::default().codec(if i.is_multiple_of(3) { Codec::Lz4 } else { Codec::None }, None);
    for j in 0..1 + i % 4 {
        let mix = (seed + i * 31 + j * 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let (key, value) =
            (format!("key {}", mix % 12), format!("value {i} {j} {}", "y".repeat(mix as usize % 60)));
        let value = (!mix.is_multiple_of(5)).then_some(value.as_bytes());
        let record =
            NewRecord { timestamp: Millis(i as i64), key: Some(key.as_bytes()), value, headers: &[] };
        builder.push(record).unwrap();
    }
    builder.build().unwrap()
}

/// What a consumer that reads everything ends up with; tombstones included.
fn state(log: &mut Log<MemoryDisk>) -> State {
    let mut state = State::new();
    let mut last = Offset(-1);
    for (_, bytes) in contents(log) {
        let batch = batches(&bytes).next().unwrap().unwrap();
        let payload = batch.decoded_payload(1 << 20).unwrap();
        for record in batch.records(&payload) {
            let record = record.unwrap();
            assert!(record.offset > last, "offsets ascend");
            last = record.offset;
            state.insert(record.key.unwrap().to_vec(), (record.offset, record.value.map(<[u8]>::to_vec)));
        }
    }
    state
}

fn records(log: &mut Log<MemoryDisk>) -> i32 {
    contents(log).iter().map(|(_, b)| weir_model::records::BatchHeader::parse(b).unwrap().count).sum()
}

fn filled(disk: &MemoryDisk, seed: u64, batches: u64) -> Log<MemoryDisk> {
    let (mut log, _) = open(disk, &config());
    for i in 0..batches {
        log.append(&mut keyed(seed, i), LeaderEpoch((i / 40) as i32), Millis(0)).unwrap();
    }
    sync(&mut log).unwrap();
    log
}

fn compact(log: &mut Log<MemoryDisk>, now: i64, map_bytes: usize) -> Result<Option<Compacted>, LogError> {
    let end = log.log_end();
    let Some(job) = log.compaction_job(Millis(now), end, map_bytes)? else { return Ok(None) };
    let compacted = log.install(job.run()?)?;
    assert_eq!(scrubbing::check_all(log), [], "what compaction wrote is sound");
    Ok(Some(compacted))
}

#[test]
fn the_latest_value_of_every_key_is_kept_at_its_offset() {
    for seed in 0..20 {
        let disk = MemoryDisk::new();
        let mut log = filled(&disk, seed, 120);
        let (before, count) = (state(&mut log), records(&mut log));
        let report = compact(&mut log, 0, 1 << 20).unwrap().unwrap();
        assert!(report.bytes_after < report.bytes_before);
        assert_eq!(state(&mut log), before);
        assert!(records(&mut log) < count / 2);
        assert!(compact(&mut log, 0, 1 << 20).unwrap().is_none(), "nothing is dirty any more");
        let end = log.log_end();
        log.close().unwrap();
        disk.kill();
        let (mut log, recovered) = open(&disk, &config());
        assert_eq!((log.log_end(), recovered), (end, Recovered::default()));
        assert_eq!(state(&mut log), before);
        assert!(compact(&mut log, 0, 1 << 20).unwrap().is_none(), "how far compaction got is remembered");
    }
}

#[test]
fn a_small_map_needs_several_passes_and_ends_the_same() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 3, 120);
    let before = state(&mut log);
    let mut passes = 0;
    while compact(&mut log, 0, 64 * 6).unwrap().is_some() {
        assert_eq!(state(&mut log), before);
        passes += 1;
        assert!(passes < 200);
    }
    assert!(passes > 3, "{passes}");
}

#[test]
fn tombstones_outlive_their_retention_and_then_go() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 5, 120);
    compact(&mut log, 10_000, 1 << 20).unwrap();
    let with_tombstones = state(&mut log);
    assert!(with_tombstones.values().any(|(_, value)| value.is_none()));
    let more = |log: &mut Log<MemoryDisk>| {
        for i in 0..40 {
            log.append(&mut batch(i, 2, 0), LeaderEpoch(9), Millis(0)).unwrap();
        }
        sync(log).unwrap();
    };
    more(&mut log);
    compact(&mut log, 10_900, 1 << 20).unwrap();
    let tombstones = |state: &State| state.values().filter(|(_, value)| value.is_none()).count();
    assert_eq!(tombstones(&state(&mut log)), tombstones(&with_tombstones));
    more(&mut log);
    let open_base = log.segments().last().unwrap().base;
    compact(&mut log, 12_000, 1 << 20).unwrap();
    let after = state(&mut log);
    assert!(after.values().all(|(offset, value)| value.is_some() || *offset >= open_base));
    let live = |state: &State| {
        let live = state.iter().filter(|(key, (_, value))| value.is_some() && *key != b"key");
        live.map(|(k, v)| (k.clone(), v.clone())).collect::<State>()
    };
    assert_eq!(live(&after), live(&with_tombstones));
}

#[test]
fn ratio_and_lags_decide_when_a_pass_is_due() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 1, 100);
    let end = log.log_end();
    let mut due = |now, up_to: Offset, config: LogConfig| {
        log.set_config(config);
        log.compaction_job(Millis(now), up_to, 1 << 20).unwrap().is_some()
    };
    assert!(due(0, end, config()));
    assert!(!due(0, Offset(1), config()), "nothing closed is below the bound");
    assert!(!due(0, end, LogConfig { compact: false, ..config() }));
    let lagging = LogConfig { min_compaction_lag_ms: DurationMs(1_000), ..config() };
    assert!(!due(500, end, lagging.clone()));
    assert!(due(5_000, end, lagging));
    let clean_enough = LogConfig { min_cleanable_dirty_ratio: 1.1, ..config() };
    assert!(!due(0, end, clean_enough.clone()));
    let overdue = LogConfig { max_compaction_lag_ms: Some(DurationMs(50)), ..clean_enough };
    assert!(due(1_000, end, overdue));
}

#[test]
fn a_pass_whose_segments_were_deleted_meanwhile_changes_nothing() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 2, 120);
    let end = log.log_end();
    let job = log.compaction_job(Millis(0), end, 1 << 20).unwrap().unwrap();
    let done = job.run().unwrap();
    log.delete_records_before(Offset(log.log_end().0 / 2)).unwrap();
    let before = state(&mut log);
    log.install(done).unwrap();
    assert_eq!(state(&mut log).len(), before.len());
    assert_eq!(state(&mut log), before);
    disk.crash(CrashStyle::LoseUnsynced, 1);
    assert_eq!(state(&mut open(&disk, &config()).0), before);
}

#[test]
fn a_log_that_is_only_compacted_begins_where_it_began_though_nothing_is_left_there() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config());
    for i in 0..60 {
        let value = format!("{i} {}", "v".repeat(200));
        let (key, value) = (Some(&b"the only key"[..]), Some(value.as_bytes()));
        let mut builder = BatchBuilder::default();
        builder.push(NewRecord { timestamp: Millis(i), key, value, headers: &[] }).unwrap();
        log.append(&mut builder.build().unwrap(), LeaderEpoch(0), Millis(0)).unwrap();
    }
    sync(&mut log).unwrap();
    compact(&mut log, 0, 1 << 20).unwrap().unwrap();
    assert!(log.segments().next().is_some_and(|first| first.bytes == 0), "nothing is left of the first");
    let end = log.log_end();
    let deleted = log.retention(Millis(0), end).unwrap();
    assert_eq!((deleted, log.log_start()), (Deleted::default(), Offset(0)));
    // Whoever has read nothing yet goes on with what is left.
    assert!(log.read(Offset(1), end, 1 << 20, true).unwrap().is_some());
}

#[test]
fn a_cancelled_pass_ends_early_and_changes_nothing() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 2, 120);
    let (end, before) = (log.log_end(), state(&mut log));
    let files = disk.list(&dir()).unwrap();
    let reads_of = |job: CompactionJob<MemoryDisk>| {
        let read = disk.bytes_read();
        (job.run().unwrap(), disk.bytes_read() - read)
    };
    let job = log.compaction_job(Millis(0), end, 1 << 20).unwrap().unwrap();
    job.cancellation().cancel();
    let (nothing, few) = reads_of(job);
    log.install(nothing).unwrap();
    assert_eq!((state(&mut log), disk.list(&dir()).unwrap()), (before, files));
    let due = log.compaction_job(Millis(0), end, 1 << 20).unwrap().expect("it is still due");
    let (_, many) = reads_of(due);
    assert!(few * 10 < many, "it went on for {few} of {many} bytes");
}

/// A log that was compacted once, so that the next pass merges segments.
fn compacted_once(disk: &MemoryDisk, seed: u64) -> Log<MemoryDisk> {
    let mut log = filled(disk, seed, 60);
    compact(&mut log, 0, 1 << 20).unwrap().unwrap();
    for i in 60..90 {
        log.append(&mut keyed(seed, i), LeaderEpoch(2), Millis(0)).unwrap();
    }
    sync(&mut log).unwrap();
    log
}

fn cut_everywhere(
    style: CrashStyle,
    seed: u64,
    map_bytes: usize,
    prepare: impl Fn(&MemoryDisk) -> Log<MemoryDisk>,
) {
    let disk = MemoryDisk::new();
    let mut log = prepare(&disk);
    let (expected, before) = (state(&mut log), disk.changes());
    compact(&mut log, 0, map_bytes).unwrap().unwrap();
    sync(&mut log).unwrap();
    for cut in before + 1..=disk.changes() {
        let what = format!("{style:?}, seed {seed}, cut at {cut}");
        let disk = MemoryDisk::new();
        let mut log = prepare(&disk);
        let end = log.log_end();
        disk.cut_at(cut);
        assert!(compact(&mut log, 0, map_bytes).and_then(|_| sync(&mut log)).is_err(), "{what}");
        drop(log);
        disk.crash(style, seed ^ cut);
        let (mut log, _) = open(&disk, &config());
        assert_eq!(log.log_end(), end, "{what}");
        assert!(state(&mut log) == expected, "{what}");
        while compact(&mut log, 0, 1 << 20).unwrap().is_some() {}
        assert!(state(&mut log) == expected, "{what}");
        log.close().unwrap();
        disk.crash(CrashStyle::LoseUnsynced, 0);
        let (mut log, recovered) = open(&disk, &config());
        assert_eq!(recovered, Recovered::default(), "{what}");
        assert!(state(&mut log) == expected, "{what}");
    }
}

#[test]
fn a_cut_at_every_boundary_of_a_pass_loses_no_key() {
    for style in [CrashStyle::LoseUnsynced, CrashStyle::KeepAll, CrashStyle::Scatter] {
        for seed in 0..3 {
            cut_everywhere(style, seed, 64 * 40, |disk| filled(disk, seed, 60));
        }
    }
}

#[test]
fn a_cut_at_every_boundary_of_a_merging_pass_loses_no_key() {
    let disk = MemoryDisk::new();
    let mut log = compacted_once(&disk, 0);
    let segments = log.segments().len();
    compact(&mut log, 0, 1 << 20).unwrap().unwrap();
    assert!(log.segments().len() < segments, "the pass merges");
    for style in [CrashStyle::LoseUnsynced, CrashStyle::KeepAll, CrashStyle::Scatter] {
        for seed in 0..4 {
            cut_everywhere(style, seed, 1 << 20, |disk| compacted_once(disk, seed));
        }
    }
}

#[test]
fn a_pass_on_a_full_disk_leaves_no_files_behind() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 4, 120);
    let (end, names) = (log.log_end(), disk.list(&dir()).unwrap());
    let used = disk.space(Path::new("/")).map(|s| s.total - s.free).unwrap();
    disk.set_capacity(used + 500);
    let job = log.compaction_job(Millis(0), end, 1 << 20).unwrap().unwrap();
    assert!(matches!(job.run(), Err(LogError::DiskFull { .. })));
    assert_eq!(disk.list(&dir()).unwrap(), names);
    assert!(!log.home.health().is_failed());
}
