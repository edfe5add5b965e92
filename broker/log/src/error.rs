//! Why a log operation did not happen.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use weir_model::Offset;
use weir_model::records::BatchError;

use crate::disk::is_full;
use crate::health::DirHealth;

/// Why a log operation did not happen.
#[derive(Debug, Error)]
pub enum LogError {
    /// The data directory failed earlier; nothing in it is trusted until the process starts anew.
    #[error("the data directory has failed, it needs a restart and perhaps a new disk")]
    Failed,
    /// No space. Nothing of the operation is visible; it may be retried once there is room.
    #[error("no space left on the disk of {}", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// The disk refused. The data directory has been failed.
    #[error("disk error on {}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The process has too many files open. Nothing of the operation is visible; it may be retried.
    #[error("too many files are open: raise the limit of open files")]
    TooManyFiles,
    /// The log's files are no longer there: its topic was deleted while the call was under way. Nothing has failed.
    #[error("{} is gone", path.display())]
    Gone {
        /// What was looked for.
        path: PathBuf,
    },
    /// The offset is not in the log.
    #[error("offset {asked} is outside the log, which spans {start} to {end}")]
    OutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// The first offset of the log.
        start: Offset,
        /// The offset after the last one.
        end: Offset,
    },
    /// Bytes that were durable are damaged. Only a healthy replica can repair this.
    #[error("{} is damaged at byte {position}: {why}", path.display())]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        position: u64,
        /// What is wrong.
        why: String,
    },
    /// A segment that must be there is not.
    #[error("segments are missing between offsets {from} and {to} in {}", dir.display())]
    MissingSegment {
        /// The log's directory.
        dir: PathBuf,
        /// The first offset that is missing.
        from: Offset,
        /// The first offset that is there again.
        to: Offset,
    },
    /// A batch that can not be appended here.
    #[error("batch refused: {0}")]
    Batch(#[from] BatchError),
    /// A replicated batch that does not continue the log.
    #[error("batch starts at offset {got}, the log continues at {expected}")]
    NotContiguous {
        /// Where the log ends.
        expected: Offset,
        /// Where the batch starts.
        got: Offset,
    },
    /// Somebody else uses the data directory.
    #[error("{} is in use by another process: stop that one, or choose another directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// One of our own small files is of an unknown format or damaged, and can not be rebuilt.
    #[error("{} is not readable: {why}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
}

impl LogError {
    /// Whether the log itself is at fault, not the disk, the limits of the process or a bad moment.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::MissingSegment { .. } | Self::BadFile { .. } => true,
            Self::Failed
            | Self::DiskFull { .. }
            | Self::Io { .. }
            | Self::TooManyFiles
            | Self::Gone { .. }
            | Self::OutOfRange { .. }
            | Self::Batch(_)
            | Self::NotContiguous { .. }
            | Self::Locked { .. } => false,
        }
    }
}

/// Names the path of a failed disk call. Anything but a full disk or a deleted log fails the whole data directory.
pub(crate) fn disk_error(health: &DirHealth, path: &Path, source: io::Error) -> LogError {
    if is_full(&source) {
        LogError::DiskFull { path: path.to_owned() }
    } else {
        sync_error(health, path, source)
    }
}

/// As [`disk_error`] for a sync: one that reports a full disk lost data like any other that failed.
pub(crate) fn sync_error(health: &DirHealth, path: &Path, source: io::Error) -> LogError {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        return LogError::Gone { path };
    }
    if is_out_of_handles(&source) {
        return LogError::TooManyFiles;
    }
    health.fail();
    LogError::Io { path, source }
}

/// `EMFILE` and `ENFILE`: only opening fails so, and it says nothing about the disk. Clients can bring it about.
fn is_out_of_handles(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_something_about_the_disk_fails_the_directory() {
        let path = Path::new("/data/f");
        for (code, fails) in [(5, true), (30, true), (2, false), (23, false), (24, false), (28, false)] {
            let health = DirHealth::default();
            let _ = disk_error(&health, path, io::Error::from_raw_os_error(code));
            assert_eq!(health.is_failed(), fails, "errno {code}");
        }
        let health = DirHealth::default();
        let _ = sync_error(&health, path, io::Error::from_raw_os_error(28));
        assert!(health.is_failed(), "a sync that found the disk full has lost data");
    }
}
