//! One replica of one partition and its log: what the server's driver does, in line. It decides nothing: `core` does.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::{Notify, oneshot, watch};
use weir_core::partition::producers::Rebuilding;
use weir_core::partition::{
    Acks, Assignment, BatchFacts, Effect, EpochStart, IsrAnswer, IsrChange, Policy, Produce, ProduceError,
    Produced, Producers, Recovered, Replica, StorageFailure, Token,
};
use weir_log::{DataDir, Log, LogConfig, LogError, MemoryDisk};
use weir_model::records::batches;
use weir_model::{BrokerId, LeaderEpoch, Millis, Offset, PartitionEpoch, ProducerId, TopicId};

use super::values;
use crate::planted::Bug;
use crate::world::World;
use crate::world::message::{self, Key, Refusal};

/// What a produce is answered.
pub(super) type Answer = Result<(Produced, LeaderEpoch), Refusal>;

/// A replica.
pub(crate) struct Partition {
    pub(super) key: Key,
    pub(super) log: Log<MemoryDisk>,
    pub(crate) replica: Replica,
    /// Tells this one from another that is opened in its place.
    pub(super) generation: u64,
    pub(super) syncing: bool,
    pub(super) compacting: bool,
    /// Wakes its fetcher.
    pub(super) wake: Arc<Notify>,
    /// Counts what a waiting fetch may want to hear of.
    pub(super) news: watch::Sender<u64>,
    waiting: BTreeMap<Token, Waiting>,
    next_token: u64,
    effects: Vec<Effect>,
    /// As the controller has it.
    replicas: Vec<BrokerId>,
}

struct Waiting {
    batch: BytesMut,
    values: Vec<u64>,
    answer: oneshot::Sender<Answer>,
}

/// Who does it, and what else follows from it.
pub(crate) struct Cx<'a> {
    pub(super) world: &'a World,
    pub(super) who: (i32, u64),
    /// By the clock that never jumps.
    pub(super) now: Millis,
    /// By the wall clock.
    pub(super) wall: Millis,
    /// Whether the broker may acknowledge.
    pub(super) lease: bool,
    /// To be put to the controller.
    pub(super) proposals: &'a mut Vec<(Key, IsrChange)>,
}

/// Bytes, and values by offset.
type Content = (Vec<u8>, Vec<(i64, u64)>);

impl Partition {
    /// Opens the log and rebuilds what producers wrote. `bug` is what it does wrong.
    pub(super) fn open(
        dir: &DataDir<MemoryDisk>,
        key: Key,
        stored: TopicId,
        bug: Option<Bug>,
        (policy, config): (Policy, LogConfig),
        generation: u64,
    ) -> Result<Self, LogError> {
        let (mut log, _) = Log::open(&dir.home(), &dir.partition_dir(stored, key.1), config)?;
        let producers = match bug {
            Some(Bug::SkipProducerRebuild) => Producers::default(),
            _ => rebuild(&mut log, policy.producers_max)?,
        };
        let all_committed = bug == Some(Bug::RestartByWatermark);
        let policy = match bug {
            Some(Bug::IgnoreMinIsr) => Policy { min_isr: 1, ..policy },
            _ => policy,
        };
        let found = Recovered {
            log_start: log.log_start(),
            log_end: log.log_end(),
            durable_end: log.durable_end(),
            high_watermark: if all_committed { log.log_end() } else { log.log_start() },
            producers,
        };
        let mut replica = Replica::new(key.0, key.1, dir.broker(), policy, found);
        if !log.damage().is_empty() {
            // It is no replica yet, so there is nothing to ask for.
            replica.on_damage(Millis(0), &mut Vec::new());
        }
        Ok(Self {
            key,
            log,
            replica,
            generation,
            syncing: false,
            compacting: false,
            wake: Arc::new(Notify::new()),
            news: watch::Sender::new(0),
            waiting: BTreeMap::new(),
            next_token: 0,
            effects: Vec::new(),
            replicas: Vec::new(),
        })
    }

