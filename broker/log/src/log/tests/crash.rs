//! The power goes at every write boundary in turn, and what was not synced suffers by seed. After each crash the log
//! must open, and hold every durable record byte for byte, as a prefix of what was appended.

use super::*;
use crate::disk::CrashStyle;

/// What a run saw before the power went.
#[derive(Default)]
struct Seen {
    /// Every batch ever appended, by offset; later ones replace truncated ones.
    appended: Vec<(Offset, Vec<u8>)>,
    durable: Offset,
    start: Offset,
    /// A start was asked for; it may or may not have become durable.
    start_asked: Offset,
    /// A truncation was under way: what it cuts is no longer promised.
    cutting: Option<Offset>,
}

fn run(disk: &MemoryDisk, seen: &mut Seen, steps: &[u8]) -> Result<(), LogError> {
    let (mut log, _) = Log::open(&home_of(disk), &dir(), small())?;
    for (i, step) in steps.iter().enumerate() {
        match step % 16 {
            0..=8 => {
                let mut bytes = batch(i as u64, 1 + i % 4, i as i64);
                let epoch = LeaderEpoch(i as i32 / 20);
                let appended = log.append(&mut bytes, epoch, Millis(0))?;
                seen.appended.push((appended.base, bytes.to_vec()));
            }
            9..=11 => seen.durable = sync(&mut log)?,
            12 => {
                let to = Offset(log.log_start().0 + (log.durable_end() - log.log_start()) / 3);
                seen.start_asked = to;
                log.delete_records_before(to)?;
                seen.start = to;
            }
            13 => {
                let state = log.log_end().0.to_be_bytes();
                log.write_snapshot(log.log_end(), &state)?;
            }
            14 => {
                let to = Offset(log.log_end().0 - (log.log_end() - log.log_start()) / 5);
                seen.cutting = seen.appended.iter().map(|(base, _)| *base).filter(|base| *base <= to).max();
                let end = log.truncate_to(to)?;
                seen.appended.retain(|(base, _)| *base < end);
                seen.durable = log.durable_end();
                seen.cutting = None;
            }
            _ => drop(log.retention(Millis(0), log.durable_end())?),
        }
    }
    log.close()
}

fn home_of(disk: &MemoryDisk) -> Home<MemoryDisk> {
    Home::new(disk.clone(), Path::new("/data"))
}

fn fresh() -> MemoryDisk {
    let disk = MemoryDisk::new();
    home(&disk);
    disk
}

