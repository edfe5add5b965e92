//! Reading: an offset becomes a range of a file, whole batches, without copying. The range stays readable after its
//! segment was deleted, because it holds the file.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use weir_model::Offset;
use weir_model::records::BatchHeader;

use super::Log;
use crate::disk::{Disk, DiskFile, read_exact};
use crate::error::LogError;
use crate::index::delta;
use crate::scan::{HeaderWalk, Placed};
use crate::segment::{Place, Segment};

/// Whole batches in a file.
pub struct Slice<F> {
    /// The file; holding it keeps the bytes.
    pub file: Arc<F>,
    /// Where the first batch starts.
    pub position: u64,
    /// Bytes of all batches.
    pub len: usize,
    /// The first batch's base offset; at most the offset asked for unless compaction left a gap. Where a read goes on from
    /// another one nobody looks, and it is where that one ended.
    pub base: Offset,
    /// The offset after the last batch: where to read next.
    pub next: Offset,
}

impl<F> Clone for Slice<F> {
    fn clone(&self) -> Self {
        Self { file: Arc::clone(&self.file), ..*self }
    }
}

impl<F> fmt::Debug for Slice<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, len, base, next, .. } = self;
        write!(f, "Slice {{ offsets {base}..{next}, bytes {position}+{len} }}")
    }
}

impl<F: DiskFile> Slice<F> {
    /// Copies the bytes out.
    pub fn to_bytes(&self) -> std::io::Result<Bytes> {
        let mut bytes = vec![0; self.len];
        read_exact(&*self.file, &mut bytes, self.position)?;
        Ok(bytes.into())
    }
}

/// Where the last few reads ended: a consumer's next read begins there, and need not be looked up.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    ends: [Option<Cursor>; 4],
    oldest: usize,
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    offset: Offset,
    segment: Offset,
    position: u64,
}

impl Cursors {
    fn get(&self, offset: Offset, segment: Offset) -> Option<u64> {
        let known = self.ends.iter().flatten().find(|c| c.offset == offset && c.segment == segment);
        known.map(|c| c.position)
    }

    fn note(&mut self, offset: Offset, segment: Offset, position: u64) {
        self.ends[self.oldest] = Some(Cursor { offset, segment, position });
        self.oldest = (self.oldest + 1) % self.ends.len();
    }

    /// Positions are no longer what they were.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl<D: Disk> Log<D> {
    /// Whole batches from the one that holds `from`, all of them below `up_to`, of at most `max_bytes`, of one segment.
    /// With `at_least_one` the first batch comes however large it is. None when there is nothing to give.
    pub fn read(
        &mut self,
        from: Offset,
        up_to: Offset,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Option<Slice<D::File>>, LogError> {
        self.check()?;
        if from < self.log_start || from > self.log_end {
            return Err(LogError::OutOfRange { asked: from, start: self.log_start, end: self.log_end });
        }
        if from >= up_to {
            return Ok(None);
        }
        self.check_damage(from)?;
        let place = self.place.clone();
        let mut at = self.locate(from);
        while let Some(here) = at.filter(|here| *here < self.segments.len()) {
            self.touch(here);
            let known = self.cursors.get(from, self.segments[here].base);
            let past = self.past_damage(self.segments[here].base, from);
            let wall = self.next_damage(self.segments[here].base, from);
            let segment = &mut self.segments[here];
            let bounds = Bounds { up_to, wall, max_bytes };
            let mut onward = None;
            if let Some(position) = known {
                onward = beyond(segment, &place, (position, from), bounds)?;
            }
            if let Some(slice) = onward {
                self.cursors.note(slice.next, segment.base, slice.position + slice.len as u64);
                return Ok(Some(slice));
            }
            let found = match known {
                Some(position) => segment.walk_until(&place, position, |b| b.header.last_offset() >= from)?,
                None => segment.find_from(&place, from, past)?,
            };
            if let Some(first) = found {
                let slice = slice(segment, &place, &first, bounds, at_least_one)?;
                if let Some(slice) = &slice {
                    self.cursors.note(slice.next, segment.base, slice.position + slice.len as u64);
                }
                return Ok(slice);
            }
            // Compaction left nothing at the end of this segment.
            at = Some(here + 1);
        }
        Ok(None)
    }

    /// As [`Self::read`], copied.
    pub fn read_bytes(&mut self, from: Offset, up_to: Offset, max_bytes: usize) -> Result<Bytes, LogError> {
        let Some(slice) = self.read(from, up_to, max_bytes, true)? else { return Ok(Bytes::new()) };
        slice.to_bytes().map_err(|e| self.place.error(&self.place.dir, e))
    }

    /// Shows every batch header from the batch that holds `from` to the log's end, without reading records. For
    /// rebuilding producer state.
    pub fn for_each_header(
        &mut self,
        from: Offset,
        mut each: impl FnMut(&BatchHeader),
    ) -> Result<(), LogError> {
        self.check()?;
        let place = self.place.clone();
        let first = self.locate(from).unwrap_or(self.segments.len());
        for at in first..self.segments.len() {
            self.touch(at);
            let segment = &mut self.segments[at];
            let start = segment.index(&place)?.floor_of_delta(delta(from, segment.base));
            segment.walk_until(&place, start, |batch| {
                if batch.header.last_offset() >= from {
                    each(&batch.header);
                }
                false
            })?;
        }
        Ok(())
    }
}

/// What a slice must not reach beyond.
#[derive(Clone, Copy)]
struct Bounds {
    up_to: Offset,
    /// Where the next damaged batch of the segment begins.
    wall: Option<u64>,
    max_bytes: usize,
}

/// From a place where a batch begins: what can be told without reading a header, if that is nearly all that may be given.
fn beyond<D: Disk>(
    segment: &mut Segment<D::File>,
    place: &Place<D>,
    (position, from): (u64, Offset),
    bounds: Bounds,
) -> Result<Option<Slice<D::File>>, LogError> {
    let limit = bounds.limit(segment.len, position);
    let whole = (segment.len, segment.end);
    let reached = if bounds.hold(whole, limit) {
        Some(whole).filter(|(end, _)| *end > position)
    } else {
        known_boundary(segment, place, limit, bounds.up_to)?
            .filter(|(end, _)| *end > position && bounds.is_plenty(end - position))
    };
    let Some((end, next)) = reached else { return Ok(None) };
    let file = segment.file(place)?;
    Ok(Some(Slice { file, position, len: (end - position) as usize, base: from, next }))
}

/// The last place up to `limit` where, by the index, a batch begins that is below `up_to`, and its offset. It starts where
/// the one before ends, or after a gap that holds nothing.
fn known_boundary<D: Disk>(
    segment: &mut Segment<D::File>,
    place: &Place<D>,
    limit: u64,
    up_to: Offset,
) -> Result<Option<(u64, Offset)>, LogError> {
    let index = segment.index(place)?;
    let by_offset = index.floor_of_delta(delta(up_to, segment.base).saturating_sub(1));
    let entry = index.floor_of_position(limit.min(by_offset));
    Ok(entry.map(|entry| (u64::from(entry.position), segment.base.plus(i64::from(entry.delta)))))
}

impl Bounds {
    /// The byte that a slice from `start` ends at or before.
    fn limit(self, segment_len: u64, start: u64) -> u64 {
        start.saturating_add(self.max_bytes as u64).min(self.wall.unwrap_or(segment_len)).max(start)
    }

