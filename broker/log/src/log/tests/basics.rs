use super::*;
use crate::disk::DiskFile;
use crate::names;

#[test]
fn an_empty_log_costs_nothing_on_disk() {
    let disk = MemoryDisk::new();
    let _ = home(&disk);
    let before = disk.changes();
    let (mut log, recovered) = open(&disk, &small());
    assert_eq!(recovered, Recovered::default());
    assert_eq!((log.log_start(), log.log_end()), (Offset(0), Offset(0)));
    assert!(log.read(Offset(0), Offset(0), 100, true).unwrap().is_none());
    assert!(log.sync_job().unwrap().is_none());
    assert_eq!(disk.changes() - before, 2, "the helper's own directory calls");
}

#[test]
fn what_was_appended_is_read_back_across_segments_and_a_restart() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    let mut expected = Vec::new();
    for i in 0..200 {
        let mut bytes = batch(i, 1 + (i % 5) as usize, 1000 + i as i64);
        let appended = log.append(&mut bytes, EPOCH, Millis(i as i64)).unwrap();
        expected.push((appended.base, bytes.to_vec()));
    }
    assert!(log.segments().len() > 5);
    assert_eq!(contents(&mut log), expected);
    assert_eq!(log.durable_end(), Offset(0));
    assert_eq!(sync(&mut log).unwrap(), log.log_end());
    assert_eq!(log.unflushed_messages(), 0);
    let end = log.log_end();
    log.close().unwrap();
    disk.kill();
    let read = disk.bytes_read();
    let (mut log, recovered) = open(&disk, &small());
    assert_eq!((log.log_end(), log.durable_end()), (end, end));
    assert_eq!(recovered, Recovered::default());
    assert!(disk.bytes_read() - read < 20_000, "only small files were read");
    assert_eq!(contents(&mut log), expected);
}

#[test]
fn a_read_gives_whole_batches_below_the_bound() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig::default());
    let mut sizes = Vec::new();
    for i in 0..10 {
        let mut bytes = batch(i, 10, 0);
        sizes.push(bytes.len());
        log.append(&mut bytes, EPOCH, Millis(0)).unwrap();
    }
    let read = |log: &mut Log<MemoryDisk>, from, up_to, max, one| {
        log.read(Offset(from), Offset(up_to), max, one).unwrap().map(|s| (s.base.0, s.next.0, s.len))
    };
    assert_eq!(read(&mut log, 15, 100, 1, true), Some((10, 20, sizes[1])), "inside a batch: the whole batch");
    assert_eq!(read(&mut log, 15, 100, 1, false), None);
    assert_eq!(read(&mut log, 0, 100, sizes[0] + sizes[1], true), Some((0, 20, sizes[0] + sizes[1])));
    assert_eq!(read(&mut log, 0, 100, sizes[0] + sizes[1] - 1, true), Some((0, 10, sizes[0])));
    assert_eq!(read(&mut log, 0, 35, 1 << 20, true), Some((0, 30, sizes[..3].iter().sum())));
    assert_eq!(read(&mut log, 0, 5, 1 << 20, true), None, "the first batch is not below the bound");
    assert_eq!(read(&mut log, 100, 100, 1 << 20, true), None);
    assert!(matches!(log.read(Offset(101), Offset(101), 1, true), Err(LogError::OutOfRange { .. })));
}

#[test]
fn many_batches_are_appended_by_one_write() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig::default());
    log.append(&mut batch(0, 1, 0), EPOCH, Millis(0)).unwrap();
    let before = disk.changes();
    let (mut a, mut b) = (batch(1, 3, 0), batch(2, 2, 0));
    let appended = log.append_many(&mut [&mut a, &mut b], EPOCH, Millis(0)).unwrap();
    assert_eq!((appended.base, appended.end), (Offset(1), Offset(6)));
    assert_eq!(disk.changes() - before, 1);
    assert_eq!(contents(&mut log)[2], (Offset(4), b.to_vec()));
}

#[test]
fn a_replica_holds_the_same_bytes() {
    let (leader_disk, follower_disk) = (MemoryDisk::new(), MemoryDisk::new());
    let (mut leader, _) = open(&leader_disk, &small());
    let (mut follower, _) = open(&follower_disk, &small());
    for i in 0..60 {
        leader.append(&mut batch(i, 2, 0), LeaderEpoch((i / 20) as i32), Millis(0)).unwrap();
    }
    while follower.log_end() < leader.log_end() {
        let bytes = leader.read_bytes(follower.log_end(), leader.log_end(), 900).unwrap();
        follower.append_replicated(&bytes, Millis(0)).unwrap();
    }
    assert_eq!(contents(&mut follower), contents(&mut leader));
    assert_eq!(follower.epochs(), leader.epochs());
    let again = leader.read_bytes(Offset(0), leader.log_end(), 900).unwrap();
    assert!(matches!(follower.append_replicated(&again, Millis(0)), Err(LogError::NotContiguous { .. })));
}

