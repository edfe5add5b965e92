//! The data directory as its logs see it: the disk, the root, and whether it may still be trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::health::DirHealth;

/// Cheap to clone; every log of one data directory has the same.
#[derive(Clone, Debug)]
pub struct Home<D> {
    pub(crate) disk: D,
    pub(crate) root: Arc<Path>,
    pub(crate) health: DirHealth,
}

impl<D: Disk> Home<D> {
    /// A root directory that exists. [`crate::DataDir`] makes one with a lock and an identity.
    pub fn new(disk: D, root: &Path) -> Self {
        Self { disk, root: root.into(), health: DirHealth::default() }
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

    /// The directories from the parent of `dir` up to the root, whose entries make `dir` reachable.
    pub(crate) fn ancestors_of(&self, dir: &Path) -> Vec<PathBuf> {
        let above = dir.ancestors().skip(1).take_while(|a| a.starts_with(&self.root));
        above.map(Path::to_owned).collect()
    }
}
