//! The follower's side of replication: what the leader sent is appended as it is, and the log is cut where it parts from
//! the leader's. `core` decides what may be taken and where to cut. A fetcher is told where this replica stands only when
//! everything before is as durable as the topic asks, because its next request promises that.
//!
//! Cutting syncs, reads and deletes files: the owner goes to another thread for it, with all it owns, and commands wait.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tracing::{error, info, warn};
use weir_core::partition::{FetchFrom, FetchedBatch, FollowError, Producers};
use weir_log::LogError;
use weir_model::records::batches;
use weir_model::{LeaderEpoch, Offset};

use super::{COMPLAINT_EVERY, Driver};
use crate::clock;
use crate::net::outgoing::ServedDisk;
use crate::partition::PartitionHandle;
use crate::partition::command::{Answer, Follow, FromLeader, LeaderState, Standing};
use crate::partition::error::PartitionError;
use crate::partition::open::rebuild_producers;
use crate::replication::fleet::{Followed, Limit};
use crate::replication::roster::Position;

/// A log that is to be cut, and who waits for it.
pub(super) struct Cut {
    pub(super) at: CutAt,
    /// Nobody where the log is cut for what is damaged in it.
    pub(super) answer: Option<Answer<Position>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum CutAt {
    /// Everything from here on goes.
    End(Offset),
    /// Everything goes; the next record has this offset.
    Anew(Offset),
}

impl<D: ServedDisk> Driver<D> {
    /// Has the leader's fetcher follow this partition, or nobody when there is no leader but this replica.
    pub(super) fn pursue(&mut self) {
        let fleet = Arc::clone(&self.surroundings.fleet);
        let (topic, partition) = (self.replica.topic(), self.replica.partition());
        let leader = self.replica.leader().filter(|_| !self.replica.is_leader());
        match (leader, self.own.upgrade()) {
            (Some(leader), Some(mailbox)) => {
                let published = Arc::clone(&self.published);
                let owner = PartitionHandle { topic, partition, mailbox, published };
                let leader_epoch = self.replica.leader_epoch();
                let (limit, catching_up) = (self.limit(), self.work.standing.catching_up);
                fleet.follow(Followed { owner, leader, leader_epoch, limit, catching_up });
            }
            _ => {
                self.lags_by(0);
                fleet.unfollow((topic, partition));
            }
        }
    }

    fn limit(&self) -> Limit {
        let Standing { catching_up, move_rate } = self.work.standing;
        let (index, me) = (self.replica.partition(), self.surroundings.view.me());
        let named = || self.published.throttled().is_some_and(|t| t.following.contains(index, me));
        Limit { throttled: catching_up && named(), rate: move_rate }
    }

    pub(super) fn follow(&mut self, follow: Follow, answer: Answer<Position>) {
        match self.take_from_leader(follow) {
            Ok(None) => {
                self.work.fetchers.push(answer);
                self.answer_fetchers();
            }
            Ok(Some(at)) => self.work.cut = Some(Cut { at, answer: Some(answer) }),
            Err(error) => {
                self.complain_of(&error);
                let _ = answer.send(Err(error));
            }
        }
    }

    /// Most of what keeps a follower from following passes. This does not.
    fn complain_of(&mut self, error: &PartitionError) {
        let lasting = matches!(
            error,
            PartitionError::Follow(FollowError::LosesCommitted { .. } | FollowError::NotContiguous { .. })
                | PartitionError::Log(_)
        );
        if lasting && self.work.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_EVERY) {
            self.work.complained = Some(Instant::now());
            error!(log = %self.log.dir().display(), %error, "a replica can not follow its leader; nothing was cut");
        }
    }

    fn take_from_leader(&mut self, follow: Follow) -> Result<Option<CutAt>, PartitionError> {
        let Follow { leader, leader_epoch, asked, what } = follow;
        let offset = asked.unwrap_or(self.log.log_end());
        let asked = FetchFrom { leader, leader_epoch, offset };
        self.replica.check_fetched(asked)?;
        match what {
            FromLeader::Nothing => {}
            FromLeader::State(state) => self.learn(leader_epoch, state)?,
            FromLeader::Records(bytes, state) => {
                self.append_fetched(asked, &bytes)?;
                self.learn(leader_epoch, state)?;
            }
            FromLeader::Diverged(parts) => {
                let cut = self.replica.truncation(asked, &self.reigns(), parts)?;
                self.say_cut(cut.to, cut.lost, asked);
                return Ok(Some(CutAt::End(cut.to)));
            }
            FromLeader::Outside(start, end) => {
                let cut = self.replica.restart_point(asked, start, end)?;
                self.say_cut(cut.to, cut.lost, asked);
                return Ok(Some(CutAt::Anew(cut.to)));
            }
        }
        Ok(None)
    }

    fn learn(&mut self, leader_epoch: LeaderEpoch, state: LeaderState) -> Result<(), FollowError> {
        let LeaderState { high_watermark, log_start } = state;
        let lag = u64::try_from(high_watermark - self.log.log_end()).unwrap_or(0);
        self.lags_by(lag);
        self.replica.on_leader_state(leader_epoch, high_watermark, log_start, &mut self.work.effects)?;
        self.settle();
        Ok(())
    }

