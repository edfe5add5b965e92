//! Why a partition did not do what it was asked, over all commands.

use thiserror::Error;
use weir_core::partition::{
    DeleteRecordsError, FenceError, FollowError, ProduceError, ReadError, StorageFailure,
};
use weir_log::LogError;

#[derive(Clone, Debug, Error)]
pub(crate) enum PartitionError {
    #[error(transparent)]
    Produce(#[from] ProduceError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    DeleteRecords(#[from] DeleteRecordsError),
    #[error(transparent)]
    Fence(#[from] FenceError),
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error("the log can not be read: {0}")]
    Log(String),
    /// What is asked for is damaged here.
    #[error("the log is damaged where it is read: {what}")]
    Damaged {
        what: String,
        /// No other replica is in sync.
        alone: bool,
    },
    #[error(transparent)]
    Storage(#[from] StorageFailure),
    /// The partition is being deleted, or the broker stops.
    #[error("the replica has stopped")]
    Stopped,
}

impl PartitionError {
    /// Whether the reign that was named is over: another one has begun, or another broker leads in it.
    pub(crate) fn is_fenced(&self) -> bool {
        let fence = match self {
            Self::Fence(fence)
            | Self::Produce(ProduceError::Fence(fence))
            | Self::Read(ReadError::Fence(fence))
            | Self::DeleteRecords(DeleteRecordsError::Fence(fence)) => fence,
            _ => return false,
        };
        matches!(fence, FenceError::Fenced { .. } | FenceError::NotLeader)
    }
}

impl From<LogError> for PartitionError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::DiskFull { .. } => Self::Storage(StorageFailure::Full),
            LogError::Failed | LogError::Io { .. } => Self::Storage(StorageFailure::Failed),
            other => Self::Log(other.to_string()),
        }
    }
}