    /// Whether so much is so near to what was asked for that it is not worth a look whether one more batch fits.
    fn is_plenty(self, bytes: u64) -> bool {
        bytes >= self.max_bytes as u64 / 4 * 3
    }

    /// Whether all of a segment may be given.
    fn hold(self, (len, end): (u64, Offset), limit: u64) -> bool {
        end <= self.up_to && len <= limit
    }
}

fn slice<D: Disk>(
    segment: &mut Segment<D::File>,
    place: &Place<D>,
    first: &Placed,
    bounds: Bounds,
    at_least_one: bool,
) -> Result<Option<Slice<D::File>>, LogError> {
    let Bounds { up_to, max_bytes, .. } = bounds;
    let fits = first.header.size <= max_bytes || at_least_one;
    if first.header.next_offset() > up_to || !fits {
        return Ok(None);
    }
    let file = segment.file(place)?;
    let (end, next) = last_whole_batch(segment, place, &*file, first, bounds)?;
    let len = (end - first.position) as usize;
    Ok(Some(Slice { file, position: first.position, len, base: first.header.base_offset, next }))
}

/// Where the last batch ends that fits, and the offset after it. The first one always does.
fn last_whole_batch<D: Disk>(
    segment: &mut Segment<D::File>,
    place: &Place<D>,
    file: &D::File,
    first: &Placed,
    bounds: Bounds,
) -> Result<(u64, Offset), LogError> {
    let limit = bounds.limit(segment.len, first.position);
    if bounds.hold((segment.len, segment.end), limit) {
        return Ok((segment.len, segment.end));
    }
    let mut reached = (first.end(), first.header.next_offset());
    let boundary = known_boundary(segment, place, limit, bounds.up_to)?;
    if let Some(boundary) = boundary.filter(|boundary| boundary.0 > reached.0) {
        reached = boundary;
    }
    if bounds.is_plenty(reached.0 - first.position) {
        return Ok(reached);
    }
    let mut walk = HeaderWalk::new(file, reached.0, bounds.wall.unwrap_or(segment.len));
    while let Some(batch) = walk.next().map_err(|e| segment.scan_error(place, e))? {
        if batch.end() > limit || batch.header.next_offset() > bounds.up_to {
            break;
        }
        reached = (batch.end(), batch.header.next_offset());
    }
    Ok(reached)
}
