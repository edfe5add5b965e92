//! Reading one segment again to see that its batches are what was written: format, checksum, order, reign. Runs on any
//! thread, in steps as large as the caller likes, while the log goes on; the owner judges what came out, since the
//! segment may have been cut, compacted or deleted meanwhile. Reads the disk and not the page cache, where the system
//! lets it, and leaves nothing in the cache behind.

use std::io;

use weir_model::Offset;
use weir_model::records::{BATCH_OVERHEAD, Batch, BatchError, BatchHeader};

use crate::damage::{Damage, MOST};
use crate::disk::{Disk, DiskFile, read_exact};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::names;
use crate::segment::Place;

/// A batch is checked as a whole, so a step reads more than it was asked to where a batch is larger; a header that
/// claims more than this is not believed.
const LARGEST_BATCH: usize = 256 << 20;

/// One segment on its way through a check: [`Self::step`] until [`Self::is_done`], then give it to
/// [`crate::Log::scrubbed`].
#[derive(Debug)]
pub struct Scrub<D: Disk> {
    pub(crate) place: Place<D>,
    pub(crate) base: Offset,
    pub(crate) end: Offset,
    pub(crate) len: u64,
    pub(crate) epochs: Epochs,
    /// The log's layout when this was made: what is found holds for that one only.
    pub(crate) layout: u64,
    file: Option<D::File>,
    position: u64,
    expected: Offset,
    /// Where the last sound batch began, and what was expected there.
    last: (u64, Offset),
    /// A stretch that has not ended yet.
    open: Option<Damage>,
    pub(crate) found: Vec<Damage>,
}

impl<D: Disk> Scrub<D> {
    pub(crate) fn new(
        place: Place<D>,
        (base, end, len): (Offset, Offset, u64),
        epochs: Epochs,
        layout: u64,
    ) -> Self {
        let (position, expected) = (0, base);
        Self {
            place,
            base,
            end,
            len,
            epochs,
            layout,
            file: None,
            position,
            expected,
            last: (position, expected),
            open: None,
            found: Vec::new(),
        }
    }

    /// The segment's first offset.
    #[must_use]
    pub fn segment(&self) -> Offset {
        self.base
    }

    /// Whether all of it has been read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.position >= self.len
    }

    /// Reads and checks about so many bytes more; gives how many were read. Blocks. An I/O error fails the directory.
    pub fn step(&mut self, about: usize) -> Result<u64, LogError> {
        let path = names::segment(&self.place.dir, self.base);
        let read = self.read_on(about);
        if self.is_done() {
            self.close(self.end);
            self.file = None;
        }
        match read {
            Ok(bytes) => Ok(bytes),
            // Deleted meanwhile: nothing is there to be damaged.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.position = self.len;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.lost("the file ends before it should".to_owned());
                Ok(0)
            }
            Err(error) => Err(self.place.error(&path, error)),
        }
    }

    fn read_on(&mut self, about: usize) -> io::Result<u64> {
        if self.is_done() {
            return Ok(0);
        }
        let left = usize::try_from(self.len - self.position).unwrap_or(usize::MAX);
        let mut buffer = vec![0; about.max(BATCH_OVERHEAD).min(left)];
        self.read(&mut buffer)?;
        let mut read = buffer.len();
        let mut at = 0;
        while at < buffer.len() {
            match self.check(&buffer[at..]) {
                Next::Goes(size) => at += size,
                Next::Needs(size) if at == 0 => {
                    buffer.resize(size, 0);
                    self.read(&mut buffer)?;
                    read += size;
                }
                // The next step begins with it.
                Next::Needs(_) => break,
                Next::Lost => break,
            }
        }
        Ok(read as u64)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.place.disk.open(&names::segment(&self.place.dir, self.base))?,
        };
        file.forget_cached(self.position, buffer.len() as u64);
        let read = read_exact(&file, buffer, self.position);
        file.forget_cached(self.position, buffer.len() as u64);
        self.file = Some(file);
        read
    }

    /// Looks at the batch at the front of what was read there.
    fn check(&mut self, bytes: &[u8]) -> Next {
        let left = usize::try_from(self.len - self.position).unwrap_or(usize::MAX);
        let header = match BatchHeader::parse(bytes) {
            Ok(header) if header.size > left.min(LARGEST_BATCH) => {
                return self.lost(format!("a batch claims {} bytes, {left} are left", header.size));
            }
            Ok(header) if header.size > bytes.len() => return Next::Needs(header.size),
            Ok(header) => header,
            Err(BatchError::Incomplete { need, .. }) if need <= left => return Next::Needs(need),
            Err(other) => return self.lost(other.to_string()),
        };
        let position = self.position;
        match self.unsound(&header, &bytes[..header.size]) {
            Some(why) => {
                // Offsets that overlap: the one before may be the one that lies, and no checksum covers them.
                if self.open.is_none() && header.base_offset < self.expected {
                    (self.position, self.expected) = self.last;
                    self.begin(why);
                    self.position = position;
                } else {
                    self.begin(why);
                }
            }
            None => {
                self.close(header.base_offset);
                self.last = (self.position, self.expected);
                self.expected = header.next_offset();
            }
        }
        self.position += header.size as u64;
        Next::Goes(header.size)
    }

    fn unsound(&self, header: &BatchHeader, bytes: &[u8]) -> Option<String> {
        if let Err(error) = Batch::parse(bytes).and_then(|batch| batch.check_crc()) {
            return Some(error.to_string());
        }
        let in_order = header.base_offset >= self.expected && header.last_offset_delta >= 0;
        if !in_order || header.next_offset() > self.end {
            return Some(format!("offset {} follows {}", header.base_offset, self.expected));
        }
        let reign = self.epochs.epoch_at(header.base_offset);
        let strange = reign.filter(|reign| *reign != header.leader_epoch);
        strange.map(|reign| format!("it is of leader epoch {}, not {reign}", header.leader_epoch))
    }

    fn begin(&mut self, why: String) {
        let (segment, position, from) = (self.base, self.position, self.expected);
        self.open.get_or_insert(Damage { segment, position, resumes: position, from, to: from, why });
    }

    fn close(&mut self, to: Offset) {
        if let Some(open) = self.open.take()
            && self.found.len() < MOST
        {
            // A stretch of no offset would hide: a batch that does not say its offset truly hides at least one.
            let to = to.max(open.from.next()).min(self.end.max(open.from.next()));
            self.found.push(Damage { to, resumes: self.position, ..open });
        }
    }

    /// Where the next batch begins is not known: the rest of the segment is lost.
    fn lost(&mut self, why: String) -> Next {
        self.begin(why);
        self.position = self.len;
        self.close(self.end);
        Next::Lost
    }
}

enum Next {
    /// So many bytes were looked at.
    Goes(usize),
    /// So many have to be there.
    Needs(usize),
    /// Nothing more can be found in this segment.
    Lost,
}
