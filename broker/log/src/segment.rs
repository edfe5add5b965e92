//! One segment: a file of batches, what is known about it in memory, and finding things in it. Handles and indexes of
//! closed segments are opened when they are needed and may be let go at any time.

use std::path::Path;
use std::sync::Arc;

use weir_model::records::BatchHeader;
use weir_model::{Millis, Offset};

use crate::config::LogConfig;
use crate::disk::{Disk, DiskFile, read_file};
use crate::error::{LogError, disk_error};
use crate::health::DirHealth;
use crate::image::{Latest, MOST_BYTES, SegmentImage};
use crate::index::{Index, delta};
use crate::names;
use crate::reserve;
use crate::scan::{HeaderWalk, Placed, ScanError};

/// Where the log is and how it does: what every segment operation needs.
#[derive(Clone, Debug)]
pub(crate) struct Place<D> {
    pub(crate) disk: D,
    pub(crate) dir: Arc<Path>,
    pub(crate) health: DirHealth,
}

impl<D: Disk> Place<D> {
    pub(crate) fn error(&self, path: &Path, source: std::io::Error) -> LogError {
        disk_error(&self.health, path, source)
    }
}

#[derive(Debug)]
pub(crate) struct Segment<F> {
    pub(crate) base: Offset,
    /// The base of the next segment, or the end of the log.
    pub(crate) end: Offset,
    pub(crate) len: u64,
    /// On the disk there is room for it up to here.
    pub(crate) reserved: u64,
    pub(crate) latest: Latest,
    pub(crate) first: Millis,
    /// The bytes known to be durable.
    pub(crate) synced: u64,
    /// The offset after the last batch in them.
    pub(crate) synced_end: Offset,
    /// Its index file is on disk; it will not change any more.
    pub(crate) sealed: bool,
    pub(crate) index: Option<Arc<Index>>,
    pub(crate) file: Option<Arc<F>>,
    /// Something was looked up, read or written since the log last let go of what is idle.
    used: bool,
}

impl<F: DiskFile> Segment<F> {
    pub(crate) fn empty(base: Offset) -> Self {
        Self {
            base,
            end: base,
            len: 0,
            reserved: 0,
            latest: Latest::NONE,
            first: Millis::NONE,
            synced: 0,
            synced_end: base,
            sealed: false,
            index: Some(Arc::default()),
            file: None,
            used: false,
        }
    }

    /// A closed segment as its index file tells; the index itself is left on disk.
    pub(crate) fn sealed(image: &SegmentImage) -> Self {
        Self { index: None, sealed: true, ..Self::from_image(image.clone()) }
    }

    /// A durable stretch as a checkpoint tells.
    pub(crate) fn from_image(image: SegmentImage) -> Self {
        Self {
            base: image.base,
            end: image.end,
            len: image.len,
            reserved: 0,
            latest: image.latest,
            first: image.first,
            synced: image.len,
            synced_end: image.end,
            sealed: false,
            index: Some(Arc::new(image.index)),
            file: None,
            used: false,
        }
    }

    /// Counts a batch that was written at the end.
    pub(crate) fn note(&mut self, header: &BatchHeader, interval: u64) {
        let index = Arc::make_mut(self.index.get_or_insert_default());
        index.note(delta(header.base_offset, self.base), self.len, self.latest.timestamp, interval);
        if self.len == 0 {
            self.first = header.max_timestamp;
        }
        self.latest.note(header.max_timestamp, header.base_offset);
        self.len += header.size as u64;
        self.end = header.next_offset();
    }

    /// Keeps room for what comes next, when it is time, before so many bytes are written. A wish: without it they cost more.
    pub(crate) fn reserve<D: Disk<File = F>>(&mut self, place: &Place<D>, bytes: u64, config: &LogConfig) {
        let Some(range) = reserve::ahead(config, self.len, self.len + bytes, self.reserved) else { return };
        let Some(file) = &self.file else { return };
        if place.disk.space(&place.dir).is_ok_and(reserve::is_roomy) {
            // A file system that can not do it is asked again at the next stop.
            let _ = file.reserve(range.start, range.end - range.start);
            self.reserved = range.end;
        }
    }

