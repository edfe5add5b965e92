//! One sync of the file system for the jobs of many logs.

use super::*;
use crate::disk::{CrashStyle, MemoryVolume};

const MANY: u64 = 7;

fn at(number: u64) -> PathBuf {
    Path::new("/data/topics/t").join(number.to_string())
}

fn volume(disk: &MemoryDisk) -> MemoryVolume {
    let file = Path::new("/data/lock");
    let _lock = disk.lock(file).unwrap();
    disk.volume(file).unwrap()
}

/// An empty disk, the home of logs on it, and its file system as a whole.
fn site() -> (MemoryDisk, Home<MemoryDisk>, MemoryVolume) {
    let disk = MemoryDisk::new();
    let home = home(&disk);
    let volume = volume(&disk);
    (disk, home, volume)
}

/// Logs of two batches each, with the jobs that sync them.
fn written(home: &Home<MemoryDisk>) -> (Vec<Log<MemoryDisk>>, Vec<SyncJob<MemoryDisk>>) {
    let mut logs = Vec::new();
    let mut jobs = Vec::new();
    for number in 0..MANY {
        let (mut log, _) = Log::open(home, &at(number), LogConfig::default()).unwrap();
        for tag in 0..2 {
            log.append(&mut batch(number * 10 + tag, 3, 0), EPOCH, Millis(0)).unwrap();
        }
        jobs.push(log.sync_job().unwrap().unwrap());
        logs.push(log);
    }
    (logs, jobs)
}

#[test]
fn what_was_synced_together_survives_every_crash_with_its_names() {
    for style in [CrashStyle::LoseUnsynced, CrashStyle::Scatter] {
        for seed in 0..20 {
            let (disk, home, volume) = site();
            let (mut logs, jobs) = written(&home);
            assert!(jobs.iter().all(|job| job.bytes() > 0 && !job.wants_its_own()));
            let before = disk.syncs();
            let done = SyncJob::run_together(jobs, &volume);
            assert_eq!(disk.syncs() - before, 1);
            for (log, done) in logs.iter_mut().zip(done) {
                assert_eq!(log.synced(done).unwrap(), Offset(6));
            }
            let all: Vec<_> = logs.iter_mut().map(contents).collect();
            disk.crash(style, seed);
            let home = Home::new(disk, Path::new("/data"));
            for (number, before) in (0..).zip(all) {
                let (mut log, recovered) = Log::open(&home, &at(number), LogConfig::default()).unwrap();
                assert_eq!((contents(&mut log), recovered.truncated_bytes), (before, 0));
            }
        }
    }
}

#[test]
fn a_power_cut_meanwhile_acknowledges_nothing_and_leaves_prefixes() {
    let whole = {
        let disk = MemoryDisk::new();
        let home = home(&disk);
        let _volume = volume(&disk);
        let (mut logs, _jobs) = written(&home);
        contents(&mut logs[0])
    };
    for seed in 0..20 {
        let (disk, home, volume) = site();
        let (mut logs, jobs) = written(&home);
        disk.cut_at(disk.changes() + 1);
        let done = SyncJob::run_together(jobs, &volume);
        for (log, done) in logs.iter_mut().zip(done) {
            assert!(log.synced(done).is_err());
            assert_eq!(log.durable_end(), Offset(0));
        }
        disk.crash(CrashStyle::Scatter, seed);
        let home = Home::new(disk, Path::new("/data"));
        let (mut log, _) = Log::open(&home, &at(0), LogConfig::default()).unwrap();
        let left = contents(&mut log);
        assert!(whole.starts_with(&left), "seed {seed}");
    }
}

#[test]
fn a_log_on_another_file_system_is_synced_there() {
    let (here, elsewhere) = (MemoryDisk::new(), MemoryDisk::new());
    let _ = home(&here);
    let volume = volume(&here);
    let (mut logs, jobs) = written(&home(&elsewhere));
    for (log, done) in logs.iter_mut().zip(SyncJob::run_together(jobs, &volume)) {
        assert_eq!(log.synced(done).unwrap(), Offset(6));
    }
    elsewhere.crash(CrashStyle::LoseUnsynced, 0);
    let home = Home::new(elsewhere, Path::new("/data"));
    for number in 0..MANY {
        let (log, _) = Log::open(&home, &at(number), LogConfig::default()).unwrap();
        assert_eq!(log.log_end(), Offset(6), "log {number}");
    }
}

