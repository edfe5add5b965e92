//! The one snapshot that is kept: a file, replaced as a whole, durable before anybody hears of it. A newer one is never
//! replaced by an older one, because the log before it may be gone.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weir_log::{Disk, Home, SmallFile};

use crate::codec::{SnapshotContent, decode_snapshot};
use crate::store::StoreError;
use crate::types::SnapshotMeta;

/// Far beyond what an image takes: some hundred bytes a partition.
const MOST_BYTES: u64 = 1 << 30;

/// The file. A clone is the same one.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots<D> {
    file: Arc<Mutex<File<D>>>,
    /// The log before this entry can be done without.
    covered: watch::Sender<u64>,
}

#[derive(Debug)]
struct File<D> {
    disk: SmallFile<D>,
    meta: Option<SnapshotMeta>,
}

impl<D: Disk> Snapshots<D> {
    /// Opens the file and reads what is in it. Blocking.
    pub(crate) fn open(home: &Home<D>, dir: &Path) -> Result<(Self, Option<SnapshotContent>), StoreError> {
        let disk = SmallFile::new(home, dir.join("snapshot"), *b"WRQS", 1, MOST_BYTES);
        let content = match disk.read()? {
            Some(bytes) => Some(decode(&bytes)?),
            None => None,
        };
        let meta = content.as_ref().map(|content| content.meta.clone());
        let (covered, _) = watch::channel(meta.as_ref().map_or(0, end));
        Ok((Self { file: Arc::new(Mutex::new(File { disk, meta })), covered }, content))
    }

    /// The first entry that the snapshot on disk does not hold.
    pub(crate) fn covered(&self) -> watch::Receiver<u64> {
        self.covered.subscribe()
    }

    /// Keeps a snapshot, durably, unless a newer one is kept. Blocking.
    pub(crate) fn keep(&self, meta: &SnapshotMeta, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.lock();
        if file.meta.as_ref().is_some_and(|kept| kept.last_log_id > meta.last_log_id) {
            return Ok(());
        }
        file.disk.replace(bytes)?;
        file.meta = Some(meta.clone());
        self.covered.send_replace(end(meta));
        Ok(())
    }

    /// What is kept. Blocking.
    pub(crate) fn read(&self) -> Result<Option<(SnapshotMeta, Vec<u8>)>, StoreError> {
        let file = self.lock();
        let Some(meta) = file.meta.clone() else { return Ok(None) };
        Ok(file.disk.read()?.map(|bytes| (meta, bytes)))
    }

    fn lock(&self) -> MutexGuard<'_, File<D>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(meta: &SnapshotMeta) -> u64 {
    meta.last_log_id.map_or(0, |last| last.index + 1)
}

fn decode(bytes: &[u8]) -> Result<SnapshotContent, StoreError> {
    decode_snapshot(bytes).map_err(|source| StoreError::File { file: "snapshot", source })
}
