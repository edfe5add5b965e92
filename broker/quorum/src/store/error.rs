//! Why the log can not be read or written, and how the consensus library is told: any of these stops the node.

use openraft::{AnyError, StorageIOError};
use thiserror::Error;
use weir_core::controller::ApplyError;
use weir_log::LogError;
use weir_model::records::BatchError;

use crate::codec::CodecError;
use crate::room::Stopping;
use crate::types::{LogIndex, NodeId, StorageError};

/// Why.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk, or damage.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry's envelope is damaged.
    #[error("entry {index} of the metadata log is damaged: {source}")]
    Batch {
        /// Which.
        index: LogIndex,
        /// How.
        source: BatchError,
    },
    /// An entry's content is damaged, or newer than this code.
    #[error("entry {index} of the metadata log can not be read: {source}")]
    Entry {
        /// Which.
        index: LogIndex,
        /// How.
        source: CodecError,
    },
    /// One of the small files beside it.
    #[error("the quorum's {file} can not be read: {source}")]
    File {
        /// Which.
        file: &'static str,
        /// How.
        source: CodecError,
    },
    /// The snapshot's records do not fit each other.
    #[error("the quorum's snapshot contradicts itself: {0}")]
    Snapshot(ApplyError),
    /// Entries are missing.
    #[error("the metadata log holds entry {found} where {expected} should be")]
    Gap {
        /// The one that should be there.
        expected: LogIndex,
        /// What is there.
        found: LogIndex,
    },
    /// Entries are missing between the snapshot and the log.
    #[error("the metadata log begins after entry {purged}, but the snapshot ends at {snapshot}")]
    Unconnected {
        /// The last entry that was purged.
        purged: LogIndex,
        /// The last entry that the snapshot holds.
        snapshot: LogIndex,
    },
    /// A disk that is full.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

impl StoreError {
    /// It passes by itself, and nothing was written.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Log(LogError::DiskFull { .. } | LogError::TooManyFiles))
    }

    pub(crate) fn writing_log(self) -> StorageError {
        StorageIOError::write_logs(AnyError::new(&self)).into()
    }

    pub(crate) fn reading_log(self) -> StorageError {
        StorageIOError::read_logs(AnyError::new(&self)).into()
    }

    pub(crate) fn writing_vote(self) -> StorageError {
        StorageIOError::write_vote(AnyError::new(&self)).into()
    }

    pub(crate) fn writing_snapshot(self) -> StorageError {
        StorageIOError::<NodeId>::write_snapshot(None, AnyError::new(&self)).into()
    }

    pub(crate) fn reading_snapshot(self) -> StorageError {
        StorageIOError::<NodeId>::read_snapshot(None, AnyError::new(&self)).into()
    }
}
