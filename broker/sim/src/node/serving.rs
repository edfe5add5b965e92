//! What others ask of a broker.

use std::time::Duration;

use tokio::sync::oneshot;
use weir_core::controller::alter_partitions::{self, AlterPartitions};
use weir_core::controller::create_topics::{self, CreateTopics, NewTopic};
use weir_core::controller::delete_topics::{self, TopicRef};
use weir_core::controller::register_broker::{self, RegisterBroker};
use weir_core::controller::{Decision, Image, elect_leaders, reassign};
use weir_core::partition::{FenceError, FollowerFetch, FollowerRead, Isolation, ReadError, Reader};
use weir_model::{BrokerId, DurationMs};
use weir_quorum::DecideError;

use super::Process;
use crate::planted::{Bug, rules};
use crate::world::message::{
    Consume, Consumed, Fetch, Fetched, NewTopic as Wanted, NotDone, PartitionView, Produce, Refusal, Reply,
    Request, TopicView,
};

/// How long a leader lets a follower wait that has everything.
const WAIT: Duration = Duration::from_millis(400);
/// How long a write waits for its commit.
const PATIENCE: DurationMs = DurationMs(2500);
/// Bytes of one answer.
const MOST: usize = 2048;

impl Process {
    /// Answers.
    pub(crate) async fn serve(&self, request: Request) -> Reply {
        match request {
            Request::Quorum(to, question) => {
                let answer = if to == self.node {
                    self.quorum.answer(&question).await.map_err(|e| e.to_string())
                } else {
                    Err("another node".to_owned())
                };
                Reply::Quorum(answer)
            }
            Request::Register(command) => Reply::Registered(self.register(*command).await),
            Request::Beat(beat) => Reply::Heard(self.hear(beat).await),
            Request::Alter(command) => self.alter(command).await,
            Request::Fetch(fetch) => Reply::Fetched(self.feed(fetch).await),
            Request::Produce(write) => Reply::Produced(self.write(write).await),
            Request::Consume(read) => Reply::Consumed(self.read(read)),
            Request::Group(command) => Reply::Group(self.coordinate(*command).await),
            Request::Offsets(asked) => Reply::Offsets(self.committed_offsets(asked).await),
            Request::Metadata(name) => Reply::Metadata(self.describe(&name)),
            Request::Create(topic) => Reply::Done(self.create(topic).await),
            Request::Delete(name) => Reply::Done(self.delete(name).await),
            Request::Reassign(command) => {
                let file = self.file.clone();
                let decided =
                    self.controller.decide(move |image, _| reassign::decide(image, &command, &file));
                Reply::Done(first(decided.await))
            }
            Request::Elect(command) => {
                let file = self.file.clone();
                let decided =
                    self.controller.decide(move |image, _| elect_leaders::decide(image, &command, &file));
                Reply::Done(first(decided.await))
            }
        }
    }

