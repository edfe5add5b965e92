//! Syncs: a job is taken when it is due, and done a while later, as on a thread of its own.

use std::time::Duration;

use weir_log::{LogError, MemoryDisk, SyncJob};

use super::{Partition, Process};
use crate::planted::Bug;
use crate::world::message::Key;

/// How long a sync that could not be done waits.
const PAUSE: Duration = Duration::from_millis(100);

/// A job that was taken.
pub(super) struct Sync {
    generation: u64,
    job: Result<SyncJob<MemoryDisk>, LogError>,
}

impl Process {
    /// Takes a sync that is due, if none runs.
    pub(super) fn sync_due(&self, partition: &mut Partition) -> Option<Sync> {
        if !partition.wants_sync(self.steady()) {
            return None;
        }
        let job = partition.log.sync_job().transpose()?;
        partition.syncing = true;
        Some(Sync { generation: partition.generation, job })
    }

    /// Does it.
    pub(super) fn run_sync(&self, key: Key, sync: Sync) {
        let Some(this) = self.world.net.at(self.id()).filter(|p| p.who() == self.who()) else { return };
        let delay = {
            let mut chance = self.world.chance();
            if chance.one_in(50) { chance.millis(10..200) } else { chance.micros(200..4000) }
        };
        let delay = delay + self.world.machine(self.id()).slow_disk;
        self.spawn(async move {
            let Sync { generation, job } = sync;
            tokio::time::sleep(delay).await;
            this.world.net.gate(this.id()).await;
            if this.world.has(Bug::SyncNeverRuns) {
                return this.pretend(key, generation);
            }
            let done = job.map(SyncJob::run);
            let mine = |partition: &Partition| partition.generation == generation;
            let failed = this.with(key, |partition, cx| {
                if !mine(partition) {
                    return false;
                }
                let end = done.and_then(|done| partition.log.synced(done));
                match end {
                    Ok(end) => {
                        partition.syncing = false;
                        partition.durable(end, cx);
                        false
                    }
                    Err(_) if cx.world.has(Bug::FailedSyncCounts) => {
                        let end = partition.log.log_end();
                        partition.syncing = false;
                        partition.durable(end, cx);
                        false
                    }
                    Err(_) => {
                        partition.fail();
                        true
                    }
                }
            });
            if failed != Some(true) {
                return;
            }
            this.disk_failed();
            tokio::time::sleep(PAUSE).await;
            this.with(key, |partition, _| {
                if mine(partition) {
                    partition.syncing = false;
                }
            });
        });
    }

    /// What a planted bug does instead of a sync.
    fn pretend(&self, key: Key, generation: u64) {
        self.with(key, |partition, cx| {
            if partition.generation == generation {
                let end = partition.log.log_end();
                partition.syncing = false;
                partition.durable(end, cx);
            }
        });
    }
}
