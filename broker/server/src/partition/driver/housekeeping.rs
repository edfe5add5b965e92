//! What a partition does on its own account: retention, expiry of producers, snapshots, compaction, closing files that
//! nobody uses. Deleting is done at once; compaction runs on another thread, one partition of the broker at a time. A
//! snapshot may be due between two rounds, too.

use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info};
use weir_log::{CompactionOutcome, LogError};

use super::{Driver, Running};
use crate::clock;
use crate::net::outgoing::ServedDisk;

impl<D: ServedDisk> Driver<D> {
    pub(super) fn housekeep(&mut self) {
        let now = clock::now();
        self.replica.expire_producers(now);
        if self.replica.producers().is_worth_keeping(self.log.since_snapshot()) {
            self.snapshot_producers();
        }
        match self.log.retention(now, self.replica.high_watermark()) {
            Ok(deleted) if deleted.segments > 0 => {
                self.replica.on_log_start(self.log.log_start());
                info!(
                    log = %self.log.dir().display(), segments = deleted.segments, bytes = deleted.bytes,
                    "deleted old segments"
                );
            }
            Ok(_) => {}
            Err(error) => self.disk_failed("retention failed", &error),
        }
        self.forget_repaired();
        self.start_compaction();
        self.log.release_idle();
    }

    /// However much is written between two rounds of housekeeping, a restart has little to replay.
    pub(super) fn snapshot_when_due(&mut self) {
        if self.log.snapshot_due() {
            self.snapshot_producers();
        }
    }

    fn snapshot_producers(&mut self) {
        let (offset, snapshot) = self.replica.producer_snapshot();
        // After a failed append they may differ.
        if offset != self.log.log_end() {
            return;
        }
        if let Err(error) = self.log.write_snapshot(offset, &snapshot) {
            self.disk_failed("a producer snapshot could not be written", &error);
        }
    }

    fn start_compaction(&mut self) {
        let config = self.surroundings.view.config();
        if !config.cleaner_enabled || self.work.compaction.is_some() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.surroundings.cleaner).try_acquire_owned() else { return };
        let buffer = usize::try_from(config.cleaner_dedupe_buffer_bytes).unwrap_or(usize::MAX);
        match self.log.compaction_job(clock::now(), self.replica.high_watermark(), buffer) {
            Ok(Some(job)) => {
                debug!(log = %self.log.dir().display(), "compacting");
                self.work.cancel_compaction = job.cancellation();
                let task = tokio::task::spawn_blocking(move || {
                    let outcome = job.run();
                    drop(permit);
                    outcome
                });
                self.work.compaction = Some(Running { since: Instant::now(), task });
            }
            Ok(None) => {}
            Err(error) => self.disk_failed("compaction could not start", &error),
        }
    }

    pub(super) fn compacted(&mut self, outcome: Result<CompactionOutcome, LogError>) {
        match outcome.and_then(|outcome| self.log.install(outcome)) {
            Ok(_) => info!(log = %self.log.dir().display(), bytes = self.log.size(), "compacted"),
            Err(error) => {
                self.suspect(&error);
                self.disk_failed("compaction failed", &error);
            }
        }
    }
}
