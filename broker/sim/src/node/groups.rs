//! The coordinator of groups: what the server's shard owner does. One owner per reign of the offsets partition; it reads
//! the log to its end, decides, writes, and answers when that is committed. It decides nothing itself: `core` does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;
use weir_core::controller::internal_topic::CONSUMER_OFFSETS;
use weir_core::group::{
    AppendFailure, Command, Committed, Decision, FetchOffsets, FetchedTopic, GroupConfig, GroupError, Groups,
    Now, Record, Reply, Token, records,
};
use weir_core::partition::{Isolation, Reader};
use weir_model::records::{BatchBuilder, BatchError, NewRecord, batches};
use weir_model::{BrokerId, DurationMs, LeaderEpoch, Offset, PartitionIndex};

use super::{Partition, Process};
use crate::planted::Bug;
use crate::world::message::{self, Key};

/// How long a write may wait for its replicas.
const COMMIT: DurationMs = DurationMs(5000);
const PAUSE: Duration = Duration::from_millis(50);
const MAILBOX: usize = 64;

type Look = Box<dyn FnOnce(&Groups) + Send>;

enum Ask {
    Command(Box<Command>, oneshot::Sender<Reply>),
    Look(Look),
}

/// The owner of the shard in one reign.
pub(crate) struct Shard {
    key: Key,
    epoch: LeaderEpoch,
    mailbox: mpsc::Sender<Ask>,
    over: watch::Sender<bool>,
}

/// The settings: as the defaults, but quicker.
pub(crate) fn config() -> GroupConfig {
    GroupConfig {
        min_session_timeout: DurationMs(1000),
        initial_rebalance_delay: DurationMs(300),
        ..GroupConfig::default()
    }
}

impl Process {
    /// Which shard is led here, and in which reign.
    fn led_here(&self) -> Option<(Key, LeaderEpoch)> {
        let image = self.image();
        let topic = image.topic(CONSUMER_OFFSETS)?;
        let partition = topic.partition(PartitionIndex(0))?;
        let led = partition.leader == Some(BrokerId(self.id()));
        led.then_some(((topic.id, PartitionIndex(0)), partition.leader_epoch))
    }

    /// Ends the owner whose reign is over, and starts the one whose has begun.
    pub(super) fn follow_groups(self: &Arc<Self>) {
        let led = self.led_here();
        let mut shard = self.shard();
        if shard.as_ref().map(|shard| (shard.key, shard.epoch)) == led
            && shard.as_ref().is_none_or(|shard| !shard.mailbox.is_closed())
        {
            return;
        }
        if let Some(before) = shard.take() {
            before.over.send_replace(true);
        }
        let Some((key, epoch)) = led else { return };
        let (mailbox, asked) = mpsc::channel(MAILBOX);
        let (over, mut ends) = watch::channel(false);
        *shard = Some(Shard { key, epoch, mailbox, over });
        let owner = Owner {
            process: Arc::clone(self),
            groups: Groups::new(config()),
            key,
            epoch,
            waiting: BTreeMap::new(),
            next_token: 0,
        };
        self.spawn(async move {
            tokio::select! {
                biased;
                _ = ends.wait_for(|over| *over) => {}
                () = owner.run(asked) => {}
            }
        });
    }

    fn ask_shard(&self, ask: Ask) -> Result<(), GroupError> {
        let led = self.led_here();
        let shard = self.shard();
        let shard = shard.as_ref().filter(|shard| Some((shard.key, shard.epoch)) == led);
        shard
            .ok_or(GroupError::NotCoordinator)?
            .mailbox
            .try_send(ask)
            .map_err(|_| GroupError::CoordinatorNotAvailable)
    }

    /// A member or a tool asks.
    pub(super) async fn coordinate(&self, command: Command) -> Result<Reply, GroupError> {
        let (answer, answered) = oneshot::channel();
        self.ask_shard(Ask::Command(Box::new(command), answer))?;
        answered.await.map_err(|_| GroupError::NotCoordinator)
    }

    /// Reads committed offsets.
    pub(super) async fn committed_offsets(
        &self,
        asked: FetchOffsets,
    ) -> Result<Vec<FetchedTopic>, GroupError> {
        self.look_at_groups(move |groups| groups.fetch_offsets(&asked)).await?
    }

