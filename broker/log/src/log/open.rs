//! Opening a log after whatever happened to it. Closed segments are known by their indexes, the open one by the
//! checkpoint; only what was written after the checkpoint is read and checked. A torn tail is cut to the last good
//! batch. Damage below the checkpoint is an error, never skipped.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use weir_model::Offset;

use super::{Gate, Log, Names};
use crate::config::LogConfig;
use crate::disk::{Disk, DiskFile, list_if_there, read_file, remove_if_there};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::home::Home;
use crate::image::{Checkpoint, MOST_BYTES, SegmentImage};
use crate::names::{self, Name};
use crate::reserve::left_behind;
use crate::scan::{ScanError, verify};
use crate::segment::{Place, Segment};

/// What opening a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bytes of batches that were read and checked.
    pub scanned_bytes: u64,
    /// Bytes cut off the tail because no sound batch was there.
    pub truncated_bytes: u64,
    /// Why the tail was cut.
    pub cut_because: Option<String>,
    /// Indexes of closed segments that were missing or damaged, and were rebuilt.
    pub rebuilt_indexes: usize,
    /// A checkpoint was there but not readable.
    pub checkpoint_damaged: bool,
}

/// What the directory holds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) segments: BTreeMap<Offset, u64>,
    pub(super) indexes: Vec<Offset>,
    pub(super) swaps: Vec<(Offset, u64)>,
    pub(super) swap_indexes: Vec<Offset>,
    starts: Vec<Offset>,
    snapshots: Vec<Offset>,
    leftovers: Vec<String>,
    checkpoint: bool,
    damage: bool,
}

impl<D: Disk> Log<D> {
    /// Opens the log in a directory under the home's root, which need not exist: an empty log costs one system call.
    pub fn open(home: &Home<D>, dir: &Path, config: LogConfig) -> Result<(Self, Recovered), LogError> {
        home.health.check()?;
        let place = Place { disk: home.disk.clone(), dir: dir.into(), health: home.health.clone() };
        let dir_exists = match place.disk.list(dir) {
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(place.error(dir, error)),
        };
        let mut log = Self::empty(home.clone(), place, config);
        let mut report = Recovered::default();
        if dir_exists {
            log.names.dir_exists = true;
            log.recover(&mut report)?;
        }
        Ok((log, report))
    }

    fn empty(home: Home<D>, place: Place<D>, config: LogConfig) -> Self {
        Self {
            home,
            place,
            config,
            segments: Vec::new(),
            log_start: Offset::ZERO,
            log_end: Offset::ZERO,
            durable_end: Offset::ZERO,
            epochs: Epochs::default(),
            cleaned_to: Offset::ZERO,
            start_marker: None,
            snapshots: Vec::new(),
            since_snapshot: 0,
            snapshot_put_off: 0,
            damage: Vec::new(),
            names: Names::default(),
            gate: Arc::new(Gate::default()),
            truncations: 0,
            since_checkpoint: 0,
            checkpoint_wanted: false,
            unsealed: false,
            put_off: 0,
            oldest_unflushed: None,
            inherits: false,
            untrimmed: false,
            open_closed: VecDeque::new(),
            cursors: super::read::Cursors::default(),
        }
    }

    fn recover(&mut self, report: &mut Recovered) -> Result<(), LogError> {
        let mut found = self.look()?;
        self.finish_swaps(&mut found)?;
        for name in &found.leftovers {
            self.remove(&self.place.dir.join(name))?;
        }
        let checkpoint = self.read_checkpoint(&found, report);
        self.start_marker = found.starts.iter().max().copied();
        self.log_start = self.start_marker.unwrap_or(Offset::ZERO);
        let mut images = self.read_indexes(&found)?;
        self.drop_dead_segments(&mut found, &mut images)?;

        let sealed_end = images.values().map(|(image, _)| image.end).max().unwrap_or(Offset::ZERO);
        let floor = checkpoint.as_ref().map_or(sealed_end, |c| c.segment.end);
        if let Some(checkpoint) = &checkpoint {
            self.cleaned_to = checkpoint.cleaned_to;
            self.names.ancestors_synced = true;
            self.epochs = checkpoint.epochs.clone();
        }
        let epochs_known_to = checkpoint.as_ref().map_or(Offset::ZERO, |c| c.segment.end);
        let known = Known { images, checkpoint: checkpoint.map(|c| c.segment), floor, epochs_known_to };
        self.take_segments(&found, known, report)?;
        self.since_checkpoint = report.scanned_bytes;
        self.settle(&found)?;
        if found.damage { self.recall_damage() } else { Ok(()) }
    }

