//! Walking the batches of a segment file: by header only, hopping over records, or in full with checksums.

use std::io;

use weir_model::Offset;
use weir_model::records::{BATCH_OVERHEAD, Batch, BatchError, BatchHeader};

use crate::disk::{DiskFile, read_exact};

const CHUNK: usize = 4096;
const VERIFY_CHUNK: usize = 256 * 1024;

/// A batch in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) header: BatchHeader,
    pub(crate) position: u64,
}

impl Placed {
    pub(crate) fn end(&self) -> u64 {
        self.position + self.header.size as u64
    }
}

/// Why a walk stopped before its end.
#[derive(Debug)]
pub(crate) enum ScanError {
    Io(io::Error),
    /// No sound batch at this position.
    Bad {
        position: u64,
        why: String,
    },
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Walks headers from a batch boundary up to `end`, reading little.
pub(crate) struct HeaderWalk<'f, F> {
    file: &'f F,
    position: u64,
    end: u64,
    chunk: Box<[u8; CHUNK]>,
    chunk_at: u64,
    chunk_len: usize,
}

impl<'f, F: DiskFile> HeaderWalk<'f, F> {
    pub(crate) fn new(file: &'f F, position: u64, end: u64) -> Self {
        Self { file, position, end, chunk: Box::new([0; CHUNK]), chunk_at: 0, chunk_len: 0 }
    }

    /// The next batch; none at the end. Batches that pass the end are bad.
    pub(crate) fn next(&mut self) -> Result<Option<Placed>, ScanError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let at = self.position;
        let bad = |why: BatchError| ScanError::Bad { position: at, why: why.to_string() };
        let header = BatchHeader::parse(self.head()?).map_err(bad)?;
        let placed = Placed { header, position: at };
        if placed.end() > self.end {
            return Err(bad(BatchError::Incomplete { need: header.size, have: (self.end - at) as usize }));
        }
        self.position = placed.end();
        Ok(Some(placed))
    }

    fn head(&mut self) -> io::Result<&[u8]> {
        let there = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let need = BATCH_OVERHEAD.min(there) as u64;
        let inside =
            self.position >= self.chunk_at && self.position + need <= self.chunk_at + self.chunk_len as u64;
        if !inside {
            self.chunk_at = self.position;
            self.chunk_len = self.file.read_at(&mut self.chunk[..CHUNK.min(there)], self.position)?;
        }
        let start = (self.position - self.chunk_at) as usize;
        Ok(&self.chunk[start..self.chunk_len.max(start)])
    }
}

/// Reads every byte from a batch boundary up to `end` and checks each batch: format, checksum, ascending offsets from
/// `expected` on. Sound ones go to `each`; the first unsound one ends the walk.
pub(crate) fn verify<F: DiskFile>(
    file: &F,
    mut position: u64,
    end: u64,
    mut expected: Offset,
    mut each: impl FnMut(&Placed),
) -> Result<(), ScanError> {
    let mut buffer = Vec::new();
    let mut start = 0;
    while position < end {
        let bad = |why: String| ScanError::Bad { position, why };
        match Batch::parse(&buffer[start..]) {
            Err(BatchError::Incomplete { need, .. }) => {
                let left = (end - position) as usize;
                if need > left {
                    return Err(bad(format!("batch needs {need} bytes, {left} are there")));
                }
                let len = need.max(VERIFY_CHUNK).min(left);
                buffer.resize(len, 0);
                start = 0;
                read_exact(file, &mut buffer, position)?;
            }
            Err(other) => return Err(bad(other.to_string())),
            Ok(batch) => {
                batch.check_crc().map_err(|e| bad(e.to_string()))?;
                let header = *batch.header();
                if header.base_offset < expected || header.last_offset_delta < 0 {
                    return Err(bad(format!("offset {} follows {expected}", header.base_offset)));
                }
                expected = header.next_offset();
                each(&Placed { header, position });
                position += header.size as u64;
                start += header.size;
            }
        }
    }
    Ok(())
}