    /// Looks at the state of the shard, once all of it is committed.
    async fn look_at_groups<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Groups) -> T + Send + 'static,
    ) -> Result<T, GroupError> {
        let (answer, answered) = oneshot::channel();
        self.ask_shard(Ask::Look(Box::new(move |groups| {
            let _ = answer.send(look(groups));
        })))?;
        answered.await.map_err(|_| GroupError::NotCoordinator)
    }

    /// What the live coordinator holds, for the checks at the end.
    pub(crate) async fn live_groups(&self) -> Option<Committed> {
        self.look_at_groups(|groups| groups.committed().clone()).await.ok()
    }

    /// What this replica's log comes to, for the checks at the end.
    pub(crate) fn replayed_groups(&self, key: Key) -> Option<Committed> {
        self.with(key, |partition, _| {
            let mut groups = Groups::new(config());
            let end = partition.replica.high_watermark();
            let (bytes, _) = partition.content(end).ok()?;
            apply(&mut groups, &bytes);
            Some(groups.committed().clone())
        })?
    }
}

struct Owner {
    process: Arc<Process>,
    groups: Groups,
    key: Key,
    epoch: LeaderEpoch,
    waiting: BTreeMap<Token, oneshot::Sender<Reply>>,
    next_token: u64,
}

/// What a round decided, not yet committed.
#[derive(Default)]
struct Round {
    records: Vec<Record>,
    replies: Vec<(Token, Reply)>,
    looks: Vec<Look>,
}

