//! The segment that a compaction pass writes: `.cleaned` files, synced before anybody hears of them.

use std::io::IoSlice;

use weir_model::Offset;
use weir_model::records::BatchHeader;

use crate::disk::{Disk, DiskFile, remove_if_there, replace_file, write_all};
use crate::epochs::Epochs;
use crate::error::{LogError, sync_error};
use crate::image::SegmentImage;
use crate::names;
use crate::segment::{Place, Segment};

const BUFFER: usize = 256 * 1024;

pub(super) struct Output<'p, D: Disk> {
    place: &'p Place<D>,
    segment: Segment<D::File>,
    file: D::File,
    interval: u64,
    buffer: Vec<u8>,
    flushed: u64,
}

impl<'p, D: Disk> Output<'p, D> {
    pub(super) fn create(place: &'p Place<D>, base: Offset, interval: u64) -> Result<Self, LogError> {
        let path = names::path(&place.dir, base, "log.cleaned");
        let file = remove_if_there(&place.disk, &path).and_then(|()| place.disk.create(&path));
        let file = file.map_err(|e| place.error(&path, e))?;
        Ok(Self { place, segment: Segment::empty(base), file, interval, buffer: Vec::new(), flushed: 0 })
    }

    pub(super) fn push(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<(), LogError> {
        self.segment.note(header, self.interval);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Makes both files durable. The segment reaches to `end`, whatever its last batch is.
    pub(super) fn finish(mut self, end: Offset, epochs: &Epochs) -> Result<SegmentImage, LogError> {
        self.flush()?;
        self.segment.end = end;
        let image = self.segment.image();
        let log = names::path(&self.place.dir, image.base, "log.cleaned");
        let index = names::path(&self.place.dir, image.base, "index.cleaned");
        self.file.sync_data().map_err(|e| sync_error(&self.place.health, &log, e))?;
        replace_file(&self.place.disk, &index, &image.to_index_file(epochs), true)
            .map_err(|e| self.place.error(&index, e))?;
        Ok(image)
    }

    pub(super) fn discard(self) -> Result<(), LogError> {
        let path = names::path(&self.place.dir, self.segment.base, "log.cleaned");
        remove_if_there(&self.place.disk, &path).map_err(|e| self.place.error(&path, e))
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let path = names::path(&self.place.dir, self.segment.base, "log.cleaned");
        write_all(&self.file, &mut [IoSlice::new(&self.buffer)], self.flushed)
            .map_err(|e| self.place.error(&path, e))?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
