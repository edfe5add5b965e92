//! Opaque state as of an offset, kept beside the log so that a restart need not replay all of it. A snapshot is a
//! cache: one that is damaged or lost only means a longer replay, so it is not synced. The last two are kept.

use weir_model::Offset;

use super::Log;
use crate::disk::{Disk, is_full, read_file, replace_file};
use crate::error::LogError;
use crate::framing::{self, Kind};
use crate::image::MOST_BYTES;
use crate::names;

const SNAPSHOT: Kind = Kind { magic: *b"WRSN", version: 1 };
const KEPT: usize = 2;

impl<D: Disk> Log<D> {
    /// Keeps the state that results from all records below `offset`. A full disk is not an error: it is only a cache.
    pub fn write_snapshot(&mut self, offset: Offset, state: &[u8]) -> Result<(), LogError> {
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

    pub(super) fn drop_old_snapshots(&mut self) -> Result<(), LogError> {
        while self.snapshots.len() > KEPT {
            let oldest = self.snapshots.remove(0);
            self.remove(&names::path(&self.place.dir, oldest, "snapshot"))?;
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
