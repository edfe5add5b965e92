//! Opaque state as of an offset, kept beside the log so that a restart need not replay all of it. A snapshot is a
//! cache: one that is damaged or lost only means a longer replay, so it is not synced. A few are kept: the newest, one
//! from before all that a cut may take, and one from before all that a power cut may take.

use weir_model::Offset;

use super::Log;
use crate::disk::{Disk, is_full, read_file, replace_file};
use crate::error::LogError;
use crate::framing::{self, Kind};
use crate::image::MOST_BYTES;
use crate::names;

const SNAPSHOT: Kind = Kind { magic: *b"WRSN", version: 1 };
/// However long nothing becomes durable.
const MOST: usize = 8;

/// A snapshot among others.
#[derive(Clone, Copy, Debug)]
struct Kept {
    offset: Offset,
    /// The bytes of the log from there to its end, about.
    behind: u64,
    /// No crash leaves a log that ends before it.
    durable: bool,
}

impl<D: Disk> Log<D> {
    /// Keeps the state that results from all records below `offset`. A full disk is not an error: it is only a cache.
    pub fn write_snapshot(&mut self, offset: Offset, state: &[u8]) -> Result<(), LogError> {
        // Should it fail, it is not tried again with each append.
        self.snapshot_put_off = self.since_snapshot + self.config.recovery_bytes;
        self.check()?;
        self.ensure_dir()?;
        let path = names::path(&self.place.dir, offset, "snapshot");
        match replace_file(&self.place.disk, &path, &framing::wrap(SNAPSHOT, state), false) {
            Ok(()) => {}
            Err(error) if is_full(&error) => return Ok(()),
            Err(error) => return Err(self.place.error(&path, error)),
        }
        if !self.snapshots.contains(&offset) {
            self.snapshots.push(offset);
            self.snapshots.sort_unstable();
        }
        self.recount_since_snapshot();
        self.drop_old_snapshots()
    }

    /// The newest readable snapshot at or below an offset, and that offset.
    pub fn latest_snapshot(&mut self, at_or_below: Offset) -> Option<(Offset, Vec<u8>)> {
        let candidates = self.snapshots.iter().rev().filter(|o| **o <= at_or_below);
        for offset in candidates {
            let path = names::path(&self.place.dir, *offset, "snapshot");
            let Ok(bytes) = read_file(&self.place.disk, &path, MOST_BYTES) else { continue };
            if let Ok(state) = framing::unwrap(SNAPSHOT, &bytes) {
                return Some((*offset, state.to_vec()));
            }
        }
        None
    }

    /// The bytes that a restart would replay, about: those after the newest snapshot.
    #[must_use]
    pub fn since_snapshot(&self) -> u64 {
        self.since_snapshot
    }

    /// Whether a restart would replay more than it should have to.
    #[must_use]
    pub fn snapshot_due(&self) -> bool {
        self.since_snapshot >= self.config.recovery_bytes.max(self.snapshot_put_off)
    }

    pub(super) fn recount_since_snapshot(&mut self) {
        self.since_snapshot = self.bytes_from(self.snapshots.last().copied().unwrap_or(self.log_start));
        self.snapshot_put_off = 0;
    }

    /// About, without a look at the disk: within a segment as if all its records were of one size.
    fn bytes_from(&self, offset: Offset) -> u64 {
        let Some(at) = self.locate(offset) else { return 0 };
        let first = &self.segments[at];
        let (records, after) = (first.end - first.base, first.end - offset.max(first.base));
        let share = u128::from(first.len) * after.unsigned_abs() as u128;
        let partly = share.div_ceil(records.max(1).unsigned_abs() as u128);
        let whole: u64 = self.segments[at + 1..].iter().map(|s| s.len).sum();
        whole + u64::try_from(partly).unwrap_or(first.len)
    }

