//! Compaction: the latest record of every key stays, offsets stay, tombstones go after their time, and the last batch of
//! every producer stays (perhaps emptied) so that its sequence is not forgotten.
//!
//! A job works on closed segments, which nobody changes, on any thread; it writes files of its own beside them and
//! touches nothing else. The log's owner installs the result. Memory is bounded by the key map's budget; a log with
//! more keys than that is compacted in several passes. Transactional batches end a pass: until the log knows which
//! transactions were aborted, nothing may be superseded by their records.

mod key_map;
mod output;
mod retain;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weir_model::records::{Batch, BatchHeader};
use weir_model::{DurationMs, Millis, Offset, ProducerId};

use crate::disk::{Disk, read_exact, remove_if_there};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::image::SegmentImage;
use crate::names;
use crate::scan::{HeaderWalk, ScanError};
use crate::segment::Place;
use key_map::KeyMap;
use output::Output;
use retain::{Rules, Verdict, retain};

/// A batch that decompresses to more is kept as it is, and its records supersede nothing.
const MOST_DECODED: usize = 64 << 20;

/// A closed segment as the job sees it. It is opened when it is read, so that a pass holds few files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) base: Offset,
    pub(crate) end: Offset,
    pub(crate) len: u64,
}

/// What a pass is to do.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) cleaned_to: Offset,
    pub(crate) now: Millis,
    pub(crate) delete_retention: DurationMs,
    pub(crate) producer_expiration: DurationMs,
    pub(crate) segment_bytes: u64,
    pub(crate) index_interval: u64,
    pub(crate) map_bytes: usize,
}

/// Work to be done off the owner's thread: [`Self::run`] it, then give the outcome to [`crate::Log::install`].
#[derive(Debug)]
pub struct CompactionJob<D: Disk> {
    pub(crate) place: Place<D>,
    pub(crate) sources: Vec<Source>,
    pub(crate) epochs: Epochs,
    pub(crate) order: Order,
    pub(crate) cancellation: Cancellation,
}

/// Ends a pass early from another thread: a log that is closed or deleted does not wait for it.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// The pass ends at its next batch.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a pass wrote. Nothing of it is in force before it is installed.
#[derive(Debug)]
pub struct CompactionOutcome {
    pub(crate) cleaned_to: Offset,
    pub(crate) replacements: Vec<Replacement>,
}

/// A new segment in the place of others.
#[derive(Debug)]
pub(crate) struct Replacement {
    /// The bases and lengths of the segments that it replaces.
    pub(crate) replaced: Vec<(Offset, u64)>,
    pub(crate) image: SegmentImage,
}

impl<D: Disk> CompactionJob<D> {
    /// The way to end it early.
    #[must_use]
    pub fn cancellation(&self) -> Cancellation {
        self.cancellation.clone()
    }

    /// Does the work. Blocks. An error leaves the log as it is, and no files of the pass behind.
    pub fn run(self) -> Result<CompactionOutcome, LogError> {
        match self.clean() {
            Ok(outcome) => Ok(outcome),
            // Retention deleted a segment under the pass, or nobody wants it any more: there is nothing to install, and
            // the next pass knows.
            Err(LogError::Gone { .. }) => {
                self.clear_away();
                Ok(CompactionOutcome { cleaned_to: self.order.cleaned_to, replacements: Vec::new() })
            }
            Err(error) => {
                self.clear_away();
                Err(error)
            }
        }
    }

    fn clean(&self) -> Result<CompactionOutcome, LogError> {
        self.place.health.check()?;
        let (map, cleaned_to) = self.map_keys()?;
        let rules = Rules {
            latest: &map,
            last_of_producer: self.last_batches()?,
            now: self.order.now,
            delete_retention: self.order.delete_retention,
            producer_expiration: self.order.producer_expiration,
        };
        let touched = self.sources.partition_point(|s| s.base < cleaned_to);
        let mut replacements = Vec::new();
        let mut rest = &self.sources[..touched];
        while !rest.is_empty() {
            let (group, after) = rest.split_at(self.group_len(rest));
            replacements.extend(self.rewrite(group, &rules)?);
            rest = after;
        }
        Ok(CompactionOutcome { cleaned_to, replacements })
    }