#[test]
fn what_is_appended_after_a_job_was_made_is_not_promised_by_it() {
    let (_disk, home, volume) = site();
    let (mut logs, jobs) = written(&home);
    logs[0].append(&mut batch(7, 3, 0), EPOCH, Millis(0)).unwrap();
    logs[1].truncate_to(Offset(3)).unwrap();
    let done = SyncJob::run_together(jobs, &volume);
    let ends: Vec<_> = logs.iter_mut().zip(done).map(|(log, done)| log.synced(done).unwrap()).collect();
    assert_eq!((ends[0], logs[0].log_end()), (Offset(6), Offset(9)));
    assert_eq!(ends[1], logs[1].durable_end());
    assert!(ends[1] <= Offset(3));
    assert!(ends[2..].iter().all(|end| *end == Offset(6)));
}

#[test]
fn a_failure_fails_every_job_and_the_directory() {
    let (disk, home, volume) = site();
    let (mut logs, jobs) = written(&home);
    disk.fail_syncs(true);
    let done = SyncJob::run_together(jobs, &volume);
    disk.fail_syncs(false);
    let mut failures = logs.iter_mut().zip(done).map(|(log, done)| log.synced(done).unwrap_err());
    assert!(matches!(failures.next(), Some(LogError::Io { .. })));
    assert!(failures.all(|error| matches!(error, LogError::Failed)));
    assert!(home.health().is_failed());
}

#[test]
fn nothing_is_synced_for_a_directory_that_has_failed() {
    let (disk, home, volume) = site();
    let (mut logs, jobs) = written(&home);
    home.health().fail();
    let before = disk.syncs();
    let done = SyncJob::run_together(jobs, &volume);
    assert_eq!(disk.syncs(), before);
    assert!(logs.iter_mut().zip(done).all(|(log, done)| log.synced(done).is_err()));
}

#[test]
fn what_an_earlier_process_wrote_wants_a_sync_of_its_own_once() {
    let disk = MemoryDisk::new();
    drop(written(&home(&disk)));
    disk.kill();
    let home = Home::new(disk, Path::new("/data"));
    let (mut log, _) = Log::open(&home, &at(0), LogConfig::default()).unwrap();
    assert!(log.durable_end() < log.log_end());
    let job = log.sync_job().unwrap().unwrap();
    assert!(job.wants_its_own());
    log.synced(job.run()).unwrap();
    log.append(&mut batch(1, 1, 0), EPOCH, Millis(0)).unwrap();
    assert!(!log.sync_job().unwrap().unwrap().wants_its_own());
}

/// As [`written`], of leaders that have just begun to lead: each job writes a checkpoint.
fn begun(home: &Home<MemoryDisk>) -> (Vec<Log<MemoryDisk>>, Vec<SyncJob<MemoryDisk>>) {
    let (mut logs, jobs) = written(home);
    for (log, job) in logs.iter_mut().zip(jobs) {
        log.synced(job.run()).unwrap();
        log.begin_epoch(LeaderEpoch(7));
        log.append(&mut batch(9, 3, 0), LeaderEpoch(7), Millis(0)).unwrap();
    }
    let jobs = logs.iter_mut().map(|log| log.sync_job().unwrap().unwrap()).collect();
    (logs, jobs)
}

