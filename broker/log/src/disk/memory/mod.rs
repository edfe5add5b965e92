//! A disk in memory that is no kinder than ext4: what was not synced may be lost, torn, reordered or zero-filled, names
//! that were not synced may be gone, it fills up, and its syncs fail. All chance comes from the seed it is given.

mod crash;
mod tree;

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DirEntry, Disk, DiskFile, Space, Volume};
pub use crash::CrashStyle;
use tree::{Node, Op, Part, Tree};

/// See the module. A clone is the same disk.
#[derive(Clone, Debug)]
pub struct MemoryDisk {
    shared: Arc<Mutex<State>>,
}

/// A file on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryFile {
    disk: MemoryDisk,
    inode: u64,
    /// Its syncs do nothing.
    lies: bool,
    /// Handles of before a crash must not touch the disk of after.
    boot: u64,
}

/// A lock on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
    boot: u64,
}

/// All of a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryVolume {
    disk: MemoryDisk,
    boot: u64,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    boot: u64,
    capacity: u64,
    locks: Vec<PathBuf>,
    /// Changes made so far: the write boundaries that a crash test walks.
    changes: u64,
    cut_at: Option<u64>,
    fail_syncs: bool,
    fail_reads: bool,
    /// Syncs of what is below are reported as done, and are not.
    lies_below: Option<PathBuf>,
    bytes_read: u64,
    syncs: u64,
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDisk {
    /// An empty disk with a root directory and no limit.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            tree: Tree::new(),
            boot: 0,
            capacity: u64::MAX,
            locks: Vec::new(),
            changes: 0,
            cut_at: None,
            fail_syncs: false,
            fail_reads: false,
            lies_below: None,
            bytes_read: 0,
            syncs: 0,
        };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// Bytes of file content it takes before it is full.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// From now on every sync fails with EIO, and what it should have made durable never will be.
    pub fn fail_syncs(&self, on: bool) {
        self.state().fail_syncs = on;
    }

    /// From now on files that are opened below this directory, and the directories there, are not synced when they say so.
    pub fn lie_about_syncs_below(&self, dir: &Path) {
        self.state().lies_below = Some(dir.to_owned());
    }

    /// From now on every read fails with EIO.
    pub fn fail_reads(&self, on: bool) {
        self.state().fail_reads = on;
    }

    /// The power goes at the `n`th change from the start: that change is half done, everything after it fails.
    pub fn cut_at(&self, n: u64) {
        self.state().cut_at = Some(n);
    }

    /// Changes made so far (writes, truncations, syncs and changes of names).
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// The cut has happened.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        let state = self.state();
        state.cut_at.is_some_and(|at| state.changes >= at)
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.state().bytes_read
    }

    /// Successful syncs of files and directories so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Inverts one bit of a file, in memory and on the platter. False when there is no such byte.
    pub fn flip_bit(&self, path: &Path, position: u64, bit: u8) -> bool {
        self.state().tree.flip_bit(path, position, bit)
    }

    /// The whole machine loses power and comes back: all handles die, and what was not synced suffers as `style` says.
    pub fn crash(&self, style: CrashStyle, seed: u64) {
        let mut state = self.state();
        state.tree.crash(style, seed);
        state.reboot();
    }

    /// Only the process dies: handles and locks are gone, everything written stays.
    pub fn kill(&self) {
        self.state().reboot();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a handle of that boot.
    fn alive(&self, boot: u64) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.boot != boot {
            return Err(io::Error::other("the handle is of before the crash"));
        }
        state.powered()?;
        Ok(state)
    }

    fn change<T>(&self, op: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        state.count_change()?;
        op(&mut state)
    }
}

impl State {
    fn reboot(&mut self) {
        self.boot += 1;
        self.locks.clear();
        self.cut_at = None;
        self.fail_syncs = false;
        self.fail_reads = false;
        self.tree.forget_handles();
    }

    fn lies(&self, path: &Path) -> bool {
        self.lies_below.as_ref().is_some_and(|dir| path.starts_with(dir))
    }