#[test]
fn a_slice_outlives_its_segment() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    for i in 0..100 {
        log.append(&mut batch(i, 2, 0), EPOCH, Millis(0)).unwrap();
    }
    let slice = log.read(Offset(0), log.log_end(), 500, true).unwrap().unwrap();
    let before = slice.to_bytes().unwrap();
    log.delete_records_before(log.log_end()).unwrap();
    assert_eq!(log.segments().len(), 1);
    assert_eq!(slice.to_bytes().unwrap(), before);
    assert!(slice.file.len().unwrap() > 0);
}

#[test]
fn deleted_records_stay_deleted() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    for i in 0..100 {
        log.append(&mut batch(i, 2, 0), EPOCH, Millis(0)).unwrap();
    }
    sync(&mut log).unwrap();
    log.delete_records_before(Offset(101)).unwrap();
    log.delete_records_before(Offset(50)).unwrap();
    assert_eq!(log.log_start(), Offset(101));
    assert!(matches!(log.read(Offset(100), Offset(200), 1, true), Err(LogError::OutOfRange { .. })));
    assert_eq!(log.read(Offset(101), Offset(200), 1, true).unwrap().unwrap().base, Offset(100));
    assert!(matches!(log.delete_records_before(Offset(201)), Err(LogError::OutOfRange { .. })));
    let expected = contents(&mut log);
    disk.crash(crate::CrashStyle::LoseUnsynced, 0);
    let (mut log, _) = open(&disk, &small());
    assert_eq!((log.log_start(), log.log_end()), (Offset(101), Offset(200)));
    assert_eq!(contents(&mut log), expected);
    assert_eq!(log.epochs().entries(), [(EPOCH, Offset(101))]);
}

#[test]
fn retention_deletes_by_age_and_size_but_never_at_the_high_watermark() {
    let disk = MemoryDisk::new();
    let config = LogConfig { retention_ms: Some(weir_model::DurationMs(1000)), ..small() };
    let (mut log, _) = open(&disk, &config);
    for i in 0..100 {
        log.append(&mut batch(i, 2, i as i64 * 100), EPOCH, Millis(0)).unwrap();
    }
    assert_eq!(log.retention(Millis(100_000), Offset(0)).unwrap(), Deleted::default());
    let deleted = log.retention(Millis(6_000), Offset(200)).unwrap();
    assert!(deleted.segments > 0 && log.log_start() > Offset(0) && log.log_start() < Offset(101));
    let info = log.segments().next().unwrap();
    assert_eq!(info.base, log.log_start());

    let size = log.size();
    log.set_config(LogConfig { retention_ms: None, retention_bytes: Some(size / 2), ..small() });
    log.retention(Millis(6_000), Offset(200)).unwrap();
    assert!(log.size() >= size / 2 && log.size() < size / 2 + 4096 + 500);

    log.set_config(config.clone());
    log.retention(Millis(1_000_000), Offset(200)).unwrap();
    assert_eq!((log.log_start(), log.log_end(), log.size()), (Offset(200), Offset(200), 0));
    disk.crash(crate::CrashStyle::LoseUnsynced, 0);
    let (mut log, _) = open(&disk, &config);
    assert_eq!((log.log_start(), log.log_end()), (Offset(200), Offset(200)));
    assert_eq!(log.append(&mut batch(1, 1, 0), EPOCH, Millis(0)).unwrap().base, Offset(200));
}

#[test]
fn segments_roll_by_time() {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_ms: weir_model::DurationMs(1000), ..LogConfig::default() };
    let (mut log, _) = open(&disk, &config);
    for time in [5_000, 5_500, 6_000, 6_001, 6_500, 9_000] {
        log.append(&mut batch(0, 1, time), EPOCH, Millis(time)).unwrap();
    }
    let bases: Vec<_> = log.segments().map(|s| s.base.0).collect();
    assert_eq!(bases, [0, 3, 5]);
}