fn steps(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn check(disk: &MemoryDisk, seen: &Seen, what: &str) {
    let (mut log, recovered) =
        Log::open(&home_of(disk), &dir(), small()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let promised = seen.cutting.map_or(seen.durable, |cut| cut.min(seen.durable));
    assert!(
        log.log_end() >= promised,
        "{what}: ends at {}, promised {promised}, {recovered:?}",
        log.log_end()
    );
    assert!(
        [seen.start, seen.start_asked].contains(&log.log_start()),
        "{what}: starts at {}",
        log.log_start()
    );
    assert!(log.durable_end() <= log.log_end());
    let found = contents(&mut log);
    for (base, bytes) in &found {
        let expected = seen.appended.iter().find(|(b, _)| b == base);
        assert_eq!(expected.map(|(_, e)| e), Some(bytes), "{what}: batch at {base}");
    }
    // A prefix: every batch between the start and the end is there.
    let inside = |(base, bytes): &&(Offset, Vec<u8>)| {
        let header = weir_model::records::BatchHeader::parse(bytes).unwrap();
        *base < log.log_end() && header.last_offset() >= log.log_start()
    };
    assert_eq!(seen.appended.iter().filter(inside).count(), found.len(), "{what}");
    if let Some((offset, state)) = log.latest_snapshot(log.log_end()) {
        assert_eq!(state, offset.0.to_be_bytes(), "{what}");
    }
    // Life goes on, and is durable again.
    log.append(&mut batch(999, 2, 0), LeaderEpoch(99), Millis(0)).unwrap();
    let end = sync(&mut log).unwrap();
    assert_eq!(end, log.log_end());
    disk.crash(CrashStyle::LoseUnsynced, 0);
    let (mut log, _) =
        Log::open(&home_of(disk), &dir(), small()).unwrap_or_else(|e| panic!("{what}: again: {e}"));
    assert_eq!(log.log_end(), end, "{what}");
    assert_eq!(contents(&mut log).len(), found.len() + 1, "{what}");
}

fn crash_everywhere(seed: u64, style: CrashStyle, len: usize) {
    let steps = steps(seed, len);
    let whole = fresh();
    let before = whole.changes();
    run(&whole, &mut Seen::default(), &steps).unwrap();
    for cut in before + 1..=whole.changes() {
        let disk = fresh();
        disk.cut_at(cut);
        let mut seen = Seen::default();
        let ended = run(&disk, &mut seen, &steps);
        // The very last change gives room back, which is nobody's failure.
        assert!(disk.is_cut() && (ended.is_err() || cut == whole.changes()));
        disk.crash(style, seed ^ cut);
        check(&disk, &seen, &format!("seed {seed}, {style:?}, cut at {cut}"));
    }
}

#[test]
fn durable_records_survive_a_cut_at_every_boundary_with_unsynced_bytes_lost() {
    (0..6).for_each(|seed| crash_everywhere(seed, CrashStyle::LoseUnsynced, 120));
}

#[test]
fn durable_records_survive_a_cut_at_every_boundary_with_unsynced_bytes_scattered() {
    (0..12).for_each(|seed| crash_everywhere(seed, CrashStyle::Scatter, 120));
}

#[test]
fn durable_records_survive_a_kill_at_every_boundary() {
    (0..4).for_each(|seed| crash_everywhere(seed, CrashStyle::KeepAll, 120));
}

/// It spoke of records that were lost: other ones have their offsets by then.
#[test]
fn a_snapshot_beyond_a_lost_tail_does_not_come_back_with_the_next_crash() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &small());
    log.append(&mut batch(0, 2, 0), LeaderEpoch(0), Millis(0)).unwrap();
    log.close().unwrap();
    let (mut log, _) = open(&disk, &small());
    log.append(&mut batch(1, 2, 0), LeaderEpoch(0), Millis(0)).unwrap();
    log.write_snapshot(Offset(4), b"of what is lost").unwrap();
    disk.sync_dir(&dir()).unwrap();
    disk.crash(CrashStyle::LoseUnsynced, 0);
    let (mut log, _) = open(&disk, &small());
    assert_eq!((log.log_end(), log.latest_snapshot(Offset(99))), (Offset(2), None));
    log.append(&mut batch(2, 2, 0), LeaderEpoch(1), Millis(0)).unwrap();
    sync(&mut log).unwrap();
    disk.crash(CrashStyle::LoseUnsynced, 1);
    let (log, _) = open(&disk, &small());
    assert_eq!(log.log_end(), Offset(4));
    let names = disk.list(&dir()).unwrap();
    assert!(!names.iter().any(|entry| entry.name.ends_with(".snapshot")), "{names:?}");
}

/// Here they were cut, to follow a leader that has others there.
#[test]
fn a_snapshot_of_what_was_cut_does_not_come_back_with_the_next_crash() {
    type Cut = fn(&mut Log<MemoryDisk>) -> Result<(), LogError>;
    let cuts: [Cut; 2] = [|log| log.truncate_to(Offset(2)).map(drop), |log| log.truncate_fully_at(Offset(0))];
    for (which, cut) in cuts.into_iter().enumerate() {
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk, &LogConfig::default());
        for number in 0..2 {
            log.append(&mut batch(number, 2, 0), LeaderEpoch(0), Millis(0)).unwrap();
        }
        sync(&mut log).unwrap();
        log.write_snapshot(Offset(4), b"of what is cut").unwrap();
        // It happens to reach the platter, though nobody asked for that.
        disk.crash(CrashStyle::KeepAll, 0);
        let (mut log, _) = open(&disk, &LogConfig::default());
        assert_eq!(log.latest_snapshot(Offset(99)).unwrap().0, Offset(4));
        cut(&mut log).unwrap();
        while log.log_end() < Offset(4) {
            log.append(&mut batch(9, 2, 0), LeaderEpoch(1), Millis(0)).unwrap();
        }
        sync(&mut log).unwrap();
        disk.crash(CrashStyle::LoseUnsynced, 0);
        let (mut log, _) = open(&disk, &LogConfig::default());
        assert_eq!((log.log_end(), log.latest_snapshot(Offset(99))), (Offset(4), None), "cut {which}");
    }
}
