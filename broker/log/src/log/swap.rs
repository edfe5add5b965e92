//! Finishing, at open, the replacement of segments that compaction had decided when the process died.

use weir_model::Offset;

use super::Log;
use super::open::Found;
use crate::disk::{Disk, DiskFile, read_file};
use crate::error::LogError;
use crate::image::{MOST_BYTES, SegmentImage};
use crate::names;
use crate::scan::{ScanError, verify};

impl<D: Disk> Log<D> {
    /// A `.log.swap` is whole and decided; an `.index.swap` alone was not decided yet.
    pub(super) fn finish_swaps(&mut self, found: &mut Found) -> Result<(), LogError> {
        let mut finished = false;
        for (base, len) in std::mem::take(&mut found.swaps) {
            let end = self.swap_end(base, len)?;
            let merged: Vec<_> =
                found.segments.range(base.next()..).map(|(b, _)| *b).take_while(|b| *b < end).collect();
            for old in merged {
                self.remove(&names::index(&self.place.dir, old))?;
                self.remove(&names::segment(&self.place.dir, old))?;
                found.segments.remove(&old);
                found.indexes.retain(|b| *b != old);
            }
            if let Some(at) = found.swap_indexes.iter().position(|b| *b == base) {
                found.swap_indexes.swap_remove(at);
                self.rename(base, "index.swap", "index")?;
            }
            self.rename(base, "log.swap", "log")?;
            found.segments.insert(base, len);
            if !found.indexes.contains(&base) {
                found.indexes.push(base);
            }
            finished = true;
        }
        for base in &found.swap_indexes {
            self.remove(&names::path(&self.place.dir, *base, "index.swap"))?;
        }
        if finished { self.sync_dir() } else { Ok(()) }
    }

    /// How far the new segment reaches: its index says it, and without that its last batch.
    fn swap_end(&self, base: Offset, len: u64) -> Result<Offset, LogError> {
        for kind in ["index.swap", "index"] {
            let bytes = read_file(&self.place.disk, &names::path(&self.place.dir, base, kind), MOST_BYTES);
            let image = bytes.ok().and_then(|b| SegmentImage::from_index_file(&b).ok());
            if let Some((image, _)) = image.filter(|(image, _)| image.base == base && image.len == len) {
                return Ok(image.end);
            }
        }
        let path = names::path(&self.place.dir, base, "log.swap");
        let file = self.place.disk.open(&path).map_err(|e| self.place.error(&path, e))?;
        let mut end = base;
        let scan = file.len().map_err(ScanError::Io);
        match scan.and_then(|len| verify(&file, 0, len, base, |batch| end = batch.header.next_offset())) {
            Ok(()) => Ok(end),
            Err(ScanError::Io(source)) => Err(self.place.error(&path, source)),
            Err(ScanError::Bad { position, why }) => Err(LogError::Corrupt { path, position, why }),
        }
    }
}
