//! Writes: from command to effect to log to answer.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use weir_core::partition::{Effect, FenceError, Produce, ProduceError, Produced, StorageFailure, Token};
use weir_log::{LogError, SyncDone};
use weir_model::{DurationMs, LeaderEpoch, Offset};

use super::{Driver, Running, Unanswered, is_failed};
use crate::clock;
use crate::net::outgoing::ServedDisk;
use crate::partition::command::Append;

/// How long a sync that could not be done waits to be tried again.
const SYNC_PAUSE: Duration = Duration::from_millis(100);

/// Batches that follow each other go to the log by one call, up to so many bytes: the kernel then keeps them in fewer and
/// larger pieces of memory, which is a quarter cheaper for each byte. Never more than a segment may hold.
const RUN_BYTES: usize = 1024 * 1024;
/// And up to so many batches.
const RUN_BATCHES: usize = 64;

impl<D: ServedDisk> Driver<D> {
    /// Lets `core` decide where the batch goes. Its bytes wait here for the effect that names them.
    pub(super) fn accept(&mut self, append: Append) {
        let token = Token(self.work.next_token);
        self.work.next_token += 1;
        let write = Produce {
            token,
            acks: append.acks,
            batch: append.facts,
            leader_epoch: append.leader_epoch,
            append_time: append.append_time,
            deadline: append.deadline,
        };
        let records = append.facts.last_offset_delta.unsigned_abs() as u64 + 1;
        let Append { batch, answer, .. } = append;
        self.work.unanswered.insert(token, Unanswered { batch, records, answer });
        self.replica.produce(write, &mut self.work.effects);
    }

    /// Carries out every effect, in order, until none is left.
    pub(super) fn settle(&mut self) {
        while !self.work.effects.is_empty() {
            let effects = std::mem::take(&mut self.work.effects);
            let (mut written, mut run) = (Written::default(), Run::default());
            for effect in effects {
                if !matches!(effect, Effect::Append { .. }) {
                    self.write(&mut run, &mut written);
                }
                match effect {
                    Effect::Append { token, base_offset, leader_epoch } => {
                        self.gather(token, base_offset, leader_epoch, &mut run, &mut written);
                    }
                    Effect::Reply { token, outcome } => self.reply(token, outcome),
                    Effect::LeaderEpochStarted { epoch, start } => {
                        assert_eq!(start, self.log.log_end(), "a reign begins at the end of the log");
                        self.log.begin_epoch(epoch);
                    }
                    Effect::HighWatermark(to) => self.work.waiters.advance(to),
                    Effect::LogStart(start) => self.delete_before(start),
                    Effect::AlterIsr(change) => self.propose(change),
                    Effect::CutDamage => self.cut_damage(),
                }
            }
            self.write(&mut run, &mut written);
            self.report(written);
        }
    }

    /// A write that this broker may not acknowledge any more is not: it may stand or fall with the next leader.
    fn reply(&mut self, token: Token, outcome: Result<Produced, ProduceError>) {
        let Some(unanswered) = self.work.unanswered.remove(&token) else { return };
        let outcome = match outcome {
            Ok(_) if self.surroundings.fence.is_up() => Err(FenceError::NotLeader.into()),
            outcome => outcome.map_err(Into::into),
        };
        let _ = unanswered.answer.send(outcome);
    }

    /// Puts a batch behind those that are about to be written, which are written first where it does not fit.
    fn gather(
        &mut self,
        token: Token,
        base: Offset,
        epoch: LeaderEpoch,
        run: &mut Run,
        written: &mut Written,
    ) {
        let Some(unanswered) = self.work.unanswered.get_mut(&token) else { return };
        let (batch, records) = (std::mem::take(&mut unanswered.batch), unanswered.records);
        if !run.takes(batch.len(), epoch, self.run_bytes()) {
            self.write(run, written);
        }
        if run.batches.is_empty() {
            (run.base, run.epoch) = (base, epoch);
        }
        run.bytes += batch.len();
        run.records += records;
        run.batches.push(batch);
    }

    fn run_bytes(&self) -> usize {
        usize::try_from(self.log.config().segment_bytes).map_or(RUN_BYTES, |segment| segment.min(RUN_BYTES))
    }

    fn write(&mut self, run: &mut Run, written: &mut Written) {
        let Run { base, epoch, mut batches, bytes, records } = std::mem::take(run);
        // After a failure the offsets given to later batches mean nothing.
        if batches.is_empty() || written.failed.is_some() {
            return;
        }
        let appended = match batches.as_mut_slice() {
            [batch] => self.log.append(batch, epoch, clock::now()),
            several => {
                let mut several: Vec<_> = several.iter_mut().map(AsMut::as_mut).collect();
                self.log.append_many(&mut several, epoch, clock::now())
            }
        };
        match appended {
            Ok(appended) => {
                let end = Offset(base.0.saturating_add_unsigned(records));
                assert_eq!(
                    (appended.base, appended.end),
                    (base, end),
                    "log and decision must agree on offsets"
                );
                written.end = Some(end);
                written.batches += batches.len() as u64;
                written.bytes += bytes as u64;
                written.records += records;
            }
            Err(error) => {
                self.disk_failed("an append failed", &error);
                written.failed = Some(failure(&error));
            }
        }
    }

