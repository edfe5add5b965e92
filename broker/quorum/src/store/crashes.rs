//! Every way in which a write can be cut short: what was acknowledged is there afterwards, and nothing else is.

use std::path::Path;

use openraft::{EntryPayload, LeaderId};
use uuid::Uuid;
use weir_core::controller::Record;
use weir_log::{CrashStyle, Home, MemoryDisk};
use weir_model::{BrokerId, Incarnation};

use super::StoreError;
use super::file::LogFile;
use crate::types::{Entry, LogId, LogIndex, NodeId, Round, Vote};

/// What a store should hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    vote: Option<Vote>,
    purged: Option<LogId>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Step {
    Vote(u64),
    Append { term: u64, from: u64, to: u64 },
    Truncate(u64),
    Purge(LogId),
}

fn node() -> NodeId {
    NodeId { broker: BrokerId(1), incarnation: Incarnation(Uuid::from_u128(9)) }
}

fn at(term: u64, index: u64) -> LogId {
    LogId { leader_id: LeaderId::new(term, node()), index }
}

fn entry(term: u64, index: u64) -> Entry {
    // Some entries are larger than a page.
    let records = (0..index % 4 * 30).map(|n| Record::ClusterCreated { id: Uuid::from_u128(n.into()) });
    let payload = if index.is_multiple_of(3) {
        EntryPayload::Blank
    } else {
        EntryPayload::Normal(Round { decided_at: LogIndex(index - 1), records: records.collect() })
    };
    Entry { log_id: at(term, index), payload }
}

/// What a follower's life is made of: votes, appends of one and of many, a divergent tail, a purge of some and one
/// past the end, as after a snapshot was installed.
fn script() -> Vec<Step> {
    vec![
        Step::Vote(1),
        Step::Append { term: 1, from: 0, to: 1 },
        Step::Append { term: 1, from: 1, to: 9 },
        Step::Vote(2),
        Step::Truncate(5),
        Step::Append { term: 2, from: 5, to: 6 },
        Step::Append { term: 2, from: 6, to: 12 },
        Step::Purge(at(1, 3)),
        Step::Append { term: 2, from: 12, to: 14 },
        Step::Truncate(13),
        Step::Purge(at(3, 20)),
        Step::Vote(3),
        Step::Append { term: 3, from: 21, to: 25 },
        Step::Purge(at(3, 24)),
        Step::Append { term: 3, from: 25, to: 26 },
    ]
}

fn entries(step: &Step) -> Vec<Entry> {
    match step {
        Step::Append { term, from, to } => (*from..*to).map(|index| entry(*term, index)).collect(),
        _ => Vec::new(),
    }
}

fn run(file: &mut LogFile<MemoryDisk>, step: &Step) -> Result<(), StoreError> {
    match step {
        Step::Vote(term) => file.save_vote(Vote::new(*term, node())),
        Step::Append { .. } => file.append(&entries(step)).map(|_| ()),
        Step::Truncate(from) => file.truncate(*from),
        Step::Purge(upto) => file.purge(*upto),
    }
}

impl Held {
    fn after(mut self, step: &Step) -> Self {
        match step {
            Step::Vote(term) => self.vote = Some(Vote::new(*term, node())),
            Step::Append { .. } => self.entries.extend(entries(step)),
            Step::Truncate(from) => self.entries.retain(|entry| entry.log_id.index < *from),
            Step::Purge(upto) => {
                self.purged = Some(*upto);
                self.entries.retain(|entry| entry.log_id.index > upto.index);
            }
        }
        self
    }

    /// What there may be when the step was cut short.
    fn is_between(&self, before: &Self, after: &Self) -> bool {
        let appended = after.entries.len() > before.entries.len();
        let prefix = appended
            && (self.vote, self.purged) == (before.vote, before.purged)
            && self.entries.len() >= before.entries.len()
            && after.entries.starts_with(&self.entries);
        self == before || self == after || prefix
    }
}

fn open(disk: &MemoryDisk) -> Result<(LogFile<MemoryDisk>, Held), StoreError> {
    let home = Home::new(disk.clone(), Path::new("/"));
    let mut entries = Vec::new();
    let file = LogFile::open(&home, Path::new("/quorum"), |(entry, _)| entries.push(entry))?;
    let (purged, last) = file.ends();
    assert_eq!(last, entries.last().map(|entry| entry.log_id).or(purged));
    let held = Held { vote: file.vote(), purged, entries };
    Ok((file, held))
}

