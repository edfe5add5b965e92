//! Whether a data directory may still be trusted. Once failed it stays failed until the process starts anew, because
//! after a failed fsync nobody knows which bytes are on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::LogError;

/// Shared by everything in one data directory.
#[derive(Clone, Debug, Default)]
pub struct DirHealth(Arc<AtomicBool>);

impl DirHealth {
    /// Marks the directory as failed, for good.
    pub fn fail(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// It has failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn check(&self) -> Result<(), LogError> {
        if self.is_failed() { Err(LogError::Failed) } else { Ok(()) }
    }
}