    fn report(&mut self, written: Written) {
        let metrics = &self.surroundings.metrics;
        metrics.produced_batches.inc_by(written.batches);
        metrics.produced_bytes.inc_by(written.bytes);
        metrics.produced_records.inc_by(written.records);
        self.published.traffic.produced(written.bytes);
        if let Some(end) = written.end {
            self.replica.on_appended(end, clock::steady(), &mut self.work.effects);
        }
        if let Some(why) = written.failed {
            self.replica.append_failed(why, &mut self.work.effects);
        }
    }

    /// Starts a sync when one is wanted, for a promise or for the log's own sake, and none runs.
    pub(super) fn start_sync(&mut self) {
        self.work.sync_not_before.take_if(|then| *then <= Instant::now());
        let paused = self.work.sync_not_before.is_some() || self.work.sync.is_some();
        let wanted = self.replica.sync_wanted(clock::steady()) || self.log.sync_due();
        if paused || !wanted {
            return;
        }
        let job = match self.log.sync_job() {
            Ok(Some(job)) => job,
            Ok(None) => return,
            Err(error) => return self.sync_failed(&error),
        };
        let task = self.surroundings.syncs.submit(job);
        self.work.sync = Some(Running { since: Instant::now(), task });
    }

    pub(super) fn synced(&mut self, done: Result<SyncDone, LogError>, took: Duration) {
        let began = clock::steady() - DurationMs(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        self.surroundings.metrics.sync_seconds.observe(took.as_secs_f64());
        match done.and_then(|done| self.log.synced(done)) {
            Ok(end) => {
                self.replica.on_durable(end, began, &mut self.work.effects);
            }
            Err(error) => self.sync_failed(&error),
        }
    }

    /// Whoever waits for it is told, unless it passes by itself: then it is tried again. A disk that failed refuses.
    fn sync_failed(&mut self, error: &LogError) {
        self.disk_failed("a sync failed", error);
        self.work.sync_not_before = Some(Instant::now() + SYNC_PAUSE).filter(|_| !is_failed(error));
        if matches!(error, LogError::TooManyFiles) {
            return;
        }
        for fetcher in self.work.fetchers.drain(..) {
            let _ = fetcher.send(Err(failure(error).into()));
        }
        for (_, write) in self.work.unanswered.drain() {
            let _ = write.answer.send(Err(failure(error).into()));
        }
    }
}

/// What one pass over the effects did to the log.
#[derive(Default)]
struct Written {
    end: Option<Offset>,
    failed: Option<StorageFailure>,
    batches: u64,
    bytes: u64,
    records: u64,
}

/// Batches of one epoch and without a gap, which the log is given together: all of them are in it afterwards, or none.
#[derive(Default)]
struct Run {
    /// The offset of the first record.
    base: Offset,
    epoch: LeaderEpoch,
    batches: Vec<BytesMut>,
    bytes: usize,
    records: u64,
}

impl Run {
    /// Whether a batch of so many bytes goes with those that are here, where all of them may have `most`.
    fn takes(&self, bytes: usize, epoch: LeaderEpoch, most: usize) -> bool {
        self.batches.is_empty()
            || (self.epoch == epoch && self.batches.len() < RUN_BATCHES && self.bytes + bytes <= most)
    }
}

fn failure(error: &LogError) -> StorageFailure {
    match error {
        LogError::DiskFull { .. } => StorageFailure::Full,
        _ => StorageFailure::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_of_one_epoch_and_has_few_batches_and_no_more_bytes_than_it_may() {
        let run = |batches: usize, each: usize| Run {
            epoch: LeaderEpoch(3),
            batches: vec![BytesMut::zeroed(each); batches],
            bytes: batches * each,
            ..Run::default()
        };
        let cases = [
            (run(0, 0), 5000, 3, true, "whatever its size, a batch goes alone"),
            (run(1, 500), 500, 3, true, "both fit"),
            (run(1, 500), 501, 3, false, "a byte too many"),
            (run(1, 500), 500, 4, false, "another epoch"),
            (run(RUN_BATCHES - 1, 1), 1, 3, true, "the last of as many as there may be"),
            (run(RUN_BATCHES, 1), 1, 3, false, "one too many"),
        ];
        for (run, bytes, epoch, takes, why) in cases {
            assert_eq!(run.takes(bytes, LeaderEpoch(epoch), 1000), takes, "{why}");
        }
    }
}