    /// Gives back what was kept and not used. When that fails it is for the next to try; the bytes are as they were. Not before
    /// they are durable: xfs would write them all while the caller waits.
    pub(crate) fn give_back<D: Disk<File = F>>(&mut self, place: &Place<D>) {
        if self.reserved <= self.len || self.synced < self.len || place.health.is_failed() {
            return;
        }
        let opened = match &self.file {
            Some(file) => Ok(Arc::clone(file)),
            None => place.disk.open(&names::segment(&place.dir, self.base)).map(Arc::new),
        };
        // What is longer or shorter than is known here is not for this to mend.
        let given =
            opened.and_then(|file| if file.len()? == self.len { file.set_len(self.len) } else { Ok(()) });
        if given.is_ok() {
            self.reserved = self.len;
        }
    }

    pub(crate) fn image(&self) -> SegmentImage {
        SegmentImage {
            base: self.base,
            end: self.end,
            len: self.len,
            latest: self.latest,
            first: self.first,
            index: self.index.as_deref().cloned().unwrap_or_default(),
        }
    }

    /// The file, opened when it is not.
    pub(crate) fn file<D: Disk<File = F>>(&mut self, place: &Place<D>) -> Result<Arc<F>, LogError> {
        self.used = true;
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let path = names::segment(&place.dir, self.base);
        let file = Arc::new(place.disk.open(&path).map_err(|e| place.error(&path, e))?);
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// The first batch that holds `offset` or a later one; none when all are below.
    pub(crate) fn find<D: Disk<File = F>>(
        &mut self,
        place: &Place<D>,
        offset: Offset,
    ) -> Result<Option<Placed>, LogError> {
        self.find_from(place, offset, 0)
    }

    /// As [`Self::find`], looking at no byte before `at_least`, which is where a batch begins.
    pub(crate) fn find_from<D: Disk<File = F>>(
        &mut self,
        place: &Place<D>,
        offset: Offset,
        at_least: u64,
    ) -> Result<Option<Placed>, LogError> {
        let from = self.index(place)?.floor_of_delta(delta(offset, self.base)).max(at_least);
        self.walk_until(place, from, |batch| batch.header.last_offset() >= offset)
    }

    pub(crate) fn index<D: Disk<File = F>>(&mut self, place: &Place<D>) -> Result<Arc<Index>, LogError> {
        if let Some(index) = &self.index {
            return Ok(Arc::clone(index));
        }
        let path = names::index(&place.dir, self.base);
        let bytes = read_file(&place.disk, &path, MOST_BYTES);
        let image = bytes.ok().and_then(|b| SegmentImage::from_index_file(&b).ok()).map(|(image, _)| image);
        let index = match image.filter(|i| i.base == self.base && i.len == self.len) {
            Some(image) => image.index,
            // It was good when the log was opened. Lookups can do without: they walk from the start.
            None => Index::default(),
        };
        let index = Arc::new(index);
        self.index = Some(Arc::clone(&index));
        Ok(index)
    }

    pub(crate) fn walk_until<D: Disk<File = F>>(
        &mut self,
        place: &Place<D>,
        from: u64,
        mut found: impl FnMut(&Placed) -> bool,
    ) -> Result<Option<Placed>, LogError> {
        let file = self.file(place)?;
        let mut walk = HeaderWalk::new(&*file, from, self.len);
        while let Some(batch) = walk.next().map_err(|e| self.scan_error(place, e))? {
            if found(&batch) {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    pub(crate) fn scan_error<D: Disk<File = F>>(&self, place: &Place<D>, error: ScanError) -> LogError {
        let path = names::segment(&place.dir, self.base);
        match error {
            ScanError::Io(source) => place.error(&path, source),
            ScanError::Bad { position, why } => LogError::Corrupt { path, position, why },
        }
    }

    /// Lets go of what was not used since this was last asked; says whether it did.
    pub(crate) fn release_idle<D: Disk<File = F>>(&mut self, place: &Place<D>) -> bool {
        let idle = !std::mem::take(&mut self.used);
        if idle {
            self.release(place);
        }
        idle
    }

    /// Lets go of what can be loaded again. An unsynced file stays open: only its handle is sure to be told of a
    /// failed write-back.
    pub(crate) fn release<D: Disk<File = F>>(&mut self, place: &Place<D>) {
        self.give_back(place);
        if self.synced == self.len {
            self.file = None;
        }
        if self.sealed {
            self.index = None;
        }
    }
}
