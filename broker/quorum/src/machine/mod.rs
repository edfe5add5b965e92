//! The state machine as the consensus library sees it: applies committed entries, takes and installs snapshots, and
//! publishes what became of the image. Its state is in memory; a start builds it from the snapshot and the log.

mod applied;
mod snapshots;

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use openraft::storage::RaftStateMachine;
use openraft::{AnyError, OptionalSend, RaftSnapshotBuilder, Snapshot, StorageIOError};
use tokio::sync::watch;
use weir_core::controller::{Image, Record};
use weir_log::{Disk, Home, LogError};

use applied::Applied;
use snapshots::Snapshots;

use crate::codec::{SnapshotContent, decode_snapshot, encode_snapshot};
use crate::commits::{Change, Committed, Publisher};
use crate::room::Room;
use crate::store::StoreError;
use crate::types::{
    Entry, LogId, LogIndex, Outcome, SnapshotMeta, StorageError, StoredMembership, TypeConfig,
};
use crate::work::{Work, perform};

/// The state machine.
pub(crate) struct Machine<D: Disk> {
    state: Applied,
    publisher: Publisher,
    snapshots: Snapshots<D>,
    work: Arc<dyn Work>,
    room: Room<D>,
}

impl<D: Disk> Machine<D> {
    /// Takes up the snapshot that is kept in the directory. Blocking.
    pub(crate) fn open(
        home: &Home<D>,
        dir: &Path,
        publisher: Publisher,
        work: Arc<dyn Work>,
        room: Room<D>,
    ) -> Result<Self, StoreError> {
        let (snapshots, content) = Snapshots::open(home, dir)?;
        let state = content.map(|content| state_of(&content)).transpose()?.unwrap_or_default();
        Ok(Self { state, publisher, snapshots, work, room })
    }

    /// The first entry that the snapshot on disk does not hold; ends when the machine does.
    pub(crate) fn covered(&self) -> watch::Receiver<u64> {
        self.snapshots.covered()
    }

    /// The last entry that the snapshot holds.
    pub(crate) fn last(&self) -> Option<LogId> {
        self.state.last
    }

    /// Publishes what the start found.
    pub(crate) async fn publish_start(&self) {
        if self.state.last.is_some() {
            self.publish_everything().await;
        }
    }

    async fn publish_everything(&self) {
        let latest = self.state.latest();
        let (index, image) = (latest.applied, Arc::clone(&latest.image));
        self.publisher.publish(latest, Some(Committed { index, image, change: Change::Everything })).await;
    }

    async fn keep(&self, meta: SnapshotMeta, bytes: Arc<Vec<u8>>) -> Result<(), StoreError> {
        keep(&self.snapshots, &*self.work, &self.room, meta, bytes).await
    }
}

async fn keep<D: Disk>(
    snapshots: &Snapshots<D>,
    work: &dyn Work,
    room: &Room<D>,
    meta: SnapshotMeta,
    bytes: Arc<Vec<u8>>,
) -> Result<(), StoreError> {
    let snapshots = snapshots.clone();
    room.write(work, move || snapshots.keep(&meta, &bytes), StoreError::is_full).await
}

fn state_of(content: &SnapshotContent) -> Result<Applied, StoreError> {
    let mut image = Image::default();
    for record in &*content.records {
        image.apply(record).map_err(StoreError::Snapshot)?;
    }
    Ok(Applied {
        last: content.meta.last_log_id,
        membership: content.meta.last_membership.clone(),
        round: content.last_round,
        image: Arc::new(image),
    })
}

impl<D: Disk> RaftStateMachine<TypeConfig> for Machine<D> {
    type SnapshotBuilder = Builder<D>;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        Ok((self.state.last, self.state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcome>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut outcomes = Vec::new();
        for entry in entries {
            let (outcome, round) = self
                .state
                .apply(&entry)
                .map_err(|why| StorageIOError::apply(entry.log_id, AnyError::new(&why)))?;
            self.publisher.publish(self.state.latest(), round).await;
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn get_snapshot_builder(&mut self) -> Builder<D> {
        Builder {
            state: self.state.clone(),
            snapshots: self.snapshots.clone(),
            work: Arc::clone(&self.work),
            room: self.room.clone(),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let bytes = Arc::new(snapshot.into_inner());
        let decoded = Arc::clone(&bytes);
        let decode = move || {
            let content =
                decode_snapshot(&decoded).map_err(|source| StoreError::File { file: "snapshot", source })?;
            state_of(&content)
        };
        let decoded = perform(&*self.work, decode).await.map_err(|_| LogError::Failed.into());
        let state = decoded.and_then(|state| state).map_err(StoreError::reading_snapshot)?;
        self.keep(meta.clone(), bytes).await.map_err(StoreError::writing_snapshot)?;
        self.state = state;
        self.publish_everything().await;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError> {
        let snapshots = self.snapshots.clone();
        let read = perform(&*self.work, move || snapshots.read()).await.map_err(|_| LogError::Failed.into());
        let kept = read.and_then(|kept| kept).map_err(StoreError::reading_snapshot)?;
        Ok(kept.map(|(meta, bytes)| Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) }))
    }
}

/// Takes a snapshot of the state as it was when the builder was made.
pub(crate) struct Builder<D: Disk> {
    state: Applied,
    snapshots: Snapshots<D>,
    work: Arc<dyn Work>,
    room: Room<D>,
}

impl<D: Disk> RaftSnapshotBuilder<TypeConfig> for Builder<D> {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError> {
        let state = self.state.clone();
        let built = perform(&*self.work, move || content_of(&state)).await;
        let (meta, bytes) = built.map_err(|_| StoreError::from(LogError::Failed).writing_snapshot())?;
        keep(&self.snapshots, &*self.work, &self.room, meta.clone(), Arc::clone(&bytes))
            .await
            .map_err(StoreError::writing_snapshot)?;
        let bytes = Arc::unwrap_or_clone(bytes);
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) })
    }
}

fn content_of(state: &Applied) -> (SnapshotMeta, Arc<Vec<u8>>) {
    // The content follows from the log alone, so the position names it.
    let snapshot_id = match state.last {
        Some(last) => format!("{}-{}", last.leader_id.term, last.index),
        None => "empty".to_owned(),
    };
    let meta =
        SnapshotMeta { last_log_id: state.last, last_membership: state.membership.clone(), snapshot_id };
    let records: Arc<[Record]> = state.image.to_records().into();
    let content = SnapshotContent { meta: meta.clone(), last_round: state.round, records };
    (meta, Arc::new(encode_snapshot(&content)))
}

/// Refuses to go on when the log does not follow the snapshot.
pub(crate) fn check_connected(purged: Option<LogId>, snapshot: Option<LogId>) -> Result<(), StoreError> {
    match purged {
        Some(purged) if snapshot.is_none_or(|snapshot| snapshot.index < purged.index) => {
            let end = snapshot.map_or(0, |snapshot| snapshot.index);
            Err(StoreError::Unconnected { purged: LogIndex(purged.index), snapshot: LogIndex(end) })
        }
        _ => Ok(()),
    }
}
