//! The library's own suite for storages.

use std::fmt::Debug;
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::Arc;

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::testing::{StoreBuilder, Suite};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::watch;
use uuid::Uuid;
use weir_log::MemoryDisk;
use weir_model::{BrokerId, Incarnation};

use super::world::home;
use crate::InLine;
use crate::commits::{Commits, channels};
use crate::machine::Machine;
use crate::room::Room;
use crate::store::Store;
use crate::types::{Entry, LogId, NodeId, StorageError, TypeConfig, Vote};

impl From<u64> for NodeId {
    fn from(n: u64) -> Self {
        let broker = BrokerId(i32::try_from(n).unwrap());
        Self { broker, incarnation: Incarnation(Uuid::from_u128(n.into())) }
    }
}

struct Fresh;

/// A store whose first entry may be any, and that is written over: the suite does both, the library neither.
struct BeginsAnywhere(Store<MemoryDisk>);

impl RaftLogReader<TypeConfig> for BeginsAnywhere {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry>, StorageError> {
        self.0.try_get_log_entries(range).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.0.limited_get_log_entries(start, end).await
    }
}

impl RaftLogStorage<TypeConfig> for BeginsAnywhere {
    type LogReader = Store<MemoryDisk>;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        self.0.get_log_state().await
    }

    async fn get_log_reader(&mut self) -> Store<MemoryDisk> {
        self.0.get_log_reader().await
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        self.0.save_vote(vote).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        self.0.read_vote().await
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().collect();
        let first = entries[0].log_id;
        match self.get_log_state().await?.last_log_id {
            None => self.0.begin_at(first.index),
            Some(last) if last.index >= first.index => self.0.truncate(first).await?,
            Some(_) => {}
        }
        self.0.append(entries, callback).await
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.0.truncate(log_id).await
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.0.purge(log_id).await
    }
}

impl StoreBuilder<TypeConfig, BeginsAnywhere, Machine<MemoryDisk>, Commits> for Fresh {
    async fn build(&self) -> Result<(Commits, BeginsAnywhere, Machine<MemoryDisk>), StorageError> {
        let home = home(&MemoryDisk::new());
        let dir = Path::new("/quorum");
        let ends = channels();
        let room = Room::new(home.clone(), dir.join("reserve"), watch::channel(false).1);
        let machine = Machine::open(&home, dir, ends.publisher, Arc::new(InLine), room.clone()).unwrap();
        // It purges without a snapshot.
        let purgeable = watch::channel(u64::MAX).1;
        let store = Store::open(&home, dir, Arc::new(InLine), room, purgeable).unwrap();
        Ok((ends.commits, BeginsAnywhere(store), machine))
    }
}

#[test]
fn the_librarys_suite_passes() {
    Suite::test_all(Fresh).unwrap();
}
