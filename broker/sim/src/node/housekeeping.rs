//! What partitions do on their own account, as the server's do: producers expire, their state is kept, old segments go,
//! compacted logs are compacted. A pass of the compaction is done a while after it began, as on a thread of its own.

use std::sync::Arc;

use weir_log::{CompactionJob, LogError, MemoryDisk};

use super::partition::Cx;
use super::{Partition, Process};
use crate::world::message::Key;

/// The most memory for the map of keys.
const MAP_BYTES: usize = 1 << 16;

impl Process {
    /// Keeps house for as long as the process lives.
    pub(super) async fn keep_house(self: Arc<Self>) {
        loop {
            let pause = self.world.chance().millis(1500..4000);
            tokio::time::sleep(pause).await;
            self.world.net.gate(self.id()).await;
            let keys: Vec<Key> = self.state().partitions.keys().copied().collect();
            for key in keys {
                let kept = self.with(key, |partition, cx| (partition.generation, partition.keep_house(cx)));
                match kept {
                    Some((generation, Ok(Some(job)))) => {
                        let pass = Arc::clone(&self).compact(key, generation, job);
                        self.spawn(pass);
                    }
                    Some((_, Err(why))) => self.house_failed(key, &why),
                    Some((_, Ok(None))) | None => {}
                }
            }
        }
    }

    async fn compact(self: Arc<Self>, key: Key, generation: u64, job: CompactionJob<MemoryDisk>) {
        let (before, after) = {
            let mut chance = self.world.chance();
            (chance.millis(1..200), chance.millis(1..200))
        };
        tokio::time::sleep(before).await;
        self.world.net.gate(self.id()).await;
        let outcome = job.run();
        tokio::time::sleep(after).await;
        self.world.net.gate(self.id()).await;
        let done = self.with(key, |partition, cx| {
            if partition.generation != generation {
                return Ok(());
            }
            partition.compacting = false;
            let compacted = partition.log.install(outcome?)?;
            cx.world.trace.note(cx.who.0, "compacts", format_args!("{key:?} {compacted:?}"));
            Ok(())
        });
        if let Some(Err(why)) = done {
            self.house_failed(key, &why);
        }
    }

    fn house_failed(&self, key: Key, why: &LogError) {
        self.world.trace.note(self.id(), "untidy", format_args!("{key:?} {why}"));
        self.disk_failed();
    }
}

impl Partition {
    /// Gives a pass of the compaction that is due.
    fn keep_house(&mut self, cx: &Cx<'_>) -> Result<Option<CompactionJob<MemoryDisk>>, LogError> {
        self.replica.expire_producers(cx.wall);
        if self.replica.producers().is_worth_keeping(self.log.since_snapshot()) {
            self.keep_producers()?;
        }
        let (before, committed) = (self.log.log_start(), self.replica.high_watermark());
        let deleted = self.log.retention(cx.wall, committed)?;
        if deleted.segments > 0 {
            self.replica.on_log_start(self.log.log_start());
            self.judge_retention(before, cx);
        }
        if self.compacting {
            return Ok(None);
        }
        let job = self.log.compaction_job(cx.wall, committed, MAP_BYTES)?;
        self.compacting = job.is_some();
        Ok(job)
    }

    /// Nothing goes that has to stay: what is not committed, or what the size leaves room for.
    fn judge_retention(&self, before: weir_model::Offset, cx: &Cx<'_>) {
        let (start, size) = (self.log.log_start(), self.log.size());
        cx.world.trace.note(cx.who.0, "trims", format_args!("{:?} from {before} to {start}", self.key));
        if start > self.replica.high_watermark() {
            cx.world
                .violation(format!("retention: {:?} starts at {start}, which is not committed", self.key));
        }
        let config = self.log.config();
        let least = config.retention_bytes.filter(|_| config.delete);
        if least.is_none_or(|least| size < least) {
            cx.world.violation(format!("retention: {:?} is left with {size} bytes of {least:?}", self.key));
        }
    }

    /// A disk that can not take it says so again when it is written to.
    pub(super) fn snapshot_when_due(&mut self) {
        if self.log.snapshot_due() {
            let _ = self.keep_producers();
        }
    }

    fn keep_producers(&mut self) -> Result<(), LogError> {
        let (offset, snapshot) = self.replica.producer_snapshot();
        if offset == self.log.log_end() { self.log.write_snapshot(offset, &snapshot) } else { Ok(()) }
    }
}