    /// Has the controller here decide, with whatever bug its rules have.
    pub(super) async fn decide<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&Image) -> Decision<R> + Send + 'static,
    ) -> Result<R, DecideError> {
        let bug = self.world.options.bug;
        self.controller.decide(move |image, _| rules::bend(bug, image, decide(image))).await
    }

    async fn register(&self, command: RegisterBroker) -> Result<i64, NotDone> {
        let (file, id) = (self.file.clone(), command.id);
        let decided = self.decide(move |image| register_broker::decide(image, command, &file)).await;
        match decided {
            Ok(Ok(epoch)) => {
                self.registered(id, epoch);
                Ok(epoch)
            }
            Ok(Err(why)) => Err(NotDone::Refused(why.to_string())),
            Err(why) => Err(elsewhere(&why)),
        }
    }

    async fn alter(&self, command: AlterPartitions) -> Reply {
        let (file, loose) = (self.file.clone(), self.world.has(Bug::AlterWithoutCompare));
        let decided = self.decide(move |image| {
            let mut command = command;
            for change in command.partitions.iter_mut().filter(|_| loose) {
                if let Some(now) = image.partition(change.topic, change.index) {
                    change.leader_epoch = now.leader_epoch;
                    change.partition_epoch = now.partition_epoch;
                }
            }
            alter_partitions::decide(image, &command, &file)
        });
        let decided = decided.await;
        let Ok(Ok(outcomes)) = decided else { return Reply::Altered(None) };
        let outcomes = outcomes.into_iter().map(|(key, done)| (key, done.map(|state| state.partition_epoch)));
        Reply::Altered(Some(outcomes.collect()))
    }

    async fn create(&self, topic: Wanted) -> Result<(), NotDone> {
        let config = self.config.clone();
        let least = topic.min_isr.to_string();
        let settings = topic.settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let settings = settings.chain([("min.insync.replicas", least)]);
        let by_hand = !topic.placed.is_empty();
        let new = NewTopic {
            name: topic.name,
            partitions: if by_hand { -1 } else { topic.partitions },
            replication_factor: if by_hand { -1 } else { topic.replicas },
            assignments: (0..).zip(topic.placed).collect(),
            config: settings.map(|(name, value)| (name.to_owned(), Some(value))).collect(),
        };
        let command = CreateTopics { topics: vec![new], validate_only: false };
        let decided = self
            .controller
            .decide(move |image, entropy| create_topics::decide(image, &command, &config, entropy));
        first(decided.await)
    }

    async fn delete(&self, name: String) -> Result<(), NotDone> {
        let config = self.config.clone();
        let decided = self.controller.decide(move |image, _| {
            delete_topics::decide(image, &[TopicRef { name: Some(name), id: None }], &config)
        });
        first(decided.await.map(|all| all.into_iter().map(|o| (o.name, o.result)).collect::<Vec<_>>()))
    }

    fn describe(&self, name: &str) -> Option<TopicView> {
        let image = self.image();
        let topic = image.topic(name)?;
        let partitions = topic.partitions.iter().map(|partition| PartitionView {
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.clone(),
        });
        Some(TopicView { id: topic.id, partitions: partitions.collect() })
    }

    async fn write(
        &self,
        write: Produce,
    ) -> Result<(weir_core::partition::Produced, weir_model::LeaderEpoch), Refusal> {
        let (answer, answered) = oneshot::channel();
        let deadline = self.steady() + PATIENCE;
        self.with(write.key, |partition, cx| partition.produce(write, deadline, answer, cx))
            .ok_or(Refusal::Unknown)?;
        answered.await.unwrap_or(Err(Refusal::Storage))
    }

    fn read(&self, read: Consume) -> Result<Consumed, Refusal> {
        let reader = Reader::Consumer(Isolation::ReadUncommitted);
        let done = self.with(read.key, |partition, _| {
            let (start, end) = (partition.replica.log_start(), partition.replica.log_end());
            let bound = partition.replica.read(reader, read.offset, read.leader_epoch);
            let beyond = partition.replica.is_leader() && read.offset > end;
            if self.world.has(Bug::SpeaksThoughFenced)
                && beyond
                && matches!(bound, Err(ReadError::Fence(FenceError::NotLeader)))
            {
                return Err(Refusal::Read(ReadError::OutOfRange { asked: read.offset, start, end }));
            }
            let bound = bound.map_err(Refusal::Read)?;
            let all = match self.world.options.bug {
                Some(Bug::ReadPastWatermark) => partition.replica.is_leader(),
                Some(Bug::FollowerServesPastWatermark) => !partition.replica.is_leader(),
                _ => false,
            };
            let limit = if all { partition.replica.log_end() } else { bound.limit };
            let bytes = partition.log.read_bytes(read.offset, limit, MOST);
            let bytes = bytes.map_err(|_| Refusal::Storage)?;
            let leader_epoch = partition.replica.leader_epoch();
            Ok(Consumed {
                leader_epoch,
                bytes,
                high_watermark: if all { limit } else { bound.high_watermark },
            })
        });
        done.unwrap_or(Err(Refusal::Unknown))
    }

    /// Serves a follower; one that has everything waits for something new.
    async fn feed(&self, fetch: Fetch) -> Result<Fetched, Refusal> {
        let image = self.image();
        let eligible = image
            .broker(fetch.broker)
            .is_some_and(|broker| broker.is_active() && broker.registration.epoch == fetch.broker_epoch);
        let (any_reign, blind) = (self.world.has(Bug::AnyReign), self.world.has(Bug::SkipDivergence));
        let world = &self.world;
        let first = self.with(fetch.key, |partition, cx| {
            let leader_epoch = if any_reign { partition.replica.leader_epoch() } else { fetch.leader_epoch };
            let reigns = partition.reigns();
            let proof = FollowerFetch {
                broker: fetch.broker,
                broker_epoch: fetch.broker_epoch,
                eligible,
                leader_epoch,
                offset: fetch.offset,
                last_fetched_epoch: Some(fetch.last_epoch).filter(|epoch| epoch.0 >= 0 && !blind),
            };
            let (replica, effects) = partition.effects();
            let end = replica.log_end();
            let proof = match world.options.bug {
                Some(Bug::JoinsEarly) => {
                    FollowerFetch { offset: proof.offset.max(replica.high_watermark()), ..proof }
                }
                _ => proof,
            };
            let read = replica.follower_fetch(proof, &reigns, cx.now, effects);
            if world.has(Bug::CountOnSend) && read.is_ok() {
                let ahead = FollowerFetch { offset: end, last_fetched_epoch: None, ..proof };
                let _ = replica.follower_fetch(ahead, &reigns, cx.now, effects);
            }
            partition.settle(cx);
            match read {
                Ok(FollowerRead::From(bound)) => {
                    let bytes = partition.log.read_bytes(fetch.offset, bound.limit, MOST);
                    let bytes = bytes.map_err(|_| Refusal::Storage)?;
                    let told = if world.has(Bug::LeaderTellsLogEnd) { end } else { bound.high_watermark };
                    let fetched =
                        Fetched::Records { bytes, high_watermark: told, log_start: bound.log_start };
                    Ok((fetched, partition.news.subscribe()))
                }
                Ok(FollowerRead::Diverging(parts)) => {
                    Ok((Fetched::Diverging(parts), partition.news.subscribe()))
                }
                Err(ReadError::OutOfRange { start, end, .. }) => {
                    Ok((Fetched::Outside { start, end }, partition.news.subscribe()))
                }
                Err(why) => Err(Refusal::Read(why)),
            }
        });
        let (fetched, mut news) = first.unwrap_or(Err(Refusal::Unknown))?;
        let Fetched::Records { bytes, high_watermark, log_start } = fetched else { return Ok(fetched) };
        if !bytes.is_empty() {
            return Ok(Fetched::Records { bytes, high_watermark, log_start });
        }
        let seen = (high_watermark, log_start);
        let _ = tokio::time::timeout(WAIT, self.something_new(&mut news, &fetch, seen)).await;
        let reader = Reader::Follower(BrokerId(fetch.broker.0));
        let again = self.with(fetch.key, |partition, _| {
            let bound = partition.replica.read(reader, fetch.offset, Some(fetch.leader_epoch));
            let bound = bound.map_err(Refusal::Read)?;
            let bytes = partition.log.read_bytes(fetch.offset, bound.limit, MOST);
            let bytes = bytes.map_err(|_| Refusal::Storage)?;
            Ok(Fetched::Records { bytes, high_watermark: bound.high_watermark, log_start: bound.log_start })
        });
        again.unwrap_or(Err(Refusal::Unknown))
    }

    async fn something_new(
        &self,
        news: &mut tokio::sync::watch::Receiver<u64>,
        fetch: &Fetch,
        (high_watermark, log_start): (weir_model::Offset, weir_model::Offset),
    ) {
        loop {
            let new = self.with(fetch.key, |partition, _| {
                let replica = &partition.replica;
                replica.leader_epoch() != fetch.leader_epoch
                    || replica.log_end() > fetch.offset
                    || replica.high_watermark() > high_watermark
                    || replica.log_start() > log_start
            });
            if new != Some(false) || news.changed().await.is_err() {
                return;
            }
        }
    }
}

/// What became of each item of a request.
type Items<T, R, E> = Vec<(T, Result<R, E>)>;

fn first<T, R, E: ToString>(decided: Result<Items<T, R, E>, DecideError>) -> Result<(), NotDone> {
    match decided.map(|all| all.into_iter().next()) {
        Ok(Some((_, Err(why)))) => Err(NotDone::Refused(why.to_string())),
        Ok(Some((_, Ok(_))) | None) => Ok(()),
        Err(why) => Err(elsewhere(&why)),
    }
}

fn elsewhere(why: &DecideError) -> NotDone {
    match why {
        DecideError::NotController(leader) => NotDone::Elsewhere(leader.map(|node| node.broker)),
        other => NotDone::Refused(other.to_string()),
    }
}
