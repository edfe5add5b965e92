//! Inodes and names of the disk in memory: what programs see now, what is on the platter, and the changes in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};

use crate::disk::DirEntry;

pub(super) const ROOT: u64 = 0;

/// A change of a file's bytes that was not synced.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Write { position: u64, bytes: Vec<u8> },
    SetLen(u64),
}

/// A change of a directory's names that was not synced.
#[derive(Clone, Debug)]
pub(super) enum NameOp {
    Link { name: String, inode: u64 },
    Unlink { name: String },
    Rename { from: String, to: String },
}

pub(super) type Names = BTreeMap<String, u64>;

#[derive(Clone, Debug)]
pub(super) enum Node {
    File { now: Vec<u8>, platter: Vec<u8>, pending: Vec<Op> },
    Dir { now: Names, platter: Names, pending: Vec<NameOp> },
}

impl Node {
    pub(super) fn file() -> Self {
        Self::File { now: Vec::new(), platter: Vec::new(), pending: Vec::new() }
    }

    pub(super) fn dir() -> Self {
        Self::Dir { now: Names::new(), platter: Names::new(), pending: Vec::new() }
    }

    /// When the sync `fails`, the changes are neither durable nor remembered: a later sync will not bring them back.
    fn sync(&mut self, fails: bool) {
        match self {
            Self::File { platter, pending, .. } => {
                let done = pending.drain(..).filter(|_| !fails);
                done.for_each(|op| op.apply(platter));
            }
            Self::Dir { platter, pending, .. } => {
                let done = pending.drain(..).filter(|_| !fails);
                done.for_each(|op| op.apply(platter));
            }
        }
    }
}

/// How much of the disk a sync of all of it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Some,
}

#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<u64, Node>,
    handles: BTreeMap<u64, u64>,
    /// Where the room ends that is kept for a file.
    reserved: BTreeMap<u64, u64>,
    next_inode: u64,
}

