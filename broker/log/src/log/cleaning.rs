//! When a log is worth compacting, and putting a pass's result in force.

use weir_model::{Millis, Offset};

use super::Log;
use crate::compaction::{Cancellation, CompactionJob, CompactionOutcome, Order, Replacement, Source};
use crate::disk::Disk;
use crate::error::LogError;
use crate::names;
use crate::segment::Segment;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the segments that were replaced.
    pub bytes_before: u64,
    /// Bytes of what replaced them.
    pub bytes_after: u64,
    /// Everything below was dealt with.
    pub cleaned_to: Offset,
}

impl<D: Disk> Log<D> {
    /// A compaction pass, if one is due: closed segments below `up_to` (the high watermark, or the last stable offset)
    /// whose dirty share or age passes the settings. At most one may be under way. `map_bytes` bounds the key map's
    /// memory.
    pub fn compaction_job(
        &mut self,
        now: Millis,
        up_to: Offset,
        map_bytes: usize,
    ) -> Result<Option<CompactionJob<D>>, LogError> {
        self.check()?;
        let count = self.cleanable(now, up_to);
        if !self.config.compact || !self.is_dirty_enough(count, now) {
            return Ok(None);
        }
        let place = self.place.clone();
        let cleanable = self.segments[..count].iter();
        let sources = cleanable.map(|s| Source { base: s.base, end: s.end, len: s.len }).collect();
        let order = Order {
            cleaned_to: self.cleaned_to.max(self.log_start),
            now,
            delete_retention: self.config.delete_retention_ms,
            producer_expiration: self.config.producer_expiration_ms,
            segment_bytes: self.config.segment_bytes,
            index_interval: self.config.index_interval_bytes,
            map_bytes,
        };
        let cancellation = Cancellation::default();
        Ok(Some(CompactionJob { place, sources, epochs: self.epochs.clone(), order, cancellation }))
    }

    /// Puts a pass's result in force. Segments that were deleted or cut meanwhile are left as they are.
    pub fn install(&mut self, cleaned: CompactionOutcome) -> Result<Compacted, LogError> {
        self.check()?;
        let mut report = Compacted::default();
        let mut whole = true;
        for replacement in &cleaned.replacements {
            if self.still_there(replacement) {
                report.bytes_before += replacement.replaced.iter().map(|(_, len)| len).sum::<u64>();
                report.bytes_after += replacement.image.len;
                self.replace(replacement)?;
            } else {
                whole = false;
                self.remove(&names::path(&self.place.dir, replacement.image.base, "log.cleaned"))?;
                self.remove(&names::path(&self.place.dir, replacement.image.base, "index.cleaned"))?;
            }
        }
        if whole {
            self.cleaned_to = self.cleaned_to.max(cleaned.cleaned_to.min(self.log_end));
            self.checkpoint_wanted = true;
        }
        report.cleaned_to = self.cleaned_to;
        Ok(report)
    }

    /// How many of the first segments may be compacted.
    fn cleanable(&self, now: Millis, up_to: Offset) -> usize {
        let lag = self.config.min_compaction_lag_ms;
        let closed = self.segments.len().saturating_sub(1);
        let old = |s: &Segment<D::File>| lag.0 <= 0 || s.latest.timestamp + lag <= now;
        let whole = |s: &Segment<D::File>| !self.damage.iter().any(|d| d.segment == s.base);
        let ripe = |s: &&Segment<D::File>| s.sealed && s.end <= up_to && old(s) && whole(s);
        self.segments[..closed].iter().take_while(ripe).count()
    }

    fn is_dirty_enough(&self, count: usize, now: Millis) -> bool {
        let cleanable = &self.segments[..count];
        let dirty = || cleanable.iter().filter(|s| s.end > self.cleaned_to && s.len > 0);
        let Some(oldest) = dirty().next() else { return false };
        let overdue = |lag| oldest.first >= Millis(0) && now.since(oldest.first) > lag;
        if self.config.max_compaction_lag_ms.is_some_and(overdue) {
            return true;
        }
        let total: u64 = cleanable.iter().map(|s| s.len).sum();
        let dirty: u64 = dirty().map(|s| s.len).sum();
        total > 0 && dirty as f64 / total as f64 >= self.config.min_cleanable_dirty_ratio
    }

    fn still_there(&self, replacement: &Replacement) -> bool {
        let Some((first, _)) = replacement.replaced.first() else { return false };
        let at = self.segments.partition_point(|s| s.base < *first);
        let here = self.segments.get(at..at + replacement.replaced.len());
        here.is_some_and(|here| {
            here.iter()
                .zip(&replacement.replaced)
                .all(|(s, (base, len))| s.sealed && s.base == *base && s.len == *len)
        })
    }

    /// The rename of the segment to `.swap` decides: before it the old segments are in force, after it the new one is,
    /// and the next open finishes what is left.
    fn replace(&mut self, replacement: &Replacement) -> Result<(), LogError> {
        let base = replacement.image.base;
        self.change_layout();
        self.rename(base, "index.cleaned", "index.swap")?;
        self.rename(base, "log.cleaned", "log.swap")?;
        self.sync_dir()?;
        for (old, _) in replacement.replaced.iter().skip(1) {
            self.remove(&names::index(&self.place.dir, *old))?;
            self.remove(&names::segment(&self.place.dir, *old))?;
        }
        self.rename(base, "index.swap", "index")?;
        self.rename(base, "log.swap", "log")?;
        self.sync_dir()?;
        let at = self.segments.partition_point(|s| s.base < base);
        let gone = at..at + replacement.replaced.len();
        self.open_closed.retain(|b| !replacement.replaced.iter().any(|(old, _)| old == b));
        self.segments.splice(gone, [Segment::sealed(&replacement.image)]);
        Ok(())
    }

    pub(super) fn rename(&self, base: Offset, from: &str, to: &str) -> Result<(), LogError> {
        let (from, to) = (names::path(&self.place.dir, base, from), names::path(&self.place.dir, base, to));
        self.place.disk.rename(&from, &to).map_err(|e| self.place.error(&to, e))
    }
}
