//! What the log asks of a disk, and the two that answer: the real one, and one in memory that fails in every way ext4
//! may. Both pass one conformance suite. Nothing else in the crate touches the file system.

#[cfg(test)]
mod conformance;
mod memory;
mod real;
mod reporting;
mod volume;

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

pub use memory::{CrashStyle, MemoryDisk, MemoryFile, MemoryLock, MemoryVolume};
pub use real::{RealDisk, RealFile, RealLock};
pub use volume::RealVolume;

/// A file system. Paths are taken as they are; a clone is the same disk.
///
/// Durability, which implementations must not exceed in promises nor callers in hopes: bytes are durable after
/// [`DiskFile::sync_data`] of their file, names (creation, removal, rename) after [`Disk::sync_dir`] of their directory, and
/// both after [`Volume::sync`] of the file system that holds them.
/// Before that a crash may keep any subset of the written pages and any prefix of a directory's changes.
pub trait Disk: Clone + Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;
    /// Holds an exclusive lock until it is dropped.
    type Lock: Send + Sync + 'static;
    /// A file system as a whole.
    type Volume: Volume<Self::File>;

    /// Creates a file that MUST NOT exist yet (`AlreadyExists`), open for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// An existing file's length, without opening it.
    fn file_len(&self, path: &Path) -> io::Result<u64>;
    /// The bytes of the disk that an existing file takes: fewer than it is long, where it has holes, or more, where room is kept.
    fn file_room(&self, path: &Path) -> io::Result<u64>;
    /// Gives a file or directory another name in the same directory, atomically replacing a file that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name; open handles go on reading it.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with all that is in it. Not atomic: rename it away first where that matters.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;
    /// Creates one directory; its parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Free and total bytes of the file system that holds `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;
    /// Takes the exclusive lock of a file, creating it; `WouldBlock` when somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Self::Lock>;
    /// The file system that holds an existing file; `Unsupported` where a sync of the whole is not known to tell of all
    /// that could not be written.
    fn volume(&self, file: &Path) -> io::Result<Self::Volume>;
}

/// A file system that is synced as a whole. What could not be written between the moment when this was opened and a
/// sync is told by that sync; what failed before may have been told to others.
pub trait Volume<F: DiskFile>: Send + Sync + 'static {
    /// Whether an open file is on it.
    fn holds(&self, file: &F) -> bool;
    /// Makes durable all bytes and names that were there before, whoever wrote them. After an error none of them may be
    /// trusted, as with [`DiskFile::sync_data`].
    fn sync(&self) -> io::Result<()>;
}

/// An open file. All positions are absolute; handles are shared between threads.
pub trait DiskFile: Send + Sync + 'static {
    /// Reads up to `buf.len()` bytes; short only at the end of the file.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes a prefix of the buffers, as long as the system took it; `StorageFull` when it can take nothing.
    fn write_at(&self, bufs: &[IoSlice<'_>], position: u64) -> io::Result<usize>;
    /// The length.
    fn len(&self) -> io::Result<u64>;
    /// No bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts, or extends with zeros. What was [reserved](Self::reserve) beyond is free again.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Keeps room on the disk for bytes that will be written there, whatever the length, which does not change.
    fn reserve(&self, position: u64, len: u64) -> io::Result<()>;
    /// Makes the bytes and the length durable (fdatasync). After an error NOTHING written before may be trusted to
    /// ever become durable, whatever a later call says.
    fn sync_data(&self) -> io::Result<()>;
    /// Asks that the next read of this range comes from the device and not from memory. A wish, not a promise.
    fn forget_cached(&self, _position: u64, _len: u64) {}
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The last component.
    pub name: String,
    /// A directory, not a file.
    pub is_dir: bool,
}

/// A file system's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Reads exactly `buf.len()` bytes; `UnexpectedEof` when the file ends before.
pub fn read_exact<F: DiskFile>(file: &F, mut buf: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buf.is_empty() {
        let read = file.read_at(buf, position)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buf = &mut buf[read..];
        position += read as u64;
    }
    Ok(())
}

/// Writes all of the buffers or says why not; what was written before the error stays in the file.
pub(crate) fn write_all<F: DiskFile>(
    file: &F,
    mut bufs: &mut [IoSlice<'_>],
    mut position: u64,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut bufs, 0);
    while !bufs.is_empty() {
        let written = file.write_at(bufs, position)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut bufs, written);
        position += written as u64;
    }
    Ok(())
}

/// Reads a whole file of at most `max` bytes; longer ones are `InvalidData`.
pub(crate) fn read_file<D: Disk>(disk: &D, path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let len = file.len()?;
    if len > max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len as usize];
    read_exact(&file, &mut bytes, 0)?;
    Ok(bytes)
}

/// Replaces a file as a whole: a temporary name, then a rename. With `durable` its bytes are on disk before the name
/// is, so that a crash leaves the old content or the new one; the name itself is durable after `sync_dir`.
pub(crate) fn replace_file<D: Disk>(disk: &D, path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let file = write_beside(disk, path, bytes)?;
    if durable && let Err(error) = file.sync_data() {
        let _ = remove_if_there(disk, &beside(path));
        return Err(error);
    }
    put_in_place(disk, path)
}

/// The first half of a replacement. Until the second one the file is what it was; a crash leaves what the next open removes.
pub(crate) fn write_beside<D: Disk>(disk: &D, path: &Path, bytes: &[u8]) -> io::Result<D::File> {
    let temporary = beside(path);
    remove_if_there(disk, &temporary)?;
    let file = disk.create(&temporary)?;
    if let Err(error) = write_all(&file, &mut [IoSlice::new(bytes)], 0) {
        let _ = remove_if_there(disk, &temporary);
        return Err(error);
    }
    Ok(file)
}

/// The second half, when what was written beside is durable, or need not be.
pub(crate) fn put_in_place<D: Disk>(disk: &D, path: &Path) -> io::Result<()> {
    let temporary = beside(path);
    disk.rename(&temporary, path).inspect_err(|_| drop(remove_if_there(disk, &temporary)))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Removes a file; a missing one is as good.
pub(crate) fn remove_if_there<D: Disk>(disk: &D, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Names in a directory; a missing directory has none.
pub(crate) fn list_if_there<D: Disk>(disk: &D, dir: &Path) -> io::Result<Vec<DirEntry>> {
    match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// Out of space or quota: the one kind of write error that passes by itself.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero
    )
}