    fn look(&self) -> Result<Found, LogError> {
        let dir = &self.place.dir;
        let mut found = Found::default();
        for entry in list_if_there(&self.place.disk, dir).map_err(|e| self.place.error(dir, e))? {
            match Name::parse(&entry.name) {
                Name::Segment(base) => drop(found.segments.insert(base, self.file_len(&entry.name)?)),
                Name::Index(base) => found.indexes.push(base),
                Name::SwapSegment(base) => found.swaps.push((base, self.file_len(&entry.name)?)),
                Name::SwapIndex(base) => found.swap_indexes.push(base),
                Name::Start(offset) => found.starts.push(offset),
                Name::Snapshot(offset) => found.snapshots.push(offset),
                Name::Checkpoint => found.checkpoint = true,
                Name::Damage => found.damage = true,
                Name::Leftover => found.leftovers.push(entry.name),
                Name::Foreign => {}
            }
        }
        Ok(found)
    }

    fn file_len(&self, name: &str) -> Result<u64, LogError> {
        let path = self.place.dir.join(name);
        self.place.disk.file_len(&path).map_err(|e| self.place.error(&path, e))
    }

    fn read_checkpoint(&self, found: &Found, report: &mut Recovered) -> Option<Checkpoint> {
        if !found.checkpoint {
            return None;
        }
        let bytes = read_file(&self.place.disk, &self.place.dir.join(names::CHECKPOINT), MOST_BYTES).ok();
        let checkpoint = bytes.and_then(|b| Checkpoint::decode(&b).ok());
        report.checkpoint_damaged = checkpoint.is_none();
        checkpoint
    }

    /// The readable indexes whose segment is there with the length they speak of.
    fn read_indexes(&self, found: &Found) -> Result<BTreeMap<Offset, (SegmentImage, Epochs)>, LogError> {
        let mut images = BTreeMap::new();
        for base in &found.indexes {
            let path = names::index(&self.place.dir, *base);
            let bytes = read_file(&self.place.disk, &path, MOST_BYTES);
            let image = bytes.ok().and_then(|b| SegmentImage::from_index_file(&b).ok());
            match image
                .filter(|(image, _)| image.base == *base && found.segments.get(base) == Some(&image.len))
            {
                Some(image) => drop(images.insert(*base, image)),
                None => self.remove(&path)?,
            }
        }
        Ok(images)
    }

    /// Segments below the log's start are a deletion that was cut short; ones inside the range of a closed segment are
    /// what compaction merged into it.
    fn drop_dead_segments(
        &self,
        found: &mut Found,
        images: &mut BTreeMap<Offset, (SegmentImage, Epochs)>,
    ) -> Result<(), LogError> {
        let bases: Vec<_> = found.segments.keys().copied().collect();
        let mut merged_to = Offset::ZERO;
        for (at, base) in bases.iter().enumerate() {
            let next = bases.get(at + 1);
            let end = images.get(base).map(|(image, _)| image.end).or(next.copied());
            let below_start = end.is_some_and(|end| end <= self.log_start) && *base < self.log_start;
            if below_start || *base < merged_to {
                self.remove(&names::index(&self.place.dir, *base))?;
                self.remove(&names::segment(&self.place.dir, *base))?;
                found.segments.remove(base);
                images.remove(base);
            } else if let Some((image, _)) = images.get(base) {
                merged_to = merged_to.max(image.end);
            }
        }
        Ok(())
    }

    fn take_segments(
        &mut self,
        found: &Found,
        mut known: Known,
        report: &mut Recovered,
    ) -> Result<(), LogError> {
        let mut end = None;
        let mut bases = found.segments.iter();
        for (base, len) in bases.by_ref() {
            // The first segment may begin below the log's start, never above it.
            let follows = end.map_or(*base <= self.log_start, |end| end == *base);
            let expected = end.unwrap_or(self.log_start);
            if !follows {
                if expected < known.floor && !self.fill_compacted_gap(*base) {
                    return Err(self.missing(expected, *base));
                }
                if expected >= known.floor {
                    report.cut_because.get_or_insert_with(|| format!("no segment at offset {expected}"));
                    self.discard(*base, *len, report)?;
                    break;
                }
            }
            let segment = match known.images.remove(base) {
                Some((image, begun)) => {
                    for (epoch, start) in begun.entries() {
                        self.epochs.assign(*epoch, *start);
                    }
                    Segment::sealed(&image)
                }
                None => self.take_unsealed(*base, *len, &mut known, report)?,
            };
            let cut = segment.len < *len;
            end = Some(segment.end);
            self.segments.push(segment);
            if cut {
                break;
            }
        }
        for (base, len) in bases {
            self.discard(*base, *len, report)?;
        }
        let reached = end.unwrap_or(self.log_start).max(self.log_start);
        if reached < known.floor {
            return Err(self.missing(reached, known.floor));
        }
        Ok(())
    }

