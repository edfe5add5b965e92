//! A follower's side: asks its leader for what comes next, appends it, cuts its log where it parts from the leader's.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use weir_core::partition::{FetchFrom, FetchedBatch, FollowError, Producers};
use weir_log::LogError;
use weir_model::BrokerId;
use weir_model::records::batches;

use super::partition::Cx;
use super::{Partition, Process};
use crate::planted::Bug;
use crate::world::Promise;
use crate::world::message::{Fetch, Fetched, Key, Reply, Request};

/// How long a leader may take to answer.
const LIMIT: Duration = Duration::from_secs(2);
/// How often somebody without a leader looks again.
const IDLE: Duration = Duration::from_millis(500);

/// Why an answer could not be used.
#[derive(Debug, Error)]
enum Unusable {
    #[error(transparent)]
    Core(#[from] FollowError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Process {
    /// Follows for as long as this opening of the partition lasts.
    pub(super) async fn fetch(self: Arc<Self>, key: Key, generation: u64) {
        loop {
            let lies = self.world.has(Bug::FollowerLiesAboutSync);
            let looked = self.with(key, |partition, _| {
                if lies && !partition.replica.is_leader() {
                    let end = partition.log.log_end();
                    let (replica, effects) = partition.effects();
                    replica.on_durable(end, weir_model::Millis(0), effects);
                }
                let plan = partition.replica.fetch_from().map(|from| (from, partition.last_epoch()));
                (partition.generation, plan, Arc::clone(&partition.wake))
            });
            let Some((current, plan, wake)) = looked else { return };
            if current != generation {
                return;
            }
            let Some((from, last_epoch)) = plan else {
                let _ = tokio::time::timeout(IDLE, wake.notified()).await;
                continue;
            };
            let epoch = self.state().epoch;
            let Some(broker_epoch) = epoch else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let asked = Fetch {
                key,
                broker: BrokerId(self.id()),
                broker_epoch,
                leader_epoch: from.leader_epoch,
                offset: from.offset,
                last_epoch,
            };
            let asked = Request::Fetch(asked);
            let answer = self.world.net.call(&self.world, self.id(), from.leader.0, asked, LIMIT).await;
            self.world.net.gate(self.id()).await;
            let pause = match answer {
                Ok(Reply::Fetched(Ok(fetched))) => {
                    let taken = self.with(key, |partition, cx| {
                        (partition.generation == generation).then(|| partition.take(from, fetched, cx))
                    });
                    match taken {
                        Some(Some(Ok(()))) => None,
                        Some(Some(Err(why))) => {
                            self.world.trace.note(self.id(), "unusable", format_args!("{key:?} {why}"));
                            if matches!(why, Unusable::Log(LogError::Io { .. } | LogError::Failed)) {
                                self.disk_failed();
                            }
                            Some(50)
                        }
                        Some(None) | None => return,
                    }
                }
                _ => Some(20),
            };
            if let Some(pause) = pause {
                let pause = self.world.chance().millis(pause..pause * 2);
                let _ = tokio::time::timeout(pause, wake.notified()).await;
            }
        }
    }
}

impl Partition {
    fn take(&mut self, asked: FetchFrom, fetched: Fetched, cx: &mut Cx<'_>) -> Result<(), Unusable> {
        self.replica.check_fetched(asked)?;
        match fetched {
            Fetched::Records { bytes, high_watermark, log_start } => {
                self.append_fetched(asked, &bytes, cx)?;
                let (replica, effects) = self.effects();
                replica.on_leader_state(asked.leader_epoch, high_watermark, log_start, effects)?;
                self.settle(cx);
            }
            Fetched::Diverging(parts) => {
                if cx.world.has(Bug::NeverTruncate) {
                    return Ok(());
                }
                let cut = self.replica.truncation(asked, &self.reigns(), parts)?;
                self.say_cut(cut.to.0, cut.lost, cx);
                self.log.truncate_to(cut.to)?;
                let producers = match cx.world.has(Bug::SkipProducerRebuildOnCut) {
                    true => self.replica.producers().clone(),
                    false => self.producers()?,
                };
                self.cut(producers);
            }
            Fetched::Outside { start, end } => {
                let cut = self.replica.restart_point(asked, start, end)?;
                self.say_cut(cut.to.0, cut.lost, cx);
                self.log.truncate_fully_at(cut.to)?;
                self.cut(Producers::default());
            }
        }
        Ok(())
    }

    fn cut(&mut self, producers: Producers) {
        let log = &self.log;
        let (start, end, durable) = (log.log_start(), log.log_end(), log.durable_end());
        self.replica.on_truncated(start, end, durable, producers);
    }

    fn say_cut(&self, to: i64, lost: i64, cx: &Cx<'_>) {
        let from = self.log.log_end();
        cx.world.trace.note(
            cx.who.0,
            "cuts",
            format_args!("{:?} from {from} to {to}, lost {lost}", self.key),
        );
        if lost > 0 && cx.world.checks.seen().promise(self.key) != Promise::Replicated {
            cx.world.violation(format!("{:?} cuts {lost} committed records off {:?}", cx.who, self.key));
        }
    }

    fn append_fetched(&mut self, asked: FetchFrom, bytes: &[u8], cx: &Cx<'_>) -> Result<(), Unusable> {
        let mut fetched = Vec::new();
        for batch in batches(bytes) {
            let header = *batch.map_err(LogError::from)?.header();
            let (base_offset, leader_epoch) = (header.base_offset, header.leader_epoch);
            fetched.push(FetchedBatch { base_offset, leader_epoch, facts: (&header).into() });
        }
        let accepted = self.replica.accept_fetched(asked, &fetched)?;
        if let Some(at) = accepted.restart_log_at {
            self.log.truncate_fully_at(at)?;
        }
        let mut from = 0;
        for batch in &fetched[..accepted.batches] {
            let len = batch.facts.size_bytes as usize;
            self.log.append_replicated(&bytes[from..from + len], cx.wall)?;
            let end = self.log.log_end();
            self.replica.on_replicated(std::slice::from_ref(batch), end, cx.now);
            from += len;
        }
        if accepted.restart_log_at.is_some() {
            self.log.delete_records_before(self.replica.log_start())?;
        }
        Ok(())
    }
}
