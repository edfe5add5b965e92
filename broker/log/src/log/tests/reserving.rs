//! Room on the disk is kept ahead of a log that grows, and given back whatever happens to it.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::disk::{Disk, DiskFile, RealDisk};
use crate::names;

/// Bytes of the disk that no file is long enough to fill.
fn kept(disk: &MemoryDisk) -> u64 {
    let space = disk.space(Path::new("/")).unwrap();
    let files = disk.list(&dir()).unwrap();
    let lengths = files.iter().map(|file| disk.file_len(&dir().join(&file.name)).unwrap());
    space.total - space.free - lengths.sum::<u64>()
}

fn grown(disk: &MemoryDisk, bytes: u64) -> Log<MemoryDisk> {
    let (mut log, _) = open(disk, &small());
    while log.size() < bytes {
        log.append(&mut batch(7, 2, 0), EPOCH, Millis(0)).unwrap();
    }
    log
}

#[test]
fn a_log_that_has_grown_has_room_and_a_small_one_takes_what_it_holds() {
    let disk = MemoryDisk::new();
    let log = grown(&disk, 800);
    assert_eq!((log.segments().len(), kept(&disk)), (1, 0));
    let disk = MemoryDisk::new();
    let log = grown(&disk, 2_500);
    let step = small().reserve_bytes;
    assert_eq!(kept(&disk), step - log.size() % step);
}

#[test]
fn room_goes_back_with_the_segment_with_the_stop_and_with_the_idle() {
    type Step = fn(&MemoryDisk, Log<MemoryDisk>) -> Log<MemoryDisk>;
    let table: [(&str, Step); 4] = [
        ("the next segment", |_, mut log| {
            let segments = log.segments().len();
            while log.segments().len() == segments {
                log.append(&mut batch(7, 2, 0), EPOCH, Millis(0)).unwrap();
            }
            sync(&mut log).unwrap();
            log
        }),
        ("a clean stop", |disk, log| {
            log.close().unwrap();
            open(disk, &small()).0
        }),
        ("a rest", |_, mut log| {
            sync(&mut log).unwrap();
            log.release_idle();
            log.release_idle();
            log
        }),
        ("a kill, and a rest", |disk, mut log| {
            sync(&mut log).unwrap();
            disk.kill();
            drop(log);
            let (mut log, _) = open(disk, &small());
            log.release_idle();
            log
        }),
    ];
    for (what, step) in table {
        let disk = MemoryDisk::new();
        let mut log = grown(&disk, 2_600);
        let before = contents(&mut log);
        assert!(kept(&disk) > small().reserve_bytes / 8, "{what}");
        let mut log = step(&disk, log);
        assert_eq!(kept(&disk), 0, "{what}");
        assert_eq!(contents(&mut log)[..before.len()], before, "{what}");
    }
}

#[test]
fn where_there_is_no_room_to_keep_records_are_taken_as_long_as_they_fit() {
    let disk = MemoryDisk::new();
    let mut log = grown(&disk, 1_200);
    let one = batch(7, 2, 0).len() as u64;
    disk.set_capacity(log.size() + 3 * one + one / 2);
    for _ in 0..3 {
        log.append(&mut batch(7, 2, 0), EPOCH, Millis(0)).unwrap();
    }
    let refused = log.append(&mut batch(7, 2, 0), EPOCH, Millis(0)).unwrap_err();
    assert!(matches!(refused, LogError::DiskFull { .. }), "{refused}");
    assert_eq!(kept(&disk), 0);
}

#[test]
fn a_real_file_takes_more_of_the_disk_than_it_is_long_until_the_stop() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("t");
    let config = LogConfig { reserve_from: 1 << 16, reserve_bytes: 1 << 20, ..LogConfig::default() };
    let (mut log, _) = Log::open(&Home::new(RealDisk, root.path()), &dir, config).unwrap();
    while log.size() < 1 << 17 {
        log.append(&mut batch(7, 50, 0), EPOCH, Millis(0)).unwrap();
    }
    let path = names::segment(&dir, Offset(0));
    let of = |path: &Path| metadata(path).map(|m| (m.len(), m.blocks() * 512)).unwrap();
    let (len, taken) = of(&path);
    assert_eq!(len, log.size());
    let probe = RealDisk.create(&root.path().join("probe")).unwrap();
    // On what file system the test runs is not ours to say.
    if let Err(error) = probe.reserve(0, 1 << 20) {
        return assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    }
    assert!(taken >= 1 << 20, "{taken} of {len} bytes");
    log.close().unwrap();
    let (after, taken) = of(&path);
    assert_eq!(after, len);
    assert!(taken < len + (64 << 10), "{taken} of {len} bytes");
}

#[test]
fn on_a_disk_that_is_nearly_full_no_room_is_kept_and_what_was_kept_is_used() {
    let disk = MemoryDisk::new();
    let mut log = grown(&disk, 2_600);
    let before = kept(&disk);
    assert!(before > 0);
    disk.set_capacity(log.size() + before + 100);
    while kept(&disk) > 0 {
        log.append(&mut batch(7, 2, 0), EPOCH, Millis(0)).unwrap();
    }
    assert!(log.size() < 2_600 + 2 * small().reserve_bytes);
}
