//! A little room that is kept on the disk for the one change of metadata that makes more: the deletion of a topic. A
//! cache of nothing: losing it only means that a full disk needs records deleted before a topic can be.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Some hundred deletions, whatever the size of the file system's blocks.
const BYTES: usize = 256 * 1024;

/// The room.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// Takes it, when there is room and it is not taken yet.
    pub(super) fn at(root: &Path) -> Self {
        let reserve = Self { path: root.join("reserve") };
        reserve.keep();
        reserve
    }

    /// Takes it again. A disk without room for it is no error.
    pub(super) fn keep(&self) {
        let whole = fs::metadata(&self.path).is_ok_and(|file| file.len() == BYTES as u64);
        // Not zeros, which a file system may store as nothing.
        if !whole && fs::write(&self.path, vec![0xff; BYTES]).is_err() {
            let _ = self.give();
        }
    }

    /// Gives the room back to the disk; an error when there was none.
    pub(super) fn give(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