    /// The latest offset of each key in the dirty part, as far as the map's budget goes, and how far that is.
    fn map_keys(&self) -> Result<(KeyMap, Offset), LogError> {
        let mut map = KeyMap::new(self.order.map_bytes);
        let mut reached = self.order.cleaned_to;
        for source in self.sources.iter().filter(|s| s.end > self.order.cleaned_to) {
            let mut stop = None;
            self.each_batch(source, |header, bytes| {
                if header.last_offset() < self.order.cleaned_to || header.attributes.is_control() {
                    return Ok(true);
                }
                if header.attributes.is_transactional() || !map.has_room_for(header.count) {
                    stop = Some(header.base_offset);
                    return Ok(false);
                }
                let batch = Batch::parse(bytes)?;
                let Ok(payload) = batch.decoded_payload(MOST_DECODED) else { return Ok(true) };
                for record in batch.records(&payload).map_while(Result::ok) {
                    if let Some(key) = record.key {
                        map.note(key, record.offset);
                    }
                }
                Ok(true)
            })?;
            if let Some(stop) = stop {
                return Ok((map, stop.max(reached)));
            }
            reached = source.end;
        }
        Ok((map, reached))
    }

    fn last_batches(&self) -> Result<BTreeMap<ProducerId, Offset>, LogError> {
        let mut last = BTreeMap::new();
        for source in &self.sources {
            let file = self.open(source)?;
            let mut walk = HeaderWalk::new(&file, 0, source.len);
            while let Some(batch) = walk.next().map_err(|e| self.scan_error(source, e))? {
                self.go_on()?;
                if batch.header.has_producer() {
                    last.insert(batch.header.producer_id, batch.header.base_offset);
                }
            }
        }
        Ok(last)
    }

    /// How many of the first sources go into one new segment.
    fn group_len(&self, sources: &[Source]) -> usize {
        let Some(first) = sources.first() else { return 0 };
        let mut bytes = 0u64;
        let fits = |source: &&Source| {
            bytes = bytes.saturating_add(source.len);
            bytes <= self.order.segment_bytes && source.end - first.base <= i64::from(i32::MAX)
        };
        sources.iter().take_while(fits).count().max(1)
    }

    fn rewrite(&self, group: &[Source], rules: &Rules<'_>) -> Result<Option<Replacement>, LogError> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(None) };
        let mut output = Output::create(&self.place, first.base, self.order.index_interval)?;
        let mut changed = group.len() > 1;
        for source in group {
            self.each_batch(source, |header, bytes| {
                match retain(header, bytes, rules)? {
                    Verdict::Keep => output.push(header, bytes)?,
                    Verdict::Drop => changed = true,
                    Verdict::Rewrite(new) => {
                        changed = true;
                        output.push(&BatchHeader::parse(&new)?, &new)?;
                    }
                }
                Ok(true)
            })?;
        }
        if !changed {
            output.discard()?;
            return Ok(None);
        }
        let epochs = self.epochs.within(first.base, last.end);
        let image = output.finish(last.end, &epochs)?;
        Ok(Some(Replacement { replaced: group.iter().map(|s| (s.base, s.len)).collect(), image }))
    }

    /// A disk may be full of them. What can not be removed is removed when the log is opened.
    fn clear_away(&self) {
        for source in &self.sources {
            for kind in ["log.cleaned", "index.cleaned"] {
                let _ = remove_if_there(&self.place.disk, &names::path(&self.place.dir, source.base, kind));
            }
        }
    }

    fn go_on(&self) -> Result<(), LogError> {
        let cancelled = self.cancellation.0.load(Ordering::Relaxed);
        if cancelled { Err(LogError::Gone { path: self.place.dir.to_path_buf() }) } else { Ok(()) }
    }

    fn open(&self, source: &Source) -> Result<D::File, LogError> {
        let path = names::segment(&self.place.dir, source.base);
        self.place.disk.open(&path).map_err(|e| self.place.error(&path, e))
    }

    /// Shows every batch of a source, its checksum checked, until told to stop.
    fn each_batch(
        &self,
        source: &Source,
        mut each: impl FnMut(&BatchHeader, &[u8]) -> Result<bool, LogError>,
    ) -> Result<(), LogError> {
        let file = self.open(source)?;
        let mut walk = HeaderWalk::new(&file, 0, source.len);
        let mut bytes = Vec::new();
        while let Some(placed) = walk.next().map_err(|e| self.scan_error(source, e))? {
            self.go_on()?;
            bytes.resize(placed.header.size, 0);
            read_exact(&file, &mut bytes, placed.position)
                .map_err(|e| self.scan_error(source, ScanError::Io(e)))?;
            if let Err(error) = Batch::parse(&bytes).and_then(|b| b.check_crc()) {
                let bad = ScanError::Bad { position: placed.position, why: error.to_string() };
                return Err(self.scan_error(source, bad));
            }
            if !each(&placed.header, &bytes)? {
                break;
            }
        }
        Ok(())
    }

    fn scan_error(&self, source: &Source, error: ScanError) -> LogError {
        let path = names::segment(&self.place.dir, source.base);
        match error {
            ScanError::Io(source) => self.place.error(&path, source),
            ScanError::Bad { position, why } => LogError::Corrupt { path, position, why },
        }
    }
}