#[test]
fn times_are_found_as_offsets() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    for i in 0..100i64 {
        // Two steps forward, one back.
        let time = if i % 3 == 2 { i * 10 - 500 } else { i * 10 };
        log.append(&mut batch(i as u64, 2, time), LeaderEpoch(i as i32 / 50), Millis(0)).unwrap();
    }
    let times: Vec<i64> =
        (0..200).map(|o| (if o / 2 % 3 == 2 { o / 2 * 10 - 500 } else { o / 2 * 10 }) + o % 2).collect();
    for asked in (-600..1100).step_by(7) {
        let expected = times.iter().position(|t| *t >= asked);
        let got = log.offset_for_timestamp(Millis(asked), Offset(200)).unwrap();
        assert_eq!(got.map(|h| h.offset.0 as usize), expected, "time {asked}");
        assert_eq!(got.map(|h| h.timestamp.0), expected.map(|o| times[o]));
    }
    let latest = log.max_timestamp(Offset(200)).unwrap().unwrap();
    assert_eq!((latest.offset, latest.timestamp), (Offset(199), Millis(991)));
    assert_eq!(log.max_timestamp(Offset(98)).unwrap().unwrap().offset, Offset(97));
    assert_eq!(latest.leader_epoch, LeaderEpoch(1));
    assert_eq!(log.offset_for_timestamp(Millis(900), Offset(180)).unwrap(), None, "at or above the bound");
    log.delete_records_before(Offset(31)).unwrap();
    log.close().unwrap();
    let (mut log, _) = open(&disk, &small());
    for asked in (-600..1100).step_by(7) {
        let expected = times.iter().skip(31).position(|t| *t >= asked).map(|o| o + 31);
        let got = log.offset_for_timestamp(Millis(asked), Offset(200)).unwrap();
        assert_eq!(got.map(|h| h.offset.0 as usize), expected, "time {asked}");
    }
}

#[test]
fn the_time_of_whatever_comes_next_is_that_of_its_batch() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    for i in 0..100i64 {
        log.append(&mut batch(i as u64, 2, 1_000 + i), EPOCH, Millis(0)).unwrap();
    }
    for from in 0..200 {
        assert_eq!(log.time_at(Offset(from), Offset(200)).unwrap(), Some(Millis(1_000 + from / 2)), "{from}");
    }
    assert_eq!(log.time_at(Offset(200), Offset(200)).unwrap(), None, "nothing is left to read");
    assert_eq!(log.time_at(Offset(150), Offset(150)).unwrap(), None, "nothing that may be read");
    assert_eq!(log.time_at(Offset(i64::MAX), Offset(200)).unwrap(), None, "a place that is not there yet");
    log.delete_records_before(Offset(31)).unwrap();
    assert_eq!(
        log.time_at(Offset(3), Offset(200)).unwrap(),
        Some(Millis(1_015)),
        "what is gone waits no longer"
    );
}

#[test]
fn a_cut_at_the_end_takes_reigns_that_wrote_nothing_and_syncs_nothing() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    log.append(&mut batch(1, 2, 0), EPOCH, Millis(0)).unwrap();
    log.begin_epoch(LeaderEpoch(4));
    assert_eq!(log.truncate_to(Offset(2)).unwrap(), Offset(2));
    assert_eq!(log.epochs().latest(), Some((EPOCH, Offset(0))));
    assert_eq!(log.durable_end(), Offset(0));
}

#[test]
fn truncation_cuts_at_a_batch_and_appends_go_on_from_there() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    for i in 0..100 {
        log.append(&mut batch(i, 2, i as i64), LeaderEpoch(i as i32 / 10), Millis(0)).unwrap();
    }
    sync(&mut log).unwrap();
    let mut expected = contents(&mut log);
    log.write_snapshot(Offset(60), b"sixty").unwrap();
    log.write_snapshot(Offset(150), b"later").unwrap();
    assert_eq!(log.truncate_to(Offset(91)).unwrap(), Offset(90));
    expected.truncate(45);
    assert_eq!(contents(&mut log), expected);
    assert_eq!(log.epochs().latest(), Some((LeaderEpoch(4), Offset(80))));
    assert_eq!(log.latest_snapshot(Offset(1000)), Some((Offset(60), b"sixty".to_vec())));
    disk.crash(crate::CrashStyle::LoseUnsynced, 0);
    let (mut log, _) = open(&disk, &small());
    assert_eq!(contents(&mut log), expected);
    assert_eq!(log.append(&mut batch(7, 1, 0), LeaderEpoch(11), Millis(0)).unwrap().base, Offset(90));
    log.truncate_to(Offset(0)).unwrap();
    assert_eq!((log.log_end(), log.segments().len()), (Offset(0), 0));
    for start in [500, 30] {
        log.append(&mut batch(7, 3, 0), LeaderEpoch(12), Millis(0)).unwrap();
        log.truncate_fully_at(Offset(start)).unwrap();
        disk.crash(crate::CrashStyle::LoseUnsynced, 0);
        log = open(&disk, &small()).0;
        assert_eq!((log.log_start(), log.log_end()), (Offset(start), Offset(start)));
        assert_eq!(log.append(&mut batch(7, 1, 0), LeaderEpoch(13), Millis(0)).unwrap().base, Offset(start));
    }
}

#[test]
fn headers_are_shown_from_the_batch_that_holds_an_offset() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    for i in 0..50 {
        log.append(&mut batch(i, 4, 0), EPOCH, Millis(0)).unwrap();
    }
    for from in [0, 1, 4, 99, 199, 200] {
        let mut bases = Vec::new();
        log.for_each_header(Offset(from), |h| bases.push(h.base_offset.0)).unwrap();
        assert_eq!(bases, (from / 4 * 4..200).step_by(4).collect::<Vec<_>>(), "from {from}");
    }
}