#[test]
fn whatever_was_acknowledged_is_there_after_a_cut_at_every_write() {
    let whole = MemoryDisk::new();
    let (mut file, mut held) = open(&whole).unwrap();
    for step in script() {
        run(&mut file, &step).unwrap();
        held = held.after(&step);
    }
    drop(file);
    let end = whole.changes();
    assert_eq!(open(&whole).unwrap().1, held);
    let styles = [CrashStyle::LoseUnsynced, CrashStyle::KeepAll, CrashStyle::Scatter, CrashStyle::Scatter];
    for cut in 1..=end {
        for (seed, style) in (cut * 10..).zip(styles) {
            cut_at(cut, style, seed);
        }
    }
}

fn cut_at(cut: u64, style: CrashStyle, seed: u64) {
    let disk = MemoryDisk::new();
    disk.cut_at(cut);
    let mut before = Held::default();
    let mut after = Held::default();
    if let Ok((mut file, _)) = open(&disk) {
        for step in script() {
            after = before.clone().after(&step);
            if run(&mut file, &step).is_err() {
                assert!(disk.is_cut(), "only the cut makes a step fail: {step:?}");
                break;
            }
            before = after.clone();
        }
    }
    disk.crash(style, seed);
    let (mut file, found) = open(&disk).unwrap_or_else(|e| panic!("cut at {cut}, {style:?}: {e}"));
    assert!(
        found.is_between(&before, &after),
        "cut at {cut}, {style:?}: {found:?} of {before:?} to {after:?}"
    );
    // And it goes on from there, durably.
    let next = file.span().end;
    file.append(&[entry(9, next)]).unwrap();
    drop(file);
    disk.crash(CrashStyle::LoseUnsynced, seed);
    let mut grown = found;
    grown.entries.push(entry(9, next));
    assert_eq!(open(&disk).unwrap().1, grown);
}

/// Writes of one and of several entries; gives where the last one begins in the file, and its first entry.
fn written(disk: &MemoryDisk) -> (u64, u64) {
    let (mut file, _) = open(disk).unwrap();
    let (mut bytes, mut last) = (0, (0, 0));
    for (from, to) in [(0, 1), (1, 4), (4, 5), (5, 9), (9, 12)] {
        last = (bytes, from);
        let all: Vec<_> = (from..to).map(|index| entry(1, index)).collect();
        bytes += file.append(&all).unwrap().iter().sum::<usize>() as u64;
    }
    last
}

#[test]
fn a_flipped_bit_is_refused_anywhere_but_in_the_last_write() {
    let segment = Path::new("/quorum/log/00000000000000000000.log");
    let whole = MemoryDisk::new();
    let (last_at, last_from) = written(&whole);
    let end = weir_log::Disk::file_len(&whole, segment).unwrap();
    let sound = open(&whole).unwrap().1;
    // Every place of the small entries at both ends, and some of the large ones between.
    for position in (0..end).filter(|at| *at < 300 || at + 300 > end || at % 97 == 0 || *at == last_at) {
        let disk = MemoryDisk::new();
        written(&disk);
        disk.flip_bit(segment, position, (position % 8) as u8);
        match open(&disk) {
            Err(StoreError::Log(_) | StoreError::Gap { .. }) => {}
            Err(other) => panic!("byte {position}: {other}"),
            // A field of the envelope that nobody reads.
            Ok((_, held)) if held == sound => {}
            Ok((_, held)) => {
                assert!(position >= last_at, "byte {position} of {last_at}");
                assert!(held.entries.len() as u64 >= last_from);
            }
        }
    }
}

#[test]
fn a_damaged_vote_is_not_taken_for_none() {
    let disk = MemoryDisk::new();
    let (mut file, _) = open(&disk).unwrap();
    run(&mut file, &Step::Vote(3)).unwrap();
    assert!(disk.flip_bit(Path::new("/quorum/vote"), 16, 0));
    assert!(matches!(open(&disk), Err(StoreError::Log(_))));
}

#[test]
fn entries_that_do_not_follow_each_other_are_refused() {
    let disk = MemoryDisk::new();
    let (mut file, _) = open(&disk).unwrap();
    assert!(matches!(file.append(&[entry(1, 1)]), Err(StoreError::Gap { .. })));
    file.append(&[entry(1, 0)]).unwrap();
    assert!(matches!(file.append(&[entry(1, 1), entry(1, 3)]), Err(StoreError::Gap { .. })));
    assert_eq!(file.span(), 0..1, "all of a call or none");
}
