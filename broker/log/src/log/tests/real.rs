//! The same on the machine's own file system.

use std::io::Read;
use std::os::unix::fs::FileExt;

use super::*;
use crate::disk::RealDisk;

fn batches_into(log: &mut Log<RealDisk>, count: u64) -> Vec<u8> {
    let mut all = Vec::new();
    for i in 0..count {
        let mut bytes = batch(i, 3, i as i64);
        log.append(&mut bytes, EPOCH, Millis(0)).unwrap();
        all.extend_from_slice(&bytes);
    }
    all
}

fn everything(log: &mut Log<RealDisk>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut at = log.log_start();
    while let Some(slice) = log.read(at, log.log_end(), 1_000, true).unwrap() {
        let mut bytes = vec![0; slice.len];
        slice.file.file().read_exact_at(&mut bytes, slice.position).unwrap();
        all.extend(bytes);
        at = slice.next;
    }
    all
}

#[test]
fn a_log_on_a_real_disk_is_found_again_with_and_without_a_clean_stop() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::new(RealDisk, root.path());
    let dir = root.path().join("topics/t/0");
    let (mut log, _) = Log::open(&home, &dir, small()).unwrap();
    let mut expected = batches_into(&mut log, 100);
    assert_eq!(everything(&mut log), expected);
    let job = log.sync_job().unwrap().unwrap();
    let done = std::thread::spawn(move || job.run()).join().unwrap();
    assert_eq!(log.synced(done).unwrap(), Offset(300));
    expected.extend(batches_into(&mut log, 50));
    drop(log);
    let (mut log, recovered) = Log::open(&home, &dir, small()).unwrap();
    assert!(recovered.scanned_bytes > 0 && recovered.truncated_bytes == 0);
    assert_eq!(everything(&mut log), expected);
    log.close().unwrap();
    let (mut log, recovered) = Log::open(&home, &dir, small()).unwrap();
    assert_eq!(recovered, Recovered::default());
    assert_eq!(everything(&mut log), expected);
}

#[test]
fn compaction_and_deletion_work_on_a_real_disk() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::new(RealDisk, root.path());
    let dir = root.path().join("t");
    let config = LogConfig { compact: true, min_cleanable_dirty_ratio: 0.0, ..small() };
    let (mut log, _) = Log::open(&home, &dir, config.clone()).unwrap();
    batches_into(&mut log, 200);
    let done = log.sync_job().unwrap().unwrap().run();
    log.synced(done).unwrap();
    let end = log.log_end();
    let job = log.compaction_job(Millis(0), end, 1 << 20).unwrap().unwrap();
    let report = log.install(job.run().unwrap()).unwrap();
    assert!(report.bytes_after < report.bytes_before / 10);
    log.delete_records_before(Offset(end.0 - 1)).unwrap();
    log.close().unwrap();
    let (log, recovered) = Log::open(&home, &dir, config).unwrap();
    assert_eq!((log.log_start(), log.log_end()), (Offset(end.0 - 1), end));
    assert_eq!(recovered, Recovered::default());
    let mut names = String::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let mut file = std::fs::File::open(entry.as_ref().unwrap().path()).unwrap();
        file.read_to_end(&mut Vec::new()).unwrap();
        names.push_str(entry.unwrap().file_name().to_str().unwrap());
    }
    assert!(!names.contains("cleaned") && !names.contains("swap") && !names.contains("tmp"), "{names}");
}
