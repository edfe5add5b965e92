//! Bits that flip in closed segments: found wherever they are, not served, remembered, and gone with what is cut.

use super::*;
use crate::names;
use crate::scrub::Scrub;

/// Six segments or so, all closed but the last, all durable.
fn filled(disk: &MemoryDisk) -> Log<MemoryDisk> {
    let (mut log, _) = open(disk, &small());
    for tag in 0..120 {
        log.append(&mut batch(tag, 3, 1_000 + tag as i64), EPOCH, Millis(0)).unwrap();
        sync(&mut log).unwrap();
    }
    assert!(log.segments().len() > 3, "{} segments", log.segments().len());
    log
}

/// All closed segments, one after the other.
pub(super) fn check_all(log: &mut Log<MemoryDisk>) -> Vec<Damage> {
    let (mut from, mut found) = (Offset::ZERO, Vec::new());
    while let Some(mut scrub) = log.scrub(from).unwrap() {
        from = scrub.segment().next();
        if let Scrubbed::Damaged(new) = run(log, &mut scrub) {
            found.extend(new);
        }
    }
    found
}

fn run(log: &mut Log<MemoryDisk>, scrub: &mut Scrub<MemoryDisk>) -> Scrubbed {
    let mut steps = 0;
    while !scrub.is_done() {
        scrub.step(500).unwrap();
        steps += 1;
        assert!(steps < 1_000, "a check ends");
    }
    log.scrubbed(scrub).unwrap()
}

fn second(log: &Log<MemoryDisk>) -> SegmentInfo {
    log.segments().nth(1).unwrap()
}

fn flip(disk: &MemoryDisk, segment: Offset, position: u64) {
    assert!(disk.flip_bit(&names::segment(&dir(), segment), position, (position % 8) as u8));
}

#[test]
fn a_whole_log_is_sound_segment_by_segment_and_the_open_one_is_not_looked_at() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    assert_eq!(check_all(&mut log), []);
    let closed: Vec<_> = log.segments().collect();
    let last = closed.last().unwrap();
    assert!(log.scrub(last.base).unwrap().is_none());
    let mut scrub = log.scrub_at(last.base).unwrap().unwrap();
    assert_eq!(run(&mut log, &mut scrub), Scrubbed::Sound);
}

#[test]
fn a_bit_that_flips_anywhere_in_a_closed_segment_is_found_and_everything_else_is_still_served() {
    let disk = MemoryDisk::new();
    let whole = contents(&mut filled(&disk));
    let (len, base) = {
        let log = open(&disk, &small()).0;
        (second(&log).bytes, second(&log).base)
    };
    for position in (0..len).step_by(3) {
        flip(&disk, base, position);
        let mut log = open(&disk, &small()).0;
        let found = check_all(&mut log);
        assert_eq!(found.len(), 1, "byte {position}: {found:?}");
        assert_eq!(log.damage(), found);
        for (offset, bytes) in &whole {
            let lost = found.iter().any(|d| d.holds(*offset));
            match log.read(*offset, log.log_end(), 10_000, true) {
                Ok(Some(slice)) => {
                    assert!(!lost, "byte {position}: offset {offset} is damaged and was served");
                    let got = slice.to_bytes().unwrap();
                    assert_eq!(&got[..bytes.len()], &bytes[..]);
                    assert!(found.iter().all(|d| d.from <= slice.base || slice.next <= d.from));
                }
                other => assert!(lost, "byte {position}, offset {offset}: {other:?}"),
            }
        }
        flip(&disk, base, position);
        let _ = disk.remove(&dir().join("damage"));
    }
}

#[test]
fn damage_is_remembered_over_a_power_cut_and_forgotten_with_what_is_cut() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    let segment = second(&log);
    flip(&disk, segment.base, segment.bytes / 2);
    let found = check_all(&mut log);
    assert_eq!(check_all(&mut log), [], "what is known is not news");
    drop(log);
    disk.crash(crate::disk::CrashStyle::LoseUnsynced, 1);
    let mut log = open(&disk, &small()).0;
    assert_eq!(
        log.damage().iter().map(|d| (d.from, d.to)).collect::<Vec<_>>(),
        [(found[0].from, found[0].to)]
    );
    assert_eq!(log.truncate_to(segment.base).unwrap(), segment.base);
    assert_eq!(log.damage(), []);
    log.append(&mut batch(9, 3, 9_000), EPOCH, Millis(0)).unwrap();
    sync(&mut log).unwrap();
    drop(log);
    let mut log = open(&disk, &small()).0;
    assert_eq!(log.damage(), []);
    assert_eq!(contents(&mut log).last().unwrap().0, segment.base);
}

#[test]
fn a_segment_whose_first_header_is_unreadable_can_be_cut_away() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    let segment = second(&log);
    flip(&disk, segment.base, 16);
    let found = check_all(&mut log);
    assert_eq!((found[0].from, found[0].to), (segment.base, segment.end));
    assert_eq!(log.truncate_to(segment.base).unwrap(), segment.base);
    assert_eq!(log.log_end(), segment.base);
}

#[test]
fn damage_goes_with_the_segment_that_retention_deletes_and_compaction_leaves_it_alone() {
    let disk = MemoryDisk::new();
    let config = LogConfig { compact: true, min_cleanable_dirty_ratio: 0.0, ..small() };
    let mut log = filled(&disk);
    let segment = second(&log);
    flip(&disk, segment.base, segment.bytes / 2);
    assert_eq!(check_all(&mut log).len(), 1);
    log.set_config(config);
    let end = log.log_end();
    if let Some(job) = log.compaction_job(Millis(1 << 40), end, 1 << 20).unwrap() {
        log.install(job.run().unwrap()).unwrap();
    }
    assert_eq!(log.damage().len(), 1);
    log.delete_records_before(segment.end).unwrap();
    assert_eq!(log.damage(), []);
    assert!(!disk.list(&dir()).unwrap().iter().any(|e| e.name == "damage"));
}

#[test]
fn what_a_check_found_counts_only_for_the_log_it_looked_at() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    let segment = second(&log);
    flip(&disk, segment.base, segment.bytes / 2);
    let mut scrub = log.scrub(segment.base).unwrap().unwrap();
    log.truncate_to(segment.end).unwrap();
    assert_eq!(run(&mut log, &mut scrub), Scrubbed::Changed);
    assert_eq!(log.damage(), []);
    let mut scrub = log.scrub_at(segment.base).unwrap().unwrap();
    log.delete_records_before(segment.end).unwrap();
    assert!(matches!(run(&mut log, &mut scrub), Scrubbed::Changed | Scrubbed::Sound));
}

#[test]
fn a_full_disk_forgets_damage_at_a_restart_and_not_before() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    let segment = second(&log);
    flip(&disk, segment.base, segment.bytes / 2);
    disk.set_capacity(0);
    let mut scrub = log.scrub(segment.base).unwrap().unwrap();
    while !scrub.is_done() {
        scrub.step(500).unwrap();
    }
    assert!(matches!(log.scrubbed(&scrub), Err(LogError::DiskFull { .. })));
    assert_eq!(log.damage().len(), 1);
}