    pub(super) fn drop_old_snapshots(&mut self) -> Result<(), LogError> {
        let kept = |offset: &Offset| Kept {
            offset: *offset,
            behind: self.bytes_from(*offset),
            durable: *offset <= self.durable_end,
        };
        let all = self.snapshots.iter().map(kept).collect();
        for gone in superseded(all, self.config.recovery_bytes) {
            self.snapshots.retain(|offset| *offset != gone);
            self.remove(&names::path(&self.place.dir, gone, "snapshot"))?;
        }
        Ok(())
    }

    pub(super) fn drop_snapshots_above(&mut self, end: Offset) -> Result<(), LogError> {
        while let Some(newest) = self.snapshots.pop_if(|o| *o > end) {
            self.remove(&names::path(&self.place.dir, newest, "snapshot"))?;
        }
        Ok(())
    }
}

/// Which snapshots, given in order, nobody will miss. The newest stays, and neighbours that are not further apart than
/// `spacing`; of the old ones all but the newest that is durable and at least so far behind.
fn superseded(mut kept: Vec<Kept>, spacing: u64) -> Vec<Offset> {
    let mut gone = Vec::new();
    let apart = |older: &Kept, newer: &Kept| older.behind.saturating_sub(newer.behind);
    let mut at = 1;
    while at + 1 < kept.len() {
        if apart(&kept[at - 1], &kept[at + 1]) < spacing {
            gone.push(kept.remove(at).offset);
        } else {
            at += 1;
        }
    }
    while let [_, next, .., newest] = kept[..]
        && next.durable
        && apart(&next, &newest) >= spacing
    {
        gone.push(kept.remove(0).offset);
    }
    while kept.len() > MOST {
        gone.push(kept.remove(1).offset);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By how far behind each is, in the order of the log; those from `durable_behind` on are durable.
    fn left(behind: &[u64], durable_behind: u64) -> Vec<u64> {
        let kept: Vec<_> = behind
            .iter()
            .map(|b| Kept {
                offset: Offset(1_000_000 - *b as i64),
                behind: *b,
                durable: *b >= durable_behind,
            })
            .collect();
        let gone = superseded(kept, 100);
        behind.iter().copied().filter(|b| !gone.contains(&Offset(1_000_000 - *b as i64))).collect()
    }

    #[test]
    fn few_are_kept_and_no_cut_costs_the_whole_log() {
        let table: [(&[u64], u64, &[u64], &str); 9] = [
            (&[], 0, &[], "none"),
            (&[0], 0, &[0], "one"),
            (&[500, 0], 0, &[500, 0], "two"),
            (&[30, 20, 0], 0, &[30, 0], "one between two that are near"),
            (&[120, 20, 0], 0, &[120, 20, 0], "both ways are short that way"),
            (&[300, 150, 0], 0, &[150, 0], "far enough back, and nothing takes it away"),
            (&[300, 150, 0], 200, &[300, 150, 0], "a power cut may take all but the oldest"),
            (&[700, 500, 300, 150, 0], 400, &[500, 300, 150, 0], "the newest that is durable"),
            (
                &[900, 800, 700, 600, 500, 400, 300, 200, 100, 0],
                850,
                &[900, 600, 500, 400, 300, 200, 100, 0],
                "most",
            ),
        ];
        for (behind, durable, expected, what) in table {
            assert_eq!(left(behind, durable), expected, "{what}");
        }
    }

    #[test]
    fn one_after_the_other_in_small_steps_they_stay_few_and_the_oldest_not_far() {
        let mut written: Vec<u64> = Vec::new();
        for end in (0..5_000).step_by(7) {
            written.push(end);
            let behind: Vec<_> = written.iter().map(|at| end - at).collect();
            let left = left(&behind, 0);
            written.retain(|at| left.contains(&(end - at)));
            assert!(written.len() <= 3, "{written:?}");
            assert!(end < 200 || (100..200 + 7).contains(&left[0]), "{left:?} at {end}");
        }
    }
}