impl Owner {
    async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        if !self.load().await {
            return;
        }
        loop {
            let first = tokio::time::timeout(self.until_deadline(), asked.recv()).await;
            let mut round = Round::default();
            match first {
                Ok(None) => return,
                Ok(Some(first)) => self.take(first, &mut round),
                Err(_) => {}
            }
            while let Ok(next) = asked.try_recv() {
                self.take(next, &mut round);
            }
            for _ in 0..MAILBOX {
                let now = self.now();
                let Some(decision) = self.groups.tick(now) else { break };
                self.prepare(decision, &mut round);
            }
            self.process.world.net.gate(self.process.id()).await;
            if !self.finish(round).await && !self.load().await {
                return;
            }
        }
    }

    fn take(&mut self, ask: Ask, round: &mut Round) {
        match ask {
            Ask::Command(command, answer) => {
                let token = Token(self.next_token);
                self.next_token += 1;
                self.waiting.insert(token, answer);
                let now = self.now();
                let world = Arc::clone(&self.process.world);
                let mut new_id = || {
                    let mut chance = world.chance();
                    Uuid::from_u128((u128::from(chance.draw()) << 64) | u128::from(chance.draw()))
                };
                let decision = self.groups.decide(token, *command, now, &mut new_id);
                self.prepare(decision, round);
            }
            Ask::Look(look) => round.looks.push(look),
        }
    }

    /// The records are applied before they are written: the next request of the round sees them.
    fn prepare(&mut self, decision: Decision, round: &mut Round) {
        decision.records.iter().for_each(|record| self.groups.apply(record));
        round.records.extend(decision.records);
        round.replies.extend(decision.replies);
    }

    /// Writes the round and answers it; false when that failed and the state has to be read anew.
    async fn finish(&mut self, round: Round) -> bool {
        let Round { records, replies, looks } = round;
        let early = self.process.world.has(Bug::GroupAnswersEarly);
        let committed = match self.write(&records) {
            Some(answered) if !early => matches!(answered.await, Ok(Ok(_))),
            Some(_) => true,
            None => records.is_empty(),
        };
        if !committed {
            self.refuse_all(replies);
            return false;
        }
        // Somebody else may coordinate by now, and have taken other offsets. A dropped answer sends the asker to look.
        if !self.process.has_lease() {
            replies.iter().for_each(|(token, _)| drop(self.waiting.remove(token)));
            return true;
        }
        for (token, reply) in replies {
            self.answer(token, reply);
        }
        looks.into_iter().for_each(|look| look(&self.groups));
        true
    }

    fn write(&self, records: &[Record]) -> Option<oneshot::Receiver<super::partition::Answer>> {
        if records.is_empty() {
            return None;
        }
        let batch = build(records, self.process.wall()).ok()?.freeze();
        let (answer, answered) = oneshot::channel();
        let write =
            message::Produce { key: self.key, leader_epoch: Some(self.epoch), batch, values: Vec::new() };
        let deadline = self.process.steady() + COMMIT;
        self.process.with(self.key, |partition, cx| partition.produce(write, deadline, answer, cx))?;
        Some(answered)
    }

    fn refuse_all(&mut self, replies: Vec<(Token, Reply)>) {
        let mut undone = Decision { records: Vec::new(), replies };
        undone.replies.extend(self.groups.resign());
        let now = self.now();
        let refused = self.groups.append_failed(undone, AppendFailure::Unavailable, now);
        for (token, reply) in refused {
            self.answer(token, reply);
        }
        self.waiting.clear();
    }

    fn answer(&mut self, token: Token, reply: Reply) {
        if let Some(answer) = self.waiting.remove(&token) {
            let _ = answer.send(reply);
        }
    }

    /// Reads the log to its end as it is now, once all of that is committed. False when the reign is over.
    async fn load(&mut self) -> bool {
        self.groups = Groups::new(config());
        let (mut at, end) = loop {
            let reach = |partition: &mut Partition| {
                let replica = &partition.replica;
                let leads = replica.is_leader() && replica.leader_epoch() == self.epoch;
                (replica.leader_epoch() <= self.epoch).then(|| {
                    leads.then(|| (replica.log_start(), replica.log_end(), replica.high_watermark()))
                })
            };
            match self.process.with(self.key, |partition, _| reach(partition)) {
                Some(Some(Some((start, end, watermark)))) => {
                    let bug = |bug| self.process.world.has(bug);
                    break match (bug(Bug::GroupLoadsToWatermark), bug(Bug::GroupForgets)) {
                        (true, _) => (start, watermark),
                        (_, true) => (end, end),
                        _ => (start, end),
                    };
                }
                Some(Some(None)) => tokio::time::sleep(PAUSE).await,
                Some(None) | None => return false,
            }
        };
        while at < end {
            let reader = Reader::Consumer(Isolation::ReadUncommitted);
            let read = self.process.with(self.key, |partition, _| {
                let bound = partition.replica.read(reader, at, Some(self.epoch)).ok()?;
                partition.log.read_bytes(at, bound.limit.min(end), 1 << 16).ok()
            });
            let Some(Some(bytes)) = read else { return false };
            match apply(&mut self.groups, &bytes) {
                Some(next) => at = next,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
        let now = self.now();
        self.groups.on_elected(now);
        self.process.world.trace.note(self.process.id(), "groups", format_args!("{} to {end}", self.epoch));
        true
    }

    fn now(&self) -> Now {
        Now { steady: self.process.steady(), wall: self.process.wall() }
    }

    fn until_deadline(&mut self) -> Duration {
        let now = self.now().steady;
        let left = self.groups.next_deadline().map_or(1000, |at| at.since(now).0.clamp(1, 1000));
        Duration::from_millis(left.unsigned_abs())
    }
}

/// Applies whole batches; gives the offset after them, `None` when there are none.
fn apply(groups: &mut Groups, bytes: &[u8]) -> Option<Offset> {
    let mut next = None;
    for batch in batches(bytes).filter_map(Result::ok) {
        next = Some(batch.header().next_offset());
        let Ok(payload) = batch.decoded_payload(1 << 20) else { continue };
        for record in batch.records(&payload).filter_map(Result::ok) {
            let key = Bytes::copy_from_slice(record.key.unwrap_or_default());
            if let Ok(known) = records::decode(key, record.value.map(Bytes::copy_from_slice)) {
                groups.apply(&known);
            }
        }
    }
    next
}

fn build(all: &[Record], now: weir_model::Millis) -> Result<BytesMut, BatchError> {
    let mut batch = BatchBuilder::new(Offset::ZERO);
    for record in all {
        let (Ok(key), Ok(value)) = (records::encode_key(record), records::encode_value(record)) else {
            continue;
        };
        let value = value.as_deref();
        batch.push(NewRecord { timestamp: now, key: Some(&key), value, ..NewRecord::default() })?;
    }
    batch.build()
}