impl Tree {
    pub(super) fn new() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::dir())]);
        Self { nodes, handles: BTreeMap::new(), reserved: BTreeMap::new(), next_inode: 1 }
    }

    pub(super) fn add(&mut self, path: &Path, node: Node) -> io::Result<u64> {
        let (dir, name) = self.parent(path)?;
        if self.names(dir)?.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.nodes.insert(inode, node);
        self.apply_name(dir, NameOp::Link { name, inode })?;
        Ok(inode)
    }

    pub(super) fn file_at(&self, path: &Path) -> io::Result<u64> {
        let inode = self.lookup(path)?;
        match self.nodes.get(&inode) {
            Some(Node::File { .. }) => Ok(inode),
            Some(Node::Dir { .. }) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn content(&self, inode: u64) -> io::Result<&Vec<u8>> {
        match self.nodes.get(&inode) {
            Some(Node::File { now, .. }) => Ok(now),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Bytes that it takes of the disk.
    pub(super) fn room(&self, inode: u64) -> io::Result<u64> {
        let len = self.content(inode)?.len() as u64;
        Ok(len.max(self.reserved.get(&inode).copied().unwrap_or(0)))
    }

    pub(super) fn reserve(&mut self, inode: u64, end: u64) {
        let reserved = self.reserved.entry(inode).or_default();
        *reserved = end.max(*reserved);
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (dir, from) = self.parent(from)?;
        let (other, to) = self.parent(to)?;
        if dir != other {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        let names = self.names(dir)?;
        let moved = *names.get(&from).ok_or(io::ErrorKind::NotFound)?;
        let replaced = names.get(&to).copied().filter(|inode| *inode != moved);
        if let Some(Node::Dir { now, .. }) = replaced.and_then(|inode| self.nodes.get(&inode))
            && !now.is_empty()
        {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.apply_name(dir, NameOp::Rename { from, to })
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.parent(path)?;
        if !self.names(dir)?.contains_key(&name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.apply_name(dir, NameOp::Unlink { name })
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let names = self.names(self.lookup(path)?)?;
        let is_dir = |inode| matches!(self.nodes.get(inode), Some(Node::Dir { .. }));
        Ok(names.iter().map(|(name, inode)| DirEntry { name: name.clone(), is_dir: is_dir(inode) }).collect())
    }

    pub(super) fn apply(&mut self, inode: u64, op: Op) -> io::Result<()> {
        let Some(Node::File { now, pending, .. }) = self.nodes.get_mut(&inode) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        op.apply(now);
        if matches!(op, Op::SetLen(_)) {
            self.reserved.remove(&inode);
        }
        pending.push(op);
        Ok(())
    }

    pub(super) fn sync_file(&mut self, inode: u64, fails: bool) -> io::Result<()> {
        let Some(file @ Node::File { .. }) = self.nodes.get_mut(&inode) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.sync(fails);
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, path: &Path, fails: bool) -> io::Result<()> {
        let inode = self.lookup(path)?;
        let Some(dir @ Node::Dir { .. }) = self.nodes.get_mut(&inode) else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        dir.sync(fails);
        Ok(())
    }

    /// Files and directories, but for what lies below `except`.
    pub(super) fn sync_all(&mut self, part: Part, except: Option<&Path>, fails: bool) {
        let spared = except.and_then(|dir| self.lookup(dir).ok()).map(|dir| self.with_all_below(dir));
        let reached = |inode: u64| part == Part::All || inode.is_multiple_of(2);
        for (inode, node) in &mut self.nodes {
            if reached(*inode) && !spared.as_ref().is_some_and(|spared| spared.contains(inode)) {
                node.sync(fails);
            }
        }
    }

    fn with_all_below(&self, inode: u64) -> BTreeSet<u64> {
        let mut found = BTreeSet::from([inode]);
        if let Some(Node::Dir { now, .. }) = self.nodes.get(&inode) {
            found.extend(now.values().flat_map(|child| self.with_all_below(*child)));
        }
        found
    }

    pub(super) fn flip_bit(&mut self, path: &Path, position: u64, bit: u8) -> bool {
        let Ok(inode) = self.file_at(path) else { return false };
        let Some(Node::File { now, platter, .. }) = self.nodes.get_mut(&inode) else { return false };
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        for bytes in [&mut *platter, &mut *now] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        }
        at < now.len()
    }

    /// Bytes in files that have a name or a handle.
    pub(super) fn used(&self) -> u64 {
        let named = self.named();
        let counts = |inode: &u64| named.contains_key(inode) || self.handles.contains_key(inode);
        self.nodes.keys().filter(|inode| counts(inode)).filter_map(|inode| self.room(*inode).ok()).sum()
    }

    pub(super) fn hold(&mut self, inode: u64) {
        *self.handles.entry(inode).or_default() += 1;
    }

    pub(super) fn release(&mut self, inode: u64) {
        if let Some(count) = self.handles.get_mut(&inode) {
            *count -= 1;
            if *count == 0 {
                self.handles.remove(&inode);
            }
        }
    }

    pub(super) fn forget_handles(&mut self) {
        self.handles.clear();
    }

    fn named(&self) -> BTreeMap<u64, ()> {
        let dirs = self.nodes.values().filter_map(|node| match node {
            Node::Dir { now, .. } => Some(now.values().map(|inode| (*inode, ()))),
            Node::File { .. } => None,
        });
        dirs.flatten().collect()
    }

    fn lookup(&self, path: &Path) -> io::Result<u64> {
        let mut inode = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                let name = name.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
                inode = *self.names(inode)?.get(name).ok_or(io::ErrorKind::NotFound)?;
            }
        }
        Ok(inode)
    }

    fn parent(&self, path: &Path) -> io::Result<(u64, String)> {
        let name = path.file_name().and_then(|n| n.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
        let dir = self.lookup(path.parent().unwrap_or(Path::new("")))?;
        Ok((dir, name.to_owned()))
    }

    fn names(&self, inode: u64) -> io::Result<&Names> {
        match self.nodes.get(&inode) {
            Some(Node::Dir { now, .. }) => Ok(now),
            Some(Node::File { .. }) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn apply_name(&mut self, dir: u64, op: NameOp) -> io::Result<()> {
        let Some(Node::Dir { now, pending, .. }) = self.nodes.get_mut(&dir) else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        op.apply(now);
        pending.push(op);
        Ok(())
    }
}

impl Op {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { position, bytes: new } => {
                let start = *position as usize;
                if bytes.len() < start + new.len() {
                    bytes.resize(start + new.len(), 0);
                }
                bytes[start..start + new.len()].copy_from_slice(new);
            }
            Self::SetLen(len) => bytes.resize(*len as usize, 0),
        }
    }
}

impl NameOp {
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Link { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            Self::Unlink { name } => {
                names.remove(name);
            }
            Self::Rename { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}