    pub(super) fn assign(&mut self, state: &weir_core::controller::Partition, cx: &mut Cx<'_>) {
        if cx.world.has(Bug::KeepsLeading)
            && self.replica.is_leader()
            && state.leader != self.replica.leader()
        {
            return;
        }
        self.cut_by_watermark(state, cx);
        let news = Assignment {
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            partition_epoch: state.partition_epoch,
            replicas: &state.replicas,
            isr: &state.isr,
            elr: &state.elr,
        };
        self.replicas.clone_from(&state.replicas);
        self.replica.assign(news, cx.now, &mut self.effects);
        self.settle(cx);
        self.wake.notify_one();
    }

    pub(super) fn set_fenced(&mut self, fenced: bool, cx: &mut Cx<'_>) {
        self.replica.set_fenced(fenced, &mut self.effects);
        self.settle(cx);
    }

    /// For a promise or for the log's own sake.
    pub(super) fn wants_sync(&self, now: Millis) -> bool {
        !self.syncing && (self.replica.sync_wanted(now) || self.log.sync_due())
    }

    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.wants_sync(now) || self.replica.next_deadline().is_some_and(|at| at <= now)
    }

    pub(super) fn tick(&mut self, cx: &mut Cx<'_>) {
        if self.replica.next_deadline().is_some_and(|at| at <= cx.now) {
            self.replica.tick(cx.now, &mut self.effects);
            self.settle(cx);
        }
    }

    pub(super) fn produce(
        &mut self,
        write: message::Produce,
        deadline: Millis,
        answer: oneshot::Sender<Answer>,
        cx: &mut Cx<'_>,
    ) {
        let Some(Ok(batch)) = batches(&write.batch).next() else { return };
        let token = Token(self.next_token);
        self.next_token += 1;
        let mut facts = BatchFacts::from(batch.header());
        if cx.world.has(Bug::NoDeduplication) {
            facts.producer_id = ProducerId::NONE;
        }
        let acks = if cx.world.has(Bug::AcknowledgeOnAppend) { Acks::Leader } else { Acks::All };
        let asked = Produce {
            token,
            acks,
            batch: facts,
            leader_epoch: write.leader_epoch,
            append_time: Millis::NONE,
            deadline,
        };
        let batch = BytesMut::from(&write.batch[..]);
        self.waiting.insert(token, Waiting { batch, values: write.values, answer });
        self.replica.produce(asked, &mut self.effects);
        self.settle(cx);
    }

    pub(super) fn isr_answered(&mut self, answer: IsrAnswer, cx: &mut Cx<'_>) {
        self.replica.on_isr_answer(answer, cx.now, &mut self.effects);
        self.settle(cx);
    }

    pub(super) fn durable(&mut self, end: Offset, cx: &mut Cx<'_>) {
        self.replica.on_durable(end, cx.now, &mut self.effects);
        self.settle(cx);
        self.wake.notify_one();
    }

    /// Whoever waits for a disk that failed is told.
    pub(super) fn fail(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            let _ = waiting.answer.send(Err(Refusal::Storage));
        }
    }

    pub(super) fn effects(&mut self) -> (&mut Replica, &mut Vec<Effect>) {
        (&mut self.replica, &mut self.effects)
    }

    /// Carries out every effect, in order, until none is left.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        while !self.effects.is_empty() {
            let (mut end, mut failed) = (None, None);
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Append { token, leader_epoch, base_offset } => {
                        if failed.is_some() {
                            continue;
                        }
                        match self.append(token, leader_epoch, cx) {
                            Ok(at) => {
                                if at != base_offset {
                                    cx.world.violation(format!("{:?}: log and decision disagree", self.key));
                                }
                                end = Some(self.log.log_end());
                            }
                            Err(_) if cx.world.has(Bug::DropsOnFull) => {
                                let lost = self.waiting.get(&token).map_or(1, |w| w.values.len() as i64);
                                end = Some(base_offset.plus(lost));
                            }
                            Err(why) => failed = Some(why),
                        }
                    }
                    Effect::Reply { token, outcome } => self.reply(token, outcome, cx),
                    Effect::LeaderEpochStarted { epoch, start } => self.begin(epoch, start, cx),
                    Effect::HighWatermark(to) => {
                        cx.world.trace.note(cx.who.0, "watermark", format_args!("{:?} {to}", self.key));
                    }
                    Effect::LogStart(start) => {
                        if self.log.delete_records_before(start).is_ok() {
                            self.replica.on_log_start(self.log.log_start());
                        }
                    }
                    Effect::AlterIsr(change) => {
                        if cx.world.has(Bug::TakesProposalForGranted) {
                            self.grant(&change, cx);
                        }
                        cx.proposals.push((self.key, change));
                    }
                    Effect::CutDamage => self.cut_damage(cx),
                }
            }
            if let Some(end) = end {
                self.replica.on_appended(end, cx.now, &mut self.effects);
                if cx.world.has(Bug::LieAboutSync) {
                    self.replica.on_durable(end, cx.now, &mut self.effects);
                }
            }
            if let Some(why) = failed {
                self.replica.append_failed(why, &mut self.effects);
            }
        }
        self.snapshot_when_due();
        self.news.send_modify(|count| *count += 1);
    }

    fn append(&mut self, token: Token, epoch: LeaderEpoch, cx: &Cx<'_>) -> Result<Offset, StorageFailure> {
        let waiting = self.waiting.get_mut(&token).ok_or(StorageFailure::Failed)?;
        let mut batch = std::mem::take(&mut waiting.batch);
        let epoch = if cx.world.has(Bug::StampsOldEpoch) { LeaderEpoch(0) } else { epoch };
        match self.log.append(&mut batch, epoch, cx.wall) {
            Ok(appended) => Ok(appended.base),
            Err(LogError::DiskFull { .. }) => Err(StorageFailure::Full),
            Err(_) => Err(StorageFailure::Failed),
        }
    }

    fn begin(&mut self, epoch: LeaderEpoch, start: Offset, cx: &Cx<'_>) {
        if start != self.log.log_end() {
            cx.world.violation(format!("{:?}: a reign begins elsewhere than at the log's end", self.key));
        }
        self.log.begin_epoch(epoch);
        cx.world.trace.note(cx.who.0, "leads", format_args!("{:?} {epoch} from {start}", self.key));
        let committed = cx.world.checks.seen().ghost.end_before(self.key, epoch);
        if start.0 < committed {
            let who = cx.who;
            cx.world.violation(format!(
                "leader completeness: {who:?} leads {:?} in {epoch} from {start}, but all before {committed} is committed",
                self.key
            ));
        }
    }

    fn reply(&mut self, token: Token, outcome: Result<Produced, ProduceError>, cx: &Cx<'_>) {
        let Some(waiting) = self.waiting.remove(&token) else { return };
        let epoch = self.replica.leader_epoch();
        let outcome = match outcome {
            Ok(_) if !cx.lease && !cx.world.has(Bug::NoLease) => Err(Refusal::Unknown),
            Ok(produced) => {
                let mut produced = produced;
                // Its bytes were never asked for: it is a duplicate.
                if cx.world.has(Bug::WrongOffsetForDuplicate) && !waiting.batch.is_empty() {
                    produced.base_offset = self.log.log_end();
                }
                let base = produced.base_offset.0;
                let values = &waiting.values;
                cx.world.trace.note(cx.who.0, "acks", format_args!("{:?} {base} {values:?}", self.key));
                let checked = cx.world.checks.acknowledged(cx.who, self.key, epoch, base, values);
                if let Err(what) = checked {
                    cx.world.violation(what);
                }
                Ok((produced, epoch))
            }
            Err(why) => Err(Refusal::Produce(why)),
        };
        let _ = waiting.answer.send(outcome);
    }

    /// What two of the planted bugs do when a leader changes.
    fn cut_by_watermark(&mut self, state: &weir_core::controller::Partition, cx: &Cx<'_>) {
        if state.leader_epoch <= self.replica.leader_epoch() {
            return;
        }
        let lead = state.leader.is_some_and(|leader| leader.0 == cx.who.0);
        let bug = if lead { Bug::LeaderTruncates } else { Bug::TruncateToWatermark };
        let to = self.replica.high_watermark();
        if cx.world.has(bug) && to < self.log.log_end() && self.log.truncate_to(to).is_ok() {
            let producers = self.producers().unwrap_or_default();
            let log = &self.log;
            self.replica.on_truncated(log.log_start(), log.log_end(), log.durable_end(), producers);
        }
    }

    /// What a planted bug makes of a proposal.
    fn grant(&mut self, change: &IsrChange, cx: &Cx<'_>) {
        let isr: Vec<_> = change.isr.iter().map(|(id, _)| *id).collect();
        let replicas = self.replicas.clone();
        let granted = Assignment {
            leader: self.replica.leader(),
            leader_epoch: change.leader_epoch,
            partition_epoch: PartitionEpoch(change.partition_epoch.0 + 1),
            replicas: &replicas,
            isr: &isr,
            elr: &[],
        };
        self.replica.assign(granted, cx.now, &mut self.effects);
    }

    /// The index of reigns.
    pub(super) fn reigns(&self) -> Vec<EpochStart> {
        let entries = self.log.epochs().entries().iter();
        entries.map(|(epoch, start)| EpochStart { epoch: *epoch, start: *start }).collect()
    }

    /// The reign of the last record.
    pub(super) fn last_epoch(&self) -> LeaderEpoch {
        let end = self.log.log_end();
        let last = (end > self.log.log_start()).then(|| self.log.epochs().epoch_at(end.plus(-1))).flatten();
        last.unwrap_or(LeaderEpoch::NONE)
    }

    /// Rebuilt from the log, after a cut.
    pub(super) fn producers(&mut self) -> Result<Producers, LogError> {
        let most = self.replica.policy().producers_max;
        rebuild(&mut self.log, most)
    }

    /// What the log holds, for the checks at the end.
    pub(crate) fn content(&mut self, up_to: Offset) -> Result<Content, LogError> {
        self.content_from(self.log.log_start(), up_to)
    }

    /// As [`Partition::content`], from an offset on.
    pub(crate) fn content_from(&mut self, mut from: Offset, up_to: Offset) -> Result<Content, LogError> {
        let (mut bytes, mut found) = (Vec::new(), Vec::new());
        while from < up_to {
            let read = self.log.read_bytes(from, up_to, 1 << 20)?;
            let Some(last) = batches(&read).filter_map(Result::ok).last() else { break };
            from = last.header().next_offset();
            found.extend(values::read(&read));
            bytes.extend_from_slice(&read);
        }
        Ok((bytes, found))
    }
}

/// What the log says of producers.
fn rebuild(log: &mut Log<MemoryDisk>, producers_max: u32) -> Result<Producers, LogError> {
    let snapshot = log.latest_snapshot(log.log_end());
    let kept = snapshot.as_ref().map(|(offset, bytes)| (*offset, &bytes[..]));
    let (mut rebuilding, _) = Rebuilding::begin(log.log_start(), kept, producers_max);
    log.for_each_header(rebuilding.reads_from(), |header| rebuilding.take(header))?;
    Ok(rebuilding.done())
}

impl Partition {
    /// Closes the log cleanly, with what is known of producers.
    pub(super) fn close(mut self) -> Result<(), LogError> {
        if self.replica.producers().is_worth_keeping(self.log.since_snapshot()) {
            let (offset, snapshot) = self.replica.producer_snapshot();
            self.log.write_snapshot(offset, &snapshot)?;
        }
        self.log.close()
    }
}