#[test]
fn old_snapshots_go_and_damaged_ones_are_skipped() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig { recovery_bytes: 2_000, ..small() });
    for i in 0..40 {
        log.append(&mut batch(0, 30, 0), EPOCH, Millis(0)).unwrap();
        sync(&mut log).unwrap();
        let end = log.log_end();
        log.write_snapshot(end, format!("at {end}").as_bytes()).unwrap();
        assert!(log.snapshots.len() <= 3, "after {i}: {:?}", log.snapshots);
    }
    let files = disk.list(&dir()).unwrap();
    assert_eq!(files.iter().filter(|f| f.name.ends_with(".snapshot")).count(), log.snapshots.len());
    let [oldest, .., before, newest] = log.snapshots[..] else { panic!("{:?}", log.snapshots) };
    assert!(newest == log.log_end() && oldest > Offset(1_000), "{:?}", log.snapshots);
    assert_eq!(log.latest_snapshot(newest.plus(-1)), Some((before, format!("at {before}").into_bytes())));
    assert_eq!(log.latest_snapshot(oldest.plus(-1)), None);
    assert!(disk.flip_bit(&names::path(&dir(), newest, "snapshot"), 15, 3));
    assert_eq!(log.latest_snapshot(Offset(9_999)).unwrap().0, before);
}

#[test]
fn a_snapshot_is_due_when_a_restart_would_replay_much() {
    let disk = MemoryDisk::new();
    let config = LogConfig { recovery_bytes: 2_000, ..small() };
    let (mut log, _) = open(&disk, &config);
    let fill = |log: &mut Log<MemoryDisk>| {
        while !log.snapshot_due() {
            log.append(&mut batch(0, 2, 0), EPOCH, Millis(0)).unwrap();
        }
    };
    assert!(!log.snapshot_due(), "nothing is there");
    fill(&mut log);
    assert_eq!(log.since_snapshot(), log.size());
    log.write_snapshot(log.log_end(), b"all").unwrap();
    assert!(log.since_snapshot() == 0 && !log.snapshot_due());
    fill(&mut log);
    let (since, end) = (log.since_snapshot(), log.log_end());
    drop(log);
    disk.kill();
    let (mut log, _) = open(&disk, &config);
    assert!(log.snapshot_due() && log.since_snapshot() == since, "{since} before, {}", log.since_snapshot());
    disk.set_capacity(1);
    log.write_snapshot(end, b"no room").unwrap();
    assert!(!log.snapshot_due(), "it would be tried again with each append");
    disk.set_capacity(1 << 20);
    fill(&mut log);
    log.write_snapshot(log.log_end(), b"room").unwrap();
    log.truncate_to(end).unwrap();
    assert_eq!(log.since_snapshot(), since, "the newest one went with what was cut");
}

#[test]
fn an_epoch_without_records_is_known() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    log.begin_epoch(LeaderEpoch(0));
    log.append(&mut batch(0, 3, 0), LeaderEpoch(0), Millis(0)).unwrap();
    log.begin_epoch(LeaderEpoch(5));
    assert_eq!(log.epochs().end_offset_for(LeaderEpoch(3), log.log_end()), Some((LeaderEpoch(0), Offset(3))));
    assert_eq!(log.epochs().end_offset_for(LeaderEpoch(5), log.log_end()), Some((LeaderEpoch(5), Offset(3))));
}

#[test]
fn the_handles_and_indexes_of_closed_segments_are_bounded() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    for i in 0..400 {
        log.append(&mut batch(i, 2, 0), EPOCH, Millis(0)).unwrap();
        if i % 50 == 0 {
            sync(&mut log).unwrap();
        }
    }
    sync(&mut log).unwrap();
    contents(&mut log);
    let open_files = log.segments.iter().filter(|s| s.file.is_some()).count();
    assert!(open_files <= MOST_OPEN_CLOSED_SEGMENTS + 1, "{open_files}");
    assert_eq!(contents(&mut log).len(), 400);
}

#[test]
fn a_log_that_nobody_used_since_it_was_last_asked_keeps_no_file_open() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    log.append(&mut batch(0, 2, 0), EPOCH, Millis(0)).unwrap();
    let is_open = |log: &Log<MemoryDisk>| log.segments.iter().any(|s| s.file.is_some());
    log.release_idle();
    log.release_idle();
    assert!(is_open(&log), "what is not synced stays open");
    sync(&mut log).unwrap();
    log.release_idle();
    assert!(is_open(&log), "it was used a moment ago");
    log.release_idle();
    assert!(!is_open(&log));
    assert_eq!(contents(&mut log).len(), 1);
}
