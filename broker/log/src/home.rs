//! The data directory as its logs see it: the disk, the root, and whether it may still be trusted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;
use crate::health::DirHealth;

/// Cheap to clone; every log of one data directory has the same.
#[derive(Clone, Debug)]
pub struct Home<D> {
    pub(crate) disk: D,
    pub(crate) root: Arc<Path>,
    pub(crate) health: DirHealth,
    /// Directories whose own names, and those above them, were synced by this process.
    reachable: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl<D: Disk> Home<D> {
    /// A root directory that exists. [`crate::DataDir`] makes one with a lock and an identity.
    pub fn new(disk: D, root: &Path) -> Self {
        Self { disk, root: root.into(), health: DirHealth::default(), reachable: Arc::default() }
    }

    /// Whether the directory has failed; shared by all its logs.
    #[must_use]
    pub fn health(&self) -> &DirHealth {
        &self.health
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What must be synced so that `dir` can be reached after a power cut: its parent, and those above it up to one
    /// that is known to be reachable. The logs of one topic share this work.
    pub(crate) fn unsynced_above(&self, dir: &Path) -> Vec<PathBuf> {
        let reachable = self.reachable();
        let mut above = Vec::new();
        for ancestor in self.above(dir) {
            above.push(ancestor.to_owned());
            if reachable.contains(ancestor) {
                break;
            }
        }
        above
    }

    /// All of [`Self::unsynced_above`] was synced.
    pub(crate) fn synced_above(&self, dir: &Path) {
        self.reachable().extend(self.above(dir).map(Path::to_owned));
    }

    /// A directory was deleted.
    pub(crate) fn forget(&self, dir: &Path) {
        self.reachable().retain(|known| !known.starts_with(dir));
    }

    fn above<'d>(&self, dir: &'d Path) -> impl Iterator<Item = &'d Path> {
        let root = Arc::clone(&self.root);
        dir.ancestors().skip(1).take_while(move |ancestor| ancestor.starts_with(&root))
    }

    fn reachable(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.reachable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;

    #[test]
    fn logs_of_one_topic_share_the_syncs_above_them() {
        let home = Home::new(MemoryDisk::new(), Path::new("/a/data"));
        let above = |dir: &str| {
            let paths = home.unsynced_above(Path::new(dir));
            paths.iter().map(|p| p.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(above("/a/data/topics/t/0"), ["/a/data/topics/t", "/a/data/topics", "/a/data"]);
        home.synced_above(Path::new("/a/data/topics/t/0"));
        assert_eq!(above("/a/data/topics/t/1"), ["/a/data/topics/t"]);
        assert_eq!(above("/a/data/topics/u/0"), ["/a/data/topics/u", "/a/data/topics"]);
        home.forget(Path::new("/a/data/topics/t"));
        assert_eq!(above("/a/data/topics/t/1"), ["/a/data/topics/t", "/a/data/topics"]);
    }
}