#[test]
fn the_checkpoints_of_new_reigns_are_one_sync_more_for_all_of_them() {
    let (disk, home, volume) = site();
    let (mut logs, jobs) = begun(&home);
    assert!(jobs.iter().all(|job| !job.wants_its_own()));
    let before = disk.syncs();
    let done = SyncJob::run_together(jobs, &volume);
    assert_eq!(disk.syncs() - before, 2);
    for (log, done) in logs.iter_mut().zip(done) {
        assert_eq!(log.synced(done).unwrap(), Offset(9));
        assert!(log.sync_job().unwrap().is_none(), "nothing is left to do");
    }
    let all: Vec<_> = logs.iter_mut().map(contents).collect();
    drop(logs);
    disk.crash(CrashStyle::LoseUnsynced, 0);
    let home = Home::new(disk, Path::new("/data"));
    for (number, before) in (0..).zip(all) {
        let (mut log, recovered) = Log::open(&home, &at(number), LogConfig::default()).unwrap();
        assert_eq!(recovered, Recovered::default(), "nothing had to be read");
        assert_eq!((contents(&mut log), log.epochs().latest()), (before, Some((LeaderEpoch(7), Offset(6)))));
    }
}

#[test]
fn a_power_cut_anywhere_among_checkpoints_leaves_logs_that_open_with_all_that_was_acknowledged() {
    let steps = {
        let (disk, home, volume) = site();
        let (_logs, jobs) = begun(&home);
        let before = disk.changes();
        SyncJob::run_together(jobs, &volume);
        disk.changes() - before
    };
    assert!(steps > 3 * MANY, "{steps}: to create, to write and to rename each");
    for (seed, cut) in (1..=steps + 1).enumerate() {
        for style in [CrashStyle::LoseUnsynced, CrashStyle::Scatter] {
            let (disk, home, volume) = site();
            let (mut logs, jobs) = begun(&home);
            disk.cut_at(disk.changes() + cut);
            let done = SyncJob::run_together(jobs, &volume);
            let all_done = cut > steps;
            for (log, done) in logs.iter_mut().zip(done) {
                assert_eq!(log.synced(done).is_ok(), all_done, "cut at {cut} of {steps}");
            }
            drop(logs);
            disk.crash(style, seed as u64);
            let home = Home::new(disk, Path::new("/data"));
            for number in 0..MANY {
                let (log, _) = Log::open(&home, &at(number), LogConfig::default()).unwrap();
                let least = if all_done { Offset(9) } else { Offset(6) };
                assert!(log.log_end() >= least, "log {number}, cut at {cut}: {}", log.log_end());
            }
        }
    }
}

#[test]
fn a_checkpoint_of_a_log_that_was_cut_meanwhile_is_not_put_in_place() {
    let (disk, home, volume) = site();
    let (mut logs, jobs) = begun(&home);
    logs[2].truncate_to(Offset(3)).unwrap();
    let done = SyncJob::run_together(jobs, &volume);
    let ends: Vec<_> = logs.iter_mut().zip(done).map(|(log, done)| log.synced(done).unwrap()).collect();
    assert_eq!((ends[1], ends[2], ends[3]), (Offset(9), Offset(3), Offset(9)));
    drop(logs);
    disk.kill();
    let (mut log, _) = Log::open(&home, &at(2), LogConfig::default()).unwrap();
    assert_eq!((log.log_end(), contents(&mut log).len()), (Offset(3), 1));
}

#[test]
fn where_there_is_no_room_for_checkpoints_records_are_durable_all_the_same() {
    let (disk, home, volume) = site();
    let (mut logs, jobs) = begun(&home);
    disk.set_capacity(1);
    let before = disk.syncs();
    for (log, done) in logs.iter_mut().zip(SyncJob::run_together(jobs, &volume)) {
        assert_eq!(log.synced(done).unwrap(), Offset(9));
    }
    assert_eq!(disk.syncs() - before, 1, "no name has changed");
    assert!(!home.health().is_failed());
}

#[test]
fn a_checkpoint_after_much_was_written_wants_a_sync_of_its_own() {
    let disk = MemoryDisk::new();
    let config = LogConfig { checkpoint_bytes: 1, ..LogConfig::default() };
    let (mut log, _) = open(&disk, &config);
    log.append(&mut batch(1, 1, 0), EPOCH, Millis(0)).unwrap();
    assert!(log.sync_job().unwrap().unwrap().wants_its_own());
}
