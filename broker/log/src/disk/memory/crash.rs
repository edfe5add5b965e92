//! What a power cut does to a disk: which unsynced pages and names survive it. Decided by style and seed alone.

use std::collections::BTreeSet;

use super::tree::{NameOp, Names, Node, Op, ROOT, Tree};

/// How cruel a crash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashStyle {
    /// Everything that was not synced is gone.
    LoseUnsynced,
    /// Everything written happens to have reached the platter.
    KeepAll,
    /// Each unsynced page survives or not, in any order; sectors tear; a lost page inside a file reads as zeros; of
    /// each directory's unsynced changes a prefix survives.
    Scatter,
}

const PAGE: usize = 4096;
const SECTOR: usize = 512;

impl Tree {
    /// Settles what is on the platter, and makes that the whole truth.
    pub(super) fn crash(&mut self, style: CrashStyle, seed: u64) {
        let mut chance = Chance(seed);
        for node in self.nodes.values_mut() {
            match node {
                Node::File { now, platter, pending } => {
                    settle_file(style, &mut chance, platter, pending);
                    now.clone_from(platter);
                    pending.clear();
                }
                Node::Dir { now, platter, pending } => {
                    settle_names(style, &mut chance, platter, pending);
                    now.clone_from(platter);
                    pending.clear();
                }
            }
        }
        self.drop_orphans();
    }

    fn drop_orphans(&mut self) {
        let mut reachable = BTreeSet::from([ROOT]);
        let mut todo = vec![ROOT];
        while let Some(inode) = todo.pop() {
            if let Some(Node::Dir { now, .. }) = self.nodes.get(&inode) {
                todo.extend(now.values().filter(|child| reachable.insert(**child)));
            }
        }
        self.nodes.retain(|inode, _| reachable.contains(inode));
    }
}

fn settle_names(style: CrashStyle, chance: &mut Chance, platter: &mut Names, pending: &[NameOp]) {
    let kept = match style {
        CrashStyle::LoseUnsynced => 0,
        CrashStyle::KeepAll => pending.len(),
        CrashStyle::Scatter => chance.below(pending.len() + 1),
    };
    for op in &pending[..kept] {
        op.apply(platter);
    }
}

fn settle_file(style: CrashStyle, chance: &mut Chance, platter: &mut Vec<u8>, pending: &[Op]) {
    match style {
        CrashStyle::LoseUnsynced => {}
        CrashStyle::KeepAll => pending.iter().for_each(|op| op.apply(platter)),
        CrashStyle::Scatter => pending.iter().for_each(|op| scatter(chance, platter, op)),
    }
}

fn scatter(chance: &mut Chance, platter: &mut Vec<u8>, op: &Op) {
    match op {
        Op::SetLen(_) => {
            if chance.below(2) == 0 {
                op.apply(platter);
            }
        }
        Op::Write { position, bytes } => {
            let mut at = 0;
            while at < bytes.len() {
                // Pages are aligned in the file, not in the write.
                let page_left = PAGE - (*position as usize + at) % PAGE;
                let end = bytes.len().min(at + page_left);
                let keep = match chance.below(4) {
                    0 => 0,
                    1 => (chance.below(1 + (end - at) / SECTOR) * SECTOR).min(end - at),
                    _ => end - at,
                };
                let piece =
                    Op::Write { position: position + at as u64, bytes: bytes[at..at + keep].to_vec() };
                if keep > 0 {
                    piece.apply(platter);
                }
                at = end;
            }
            // The length may reach the platter without the bytes: a zero-filled tail.
            let end = *position as usize + bytes.len();
            if chance.below(4) == 0 && platter.len() < end {
                platter.resize(end, 0);
            }
        }
    }
}

/// SplitMix64, so that a seed means the same crash everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}