    /// Fails once the power is gone.
    fn powered(&self) -> io::Result<()> {
        match self.cut_at {
            Some(at) if self.changes >= at => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    fn count_change(&mut self) -> io::Result<()> {
        self.powered()?;
        self.changes += 1;
        self.powered()
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Disk for MemoryDisk {
    type File = MemoryFile;
    type Lock = MemoryLock;
    type Volume = MemoryVolume;

    fn create(&self, path: &Path) -> io::Result<MemoryFile> {
        self.change(|state| {
            let inode = state.tree.add(path, Node::file())?;
            state.tree.hold(inode);
            Ok(MemoryFile { disk: self.clone(), inode, lies: state.lies(path), boot: state.boot })
        })
    }

    fn open(&self, path: &Path) -> io::Result<MemoryFile> {
        let mut state = self.state();
        state.powered()?;
        let inode = state.tree.file_at(path)?;
        state.tree.hold(inode);
        Ok(MemoryFile { disk: self.clone(), inode, lies: state.lies(path), boot: state.boot })
    }

    fn file_len(&self, path: &Path) -> io::Result<u64> {
        let state = self.state();
        state.powered()?;
        let inode = state.tree.file_at(path)?;
        Ok(state.tree.content(inode)?.len() as u64)
    }

    fn file_room(&self, path: &Path) -> io::Result<u64> {
        let state = self.state();
        state.powered()?;
        state.tree.room(state.tree.file_at(path)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| state.tree.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.tree.file_at(path)?;
            state.tree.unlink(path)
        })
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        for entry in self.list(path)? {
            let child = path.join(entry.name);
            if entry.is_dir {
                self.remove_tree(&child)?;
            } else {
                self.remove(&child)?;
            }
        }
        self.change(|state| state.tree.unlink(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change(|state| state.tree.add(path, Node::dir()).map(|_| ()))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.state();
        state.powered()?;
        state.tree.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|state| {
            let fails = state.fail_syncs;
            if state.lies(dir) {
                return Ok(());
            }
            state.tree.sync_dir(dir, fails)?;
            if fails {
                return Err(eio());
            }
            state.syncs += 1;
            Ok(())
        })
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let state = self.state();
        Ok(Space { free: state.capacity.saturating_sub(state.tree.used()), total: state.capacity })
    }

    fn lock(&self, path: &Path) -> io::Result<MemoryLock> {
        let mut state = self.state();
        state.powered()?;
        if state.tree.file_at(path).is_err() {
            state.count_change()?;
            state.tree.add(path, Node::file())?;
        }
        if state.locks.iter().any(|held| held == path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locks.push(path.to_owned());
        Ok(MemoryLock { disk: self.clone(), path: path.to_owned(), boot: state.boot })
    }

    fn volume(&self, file: &Path) -> io::Result<MemoryVolume> {
        let state = self.state();
        state.powered()?;
        state.tree.file_at(file)?;
        Ok(MemoryVolume { disk: self.clone(), boot: state.boot })
    }
}

impl Volume<MemoryFile> for MemoryVolume {
    fn holds(&self, file: &MemoryFile) -> bool {
        Arc::ptr_eq(&self.disk.shared, &file.disk.shared)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.alive(self.boot)?;
        let cut = state.count_change();
        let (fails, lies) = (state.fail_syncs, state.lies_below.clone());
        // When the power goes meanwhile, some of it has been done.
        let part = if cut.is_err() { Part::Some } else { Part::All };
        state.tree.sync_all(part, lies.as_deref(), fails);
        cut?;
        if fails {
            return Err(eio());
        }
        state.syncs += 1;
        Ok(())
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.locks.retain(|held| *held != self.path);
        }
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.tree.release(self.inode);
        }
    }
}

impl MemoryFile {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        self.disk.alive(self.boot)
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.alive()?;
        if state.fail_reads {
            return Err(eio());
        }
        let content = state.tree.content(self.inode)?;
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(content.len());
        let len = buf.len().min(content.len() - start);
        buf[..len].copy_from_slice(&content[start..start + len]);
        state.bytes_read += len as u64;
        Ok(len)
    }

    fn write_at(&self, bufs: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let mut state = self.alive()?;
        let mut bytes: Vec<u8> = bufs.iter().flat_map(|b| b.iter().copied()).collect();
        let cut = state.count_change();
        if cut.is_err() {
            bytes.truncate(bytes.len() / 2);
        }
        let end = position + bytes.len() as u64;
        let grows = end.saturating_sub(state.tree.room(self.inode)?);
        let free = state.capacity.saturating_sub(state.tree.used());
        if grows > free {
            bytes.truncate((bytes.len() as u64 - (grows - free).min(bytes.len() as u64)) as usize);
            if bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let written = bytes.len();
        state.tree.apply(self.inode, Op::Write { position, bytes })?;
        cut.map(|()| written)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.tree.content(self.inode)?.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        state.count_change()?;
        let grows = len.saturating_sub(state.tree.content(self.inode)?.len() as u64);
        if grows > state.capacity.saturating_sub(state.tree.used()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.tree.apply(self.inode, Op::SetLen(len))
    }

    fn reserve(&self, position: u64, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        let end = position + len;
        let grows = end.saturating_sub(state.tree.room(self.inode)?);
        if grows > state.capacity.saturating_sub(state.tree.used()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.tree.reserve(self.inode, end);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        state.count_change()?;
        let fails = state.fail_syncs;
        if self.lies {
            return Ok(());
        }
        state.tree.sync_file(self.inode, fails)?;
        if fails {
            return Err(eio());
        }
        state.syncs += 1;
        Ok(())
    }
}