    /// A segment without an index: the open one, or one whose index is lost.
    fn take_unsealed(
        &mut self,
        base: Offset,
        len: u64,
        known: &mut Known,
        report: &mut Recovered,
    ) -> Result<Segment<D::File>, LogError> {
        let path = names::segment(&self.place.dir, base);
        let image = known.checkpoint.take_if(|image| image.base == base);
        let mut segment = image.map_or_else(|| Segment::empty(base), Segment::from_image);
        if len < segment.len {
            let why = format!("it ends there, {} bytes were durable", segment.len);
            return Err(LogError::Corrupt { path, position: len, why });
        }
        if len >= self.config.reserve_from
            && let Ok(taken) = self.place.disk.file_room(&path)
        {
            segment.reserved = left_behind(&self.config, len, taken);
        }
        if len == segment.len {
            return Ok(segment);
        }
        let file = segment.file(&self.place)?;
        let (from, expected) = (segment.len, segment.end);
        let (interval, epochs) = (self.config.index_interval_bytes, &mut self.epochs);
        let epochs_known_to = known.epochs_known_to;
        let scan = verify(&*file, from, len, expected, |batch| {
            segment.note(&batch.header, interval);
            // Of an old segment that lost its index nothing is new: a record of it would take later epochs for empty ones.
            if batch.header.base_offset >= epochs_known_to {
                epochs.note_record(batch.header.leader_epoch, batch.header.base_offset);
            }
        });
        report.scanned_bytes += segment.len - from;
        match scan {
            Ok(()) => {}
            Err(ScanError::Io(source)) => return Err(self.place.error(&path, source)),
            Err(ScanError::Bad { position, why }) if segment.end < known.floor => {
                return Err(LogError::Corrupt { path, position, why });
            }
            Err(ScanError::Bad { position, why }) => {
                report.truncated_bytes += len - position;
                report.cut_because.get_or_insert(why);
                // Durable, lest what was cut comes back behind what is appended now.
                file.set_len(position)
                    .and_then(|()| file.sync_data())
                    .map_err(|e| self.place.error(&path, e))?;
            }
        }
        if segment.end <= known.floor && from == 0 {
            // It was durable once; only its index is not there.
            (segment.synced, segment.synced_end) = (segment.len, segment.end);
            report.rebuilt_indexes += 1;
        }
        Ok(segment)
    }

    /// Where compaction has been, the end of a segment whose index was lost is not known from its batches.
    fn fill_compacted_gap(&mut self, next: Offset) -> bool {
        match self.segments.last_mut() {
            Some(last) if !last.sealed && last.base < self.cleaned_to => {
                last.end = next;
                true
            }
            _ => false,
        }
    }

    fn settle(&mut self, found: &Found) -> Result<(), LogError> {
        self.log_end = self.segments.last().map_or(self.log_start, |s| s.end).max(self.log_start);
        if self.segments.last().is_some_and(|s| s.end < self.log_start) {
            // What was deleted up to the very end, and then lost its tail.
            for segment in std::mem::take(&mut self.segments) {
                self.discard(segment.base, 0, &mut Recovered::default())?;
            }
        }
        let unsynced = self.segments.iter().find(|s| s.synced < s.len);
        self.durable_end = match unsynced {
            None => self.log_end,
            Some(_) => self.durable_prefix(),
        };
        self.inherits = unsynced.is_some();
        if self.inherits || !self.names.ancestors_synced {
            // Nobody knows whether the names were synced before the process died.
            self.names.changed = 1;
        }
        self.unsealed = self.has_unsealed();
        self.epochs.truncate_from_end(self.log_end);
        self.epochs.truncate_from_start(self.log_start);
        for offset in &found.snapshots {
            if *offset > self.log_end {
                self.remove(&names::path(&self.place.dir, *offset, "snapshot"))?;
                // Gone for good before other records are durable at its offset.
                self.names.changed = 1;
            } else {
                self.snapshots.push(*offset);
            }
        }
        self.snapshots.sort_unstable();
        self.recount_since_snapshot();
        for offset in found.starts.iter().filter(|o| **o < self.log_start) {
            self.remove(&names::path(&self.place.dir, *offset, "start"))?;
        }
        Ok(())
    }

    fn durable_prefix(&self) -> Offset {
        let unsynced = self.segments.iter().find(|s| s.synced < s.len);
        unsynced.map_or(self.log_end, |s| s.synced_end).max(self.log_start)
    }

    fn discard(&self, base: Offset, len: u64, report: &mut Recovered) -> Result<(), LogError> {
        report.truncated_bytes += len;
        self.remove(&names::index(&self.place.dir, base))?;
        self.remove(&names::segment(&self.place.dir, base))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), LogError> {
        remove_if_there(&self.place.disk, path).map_err(|e| self.place.error(path, e))
    }

    fn missing(&self, from: Offset, to: Offset) -> LogError {
        LogError::MissingSegment { dir: self.place.dir.to_path_buf(), from, to }
    }
}

/// What small files say about the segments.
struct Known {
    images: BTreeMap<Offset, (SegmentImage, Epochs)>,
    checkpoint: Option<SegmentImage>,
    /// Everything below was durable.
    floor: Offset,
    /// The checkpoint tells of every epoch of a record below. What comes after is told by indexes and records, in their order.
    epochs_known_to: Offset,
}
