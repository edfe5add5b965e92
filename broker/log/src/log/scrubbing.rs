//! Which segment is to be checked next, and what the log makes of damage: it is remembered, durably, until the segment
//! is gone or cut away, and not read. Whether and how it is repaired is for others to decide.

use std::path::PathBuf;

use weir_model::Offset;

use super::Log;
use crate::damage::{self, Damage, MOST};
use crate::disk::{Disk, read_file, remove_if_there, replace_file};
use crate::error::LogError;
use crate::names;
use crate::scrub::Scrub;

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// All batches are what was written.
    Sound,
    /// These are not, and were not known before.
    Damaged(Vec<Damage>),
    /// The log was cut, compacted or lost segments meanwhile: to be checked again.
    Changed,
}

impl<D: Disk> Log<D> {
    /// The first closed segment that begins at `from` or later, to be checked; none when there is none.
    pub fn scrub(&self, from: Offset) -> Result<Option<Scrub<D>>, LogError> {
        self.check()?;
        let closed = self.segments.split_last().map_or(&[][..], |(_, closed)| closed);
        let next = closed.iter().find(|s| s.base >= from && s.synced == s.len && s.len > 0);
        Ok(next.map(|s| self.scrub_of(s.base, s.end, s.len)))
    }

    /// The segment that holds `offset`, to be checked as far as it is durable; none when nothing of it is.
    pub fn scrub_at(&self, offset: Offset) -> Result<Option<Scrub<D>>, LogError> {
        self.check()?;
        let segment = self.locate(offset).map(|at| &self.segments[at]).filter(|s| s.synced > 0);
        Ok(segment.map(|s| self.scrub_of(s.base, s.synced_end, s.synced)))
    }

    fn scrub_of(&self, base: Offset, end: Offset, len: u64) -> Scrub<D> {
        Scrub::new(self.place.clone(), (base, end, len), self.epochs.clone(), self.layout())
    }

    /// Takes what a check found. What is new is durably remembered when this returns; where that fails it is remembered
    /// all the same, until the next start.
    pub fn scrubbed(&mut self, done: &Scrub<D>) -> Result<Scrubbed, LogError> {
        self.check()?;
        if done.found.is_empty() {
            return Ok(Scrubbed::Sound);
        }
        let there = self.segments.iter().any(|s| s.base == done.base && s.len >= done.len);
        if done.layout != self.layout() || !there {
            return Ok(Scrubbed::Changed);
        }
        let known = |new: &Damage| self.damage.iter().any(|d| d.segment == new.segment && d.from == new.from);
        let new: Vec<_> = done.found.iter().filter(|new| !known(new)).cloned().collect();
        if new.is_empty() {
            return Ok(Scrubbed::Sound);
        }
        let room = MOST.saturating_sub(self.damage.len());
        self.damage.extend(new.iter().take(room).cloned());
        self.damage.sort_by_key(|d| d.from);
        self.cursors.forget();
        self.write_damage()?;
        Ok(Scrubbed::Damaged(new))
    }

    /// What is known to be damaged, in order.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The file of a damaged stretch.
    #[must_use]
    pub fn damaged_file(&self, damage: &Damage) -> PathBuf {
        names::segment(&self.place.dir, damage.segment)
    }

    /// What can not be read is not looked for.
    pub(super) fn check_damage(&self, from: Offset) -> Result<(), LogError> {
        match self.damage.iter().find(|d| d.holds(from)) {
            Some(bad) => Err(LogError::Corrupt {
                path: self.damaged_file(bad),
                position: bad.position,
                why: bad.why.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The first damage of a segment after an offset: reads end before.
    pub(super) fn next_damage(&self, segment: Offset, after: Offset) -> Option<u64> {
        let mut later = self.damage.iter().filter(|d| d.segment == segment && d.from > after);
        later.next().map(|d| d.position)
    }

    /// Where a segment may be read from in search of `from`: not in what is damaged before it.
    pub(super) fn past_damage(&self, segment: Offset, from: Offset) -> u64 {
        let before = self.damage.iter().filter(|d| d.segment == segment && d.to <= from);
        before.map(|d| d.resumes).max().unwrap_or(0)
    }

    /// Reads what an earlier process remembered. A file that can not be read is removed: the next check finds the same.
    pub(super) fn recall_damage(&mut self) -> Result<(), LogError> {
        let path = self.place.dir.join(names::DAMAGE);
        let bytes = read_file(&self.place.disk, &path, 1 << 20).unwrap_or_default();
        self.damage = damage::decode(&bytes).unwrap_or_default();
        self.damage.truncate(MOST);
        if self.damage.is_empty() {
            return self.remove(&path);
        }
        self.forget_gone_damage()
    }

    /// Segments that are gone, and what was cut off, are not damaged any more. Call after they are durably gone.
    pub(super) fn forget_gone_damage(&mut self) -> Result<(), LogError> {
        if self.damage.is_empty() {
            return Ok(());
        }
        let (before, segments, end) = (self.damage.len(), &self.segments, self.log_end);
        self.damage
            .retain(|d| segments.iter().any(|s| s.base == d.segment && d.position < s.len) && d.from < end);
        if self.damage.len() < before { self.write_damage() } else { Ok(()) }
    }

    fn write_damage(&self) -> Result<(), LogError> {
        let (path, disk) = (self.place.dir.join(names::DAMAGE), &self.place.disk);
        let written = match self.damage.is_empty() {
            true => remove_if_there(disk, &path),
            false => replace_file(disk, &path, &damage::encode(&self.damage), true),
        };
        written.and_then(|()| disk.sync_dir(&self.place.dir)).map_err(|e| self.place.error(&path, e))
    }
}