    /// Appends the batches that follow on the log's end, segment by segment. The log checks their checksums.
    fn append_fetched(&mut self, asked: FetchFrom, bytes: &Bytes) -> Result<(), PartitionError> {
        let fetched = fetched(bytes)?;
        let accepted = self.replica.accept_fetched(asked, &fetched)?;
        let taken = &fetched[..accepted.batches];
        if let Some(at) = accepted.restart_log_at {
            self.log.truncate_fully_at(at)?;
        }
        let mut from = 0;
        for run in runs(taken, self.log.config().segment_bytes) {
            let len: usize = run.iter().map(|batch| batch.facts.size_bytes as usize).sum();
            if let Err(error) = self.log.append_replicated(&bytes[from..from + len], clock::now()) {
                self.disk_failed("an append of a leader's records failed", &error);
                return Err(error.into());
            }
            self.replica.on_replicated(run, self.log.log_end(), clock::steady());
            from += len;
        }
        if accepted.restart_log_at.is_some() {
            self.log.delete_records_before(self.replica.log_start())?;
        }
        Ok(())
    }

    fn say_cut(&self, to: Offset, lost: i64, asked: FetchFrom) {
        let (log, leader, from) = (self.log.dir().display(), asked.leader, self.log.log_end());
        if lost > 0 {
            warn!(%log, %leader, %from, %to, lost, "committed records are cut off: an unclean election lost them");
        } else {
            info!(%log, %leader, %from, %to, "cutting the log to where its leader's goes on");
        }
    }

    /// Tells the fetchers that wait where this replica stands, once it can promise it.
    pub(super) fn answer_fetchers(&mut self) {
        if self.work.fetchers.is_empty() {
            return;
        }
        let outcome = match self.replica.fetch_from() {
            Some(FetchFrom { offset, .. }) => Ok(Position {
                offset,
                last_epoch: self.last_record_epoch(),
                log_start: self.replica.log_start(),
            }),
            None if self.replica.leader().is_none() || self.replica.is_leader() => {
                Err(PartitionError::Follow(FollowError::Stale))
            }
            None => return,
        };
        for answer in self.work.fetchers.drain(..) {
            let _ = answer.send(outcome.clone());
        }
    }

    /// A reign that wrote nothing is none that a leader need know.
    fn last_record_epoch(&self) -> LeaderEpoch {
        let end = self.log.log_end();
        let last = (end > self.log.log_start()).then(|| self.log.epochs().epoch_at(end.plus(-1))).flatten();
        last.unwrap_or(LeaderEpoch::NONE)
    }

    /// Cuts the log on another thread. Nothing else happens to the replica meanwhile.
    pub(super) async fn cut(mut self: Box<Self>) -> Box<Self> {
        let Some(Cut { at, answer }) = self.work.cut.take() else { return self };
        let job = move || {
            let done = self.cut_now(at);
            (self, done)
        };
        let (mut owner, done) = match tokio::task::spawn_blocking(job).await {
            Ok(back) => back,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The process ends, and takes its tasks with it.
                Err(_) => return pending().await,
            },
        };
        match done {
            Ok(()) => {
                owner.was_cut();
                owner.work.fetchers.extend(answer);
                owner.answer_fetchers();
            }
            Err(error) => {
                owner.disk_failed("a log could not be cut", &error);
                owner.replica.on_cut_failed(clock::steady());
                if let Some(answer) = answer {
                    let _ = answer.send(Err(error.into()));
                }
            }
        }
        owner
    }

    fn cut_now(&mut self, at: CutAt) -> Result<(), LogError> {
        let producers = match at {
            CutAt::End(to) => {
                self.log.truncate_to(to)?;
                self.rebuilt()?
            }
            CutAt::Anew(to) => {
                self.log.truncate_fully_at(to)?;
                Producers::default()
            }
        };
        let log = &self.log;
        self.replica.on_truncated(log.log_start(), log.log_end(), log.durable_end(), producers);
        Ok(())
    }

    fn rebuilt(&mut self) -> Result<Producers, LogError> {
        let most = self.replica.policy().producers_max;
        let name = self.log.dir().display().to_string();
        rebuild_producers(&mut self.log, most, &name)
    }
}

/// What a leader's bytes hold. The checksums are the log's business.
fn fetched(bytes: &[u8]) -> Result<Vec<FetchedBatch>, LogError> {
    let mut fetched = Vec::new();
    for batch in batches(bytes) {
        let header = *batch?.header();
        let (base_offset, leader_epoch) = (header.base_offset, header.leader_epoch);
        fetched.push(FetchedBatch { base_offset, leader_epoch, facts: (&header).into() });
    }
    Ok(fetched)
}

/// Batches that fit into a segment together, or one that fits into none.
fn runs(batches: &[FetchedBatch], segment_bytes: u64) -> impl Iterator<Item = &[FetchedBatch]> {
    let mut rest = batches;
    std::iter::from_fn(move || {
        let mut total = 0;
        let fits = rest.iter().take_while(|batch| {
            total += u64::from(batch.facts.size_bytes);
            total <= segment_bytes
        });
        let count = fits.count().max(1).min(rest.len());
        let (run, after) = rest.split_at(count);
        rest = after;
        (!run.is_empty()).then_some(run)
    })
}
