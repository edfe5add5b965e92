//! What a story looks at: the newest metadata, and each replica as it is.

use std::sync::Arc;

use weir_core::controller::alter_partitions::{AlterPartitions, IsrChange, IsrError, IsrMember};
use weir_core::controller::{Image, Partition};
use weir_core::group::{FetchOffsets, GroupId, WantedTopic};
use weir_core::partition::IsrCause;
use weir_model::{BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId, TopicName};

use super::{Script, Told, Unexpected};
use crate::client::{GROUP, TASKS};
use crate::node::Partition as Held;
use crate::world::message::{Consume, Consumed, Fetch, Fetched, Key, Refusal, Reply, Request};

/// Where the story's own reader is on the network.
const READER: i32 = -2;
const LIMIT: std::time::Duration = std::time::Duration::from_secs(2);

impl Script {
    /// The newest metadata that anybody holds.
    pub fn image(&self) -> Arc<Image> {
        let all = self.world.running().into_iter().map(|p| p.quorum.latest().borrow().clone());
        all.max_by_key(|latest| latest.round).map(|latest| latest.image).unwrap_or_default()
    }

    /// The topic's first partition.
    pub fn partition(&self, topic: &str) -> Option<Partition> {
        let image = self.image();
        image.topic(topic)?.partition(PartitionIndex(0)).map(|partition| Partition::clone(partition))
    }

    /// Which one that is.
    pub fn key(&self, topic: &str) -> Option<Key> {
        Some((self.image().topic(topic)?.id, PartitionIndex(0)))
    }

    /// Who leads it.
    pub fn leader(&self, topic: &str) -> Option<i32> {
        self.partition(topic)?.leader.map(|id| id.0)
    }

    /// In which reign.
    pub fn reign(&self, topic: &str) -> LeaderEpoch {
        self.partition(topic).map_or(LeaderEpoch::NONE, |partition| partition.leader_epoch)
    }

    /// Who is in sync in it.
    pub fn in_sync(&self, topic: &str) -> Vec<i32> {
        let mut ids: Vec<i32> =
            self.partition(topic).map(|p| p.isr.iter().map(|id| id.0).collect()).unwrap_or_default();
        ids.sort_unstable();
        ids
    }

    /// Who is in sync in it as that broker knows, if it leads.
    pub fn in_sync_as_known_by(&self, id: i32, topic: &str) -> Vec<i32> {
        let known = self.look(id, topic, |held| held.replica.isr().iter().map(|id| id.0).collect());
        let mut known: Vec<i32> = known.unwrap_or_default();
        known.sort_unstable();
        known
    }

    /// Whether a broker takes itself for its leader.
    pub fn takes_itself_for_leader(&self, id: i32, topic: &str) -> bool {
        self.look(id, topic, |held| held.replica.is_leader()).unwrap_or(false)
    }

    /// Whether a broker has heard that another one is there and not fenced.
    pub fn knows_of(&self, id: i32, other: i32) -> bool {
        let image = self.world.net.at(id).map(|process| process.image());
        image.is_some_and(|image| image.is_active(BrokerId(other)))
    }

    /// How many commits of the group were acknowledged.
    pub fn commits(&self) -> usize {
        self.world.checks.seen().membership.commits()
    }

    /// What the coordinator says of every task is no older than what was acknowledged.
    pub async fn expect_committed(&self, coordinator: i32) -> Told {
        let least: Vec<i64> = {
            let seen = self.world.checks.seen();
            (0..TASKS).map(|task| seen.membership.greatest(task)).collect()
        };
        let Ok(topic) = TopicName::new("orders") else { return Ok(()) };
        let partitions = (0..TASKS).map(|task| PartitionIndex(i32::from(task))).collect();
        let asked = FetchOffsets {
            group: GroupId::from(GROUP),
            topics: Some(vec![WantedTopic { topic, topic_id: TopicId::ZERO, partitions }]),
            require_stable: true,
        };
        let mut topics = None;
        for _ in 0..100 {
            let asked = Request::Offsets(asked.clone());
            match self.world.net.call(&self.world, READER, coordinator, asked, LIMIT).await {
                Ok(Reply::Offsets(Ok(told))) => topics = Some(told),
                _ => self.millis(50).await,
            }
            if topics.is_some() {
                break;
            }
        }
        let Some(topics) = topics else {
            return Err(Unexpected(format!("{coordinator} does not tell what is committed")));
        };
        for (task, found) in topics.into_iter().flat_map(|topic| topic.partitions) {
            let (task, position) = (task.0, found.ok().flatten().map_or(0, |found| found.offset.0));
            let Ok(task) = u8::try_from(task) else { continue };
            let checked =
                self.world.checks.seen().membership.fetched(task, position, least[usize::from(task)]);
            checked.map_err(Unexpected)?;
        }
        Ok(())
    }

    /// Whether a broker knows that it leads it in the newest reign.
    pub fn reigns(&self, id: i32, topic: &str) -> bool {
        let reign = self.reign(topic);
        self.look(id, topic, |held| held.replica.is_leader() && held.replica.leader_epoch() == reign)
            .unwrap_or(false)
    }

    /// Which broker is the controller; of two that think so, the one of the later term.
    pub fn controller(&self) -> Option<i32> {
        let reigning = self.world.running().into_iter().filter_map(|process| {
            let state = process.quorum.state().borrow().clone();
            state.am_controller().then_some((state.term, process.id()))
        });
        reigning.max().map(|(_, id)| id)
    }

    /// Whether a broker runs.
    pub fn runs(&self, id: i32) -> bool {
        self.world.net.at(id).is_some()
    }

    /// Whether a broker may acknowledge, for all it knows.
    pub fn has_lease(&self, id: i32) -> bool {
        self.world.net.at(id).is_some_and(|process| process.has_lease())
    }

    /// Which of these brokers vote, as that broker knows.
    pub fn voters(&self, id: i32) -> Vec<i32> {
        let Some(process) = self.world.net.at(id) else { return Vec::new() };
        process.quorum.members().voters.iter().map(|node| node.broker.0).collect()
    }

    fn look<R>(&self, id: i32, topic: &str, look: impl FnOnce(&mut Held) -> R) -> Option<R> {
        let key = self.key(topic)?;
        self.world.net.at(id)?.with(key, |partition, _| look(partition))
    }

    /// How far a replica's log goes.
    pub fn log_end(&self, id: i32, topic: &str) -> Option<i64> {
        self.look(id, topic, |partition| partition.replica.log_end().0)
    }

    /// How far a replica knows that it is committed.
    pub fn watermark(&self, id: i32, topic: &str) -> Option<i64> {
        self.look(id, topic, |partition| partition.replica.high_watermark().0)
    }

    /// The values of a replica's whole log, by offset.
    pub fn log_values(&self, id: i32, topic: &str) -> Vec<(i64, u64)> {
        let read = self.look(id, topic, |partition| {
            let end = partition.replica.log_end();
            partition.content(end)
        });
        read.and_then(Result::ok).map(|(_, values)| values).unwrap_or_default()
    }

    /// The bytes of a replica's whole log.
    pub fn log_bytes(&self, id: i32, topic: &str) -> Result<Vec<u8>, Unexpected> {
        let read = self.look(id, topic, |partition| {
            let end = partition.replica.log_end();
            partition.content(end)
        });
        match read {
            Some(Ok((bytes, _))) => Ok(bytes),
            Some(Err(error)) => Err(Unexpected(format!("{topic} can not be read on {id}: {error}"))),
            None => Err(Unexpected(format!("{topic} is not open on {id}"))),
        }
    }

    /// The logs of these replicas must be the same, byte for byte, to their ends.
    pub fn expect_same_logs(&self, topic: &str, ids: &[i32]) -> Told {
        let mut first: Option<(i32, Vec<u8>)> = None;
        for id in ids {
            let bytes = self.log_bytes(*id, topic)?;
            match &first {
                None => first = Some((*id, bytes)),
                Some((other, there)) => {
                    super::expect(
                        format_args!("the logs of {topic} on {other} and {id} are the same"),
                        *there == bytes,
                    )?;
                }
            }
        }
        Ok(())
    }

    /// A consumer asks a broker for what is at an offset; none when there is no answer.
    pub async fn read(&self, id: i32, topic: &str, offset: i64) -> Option<Result<Consumed, Refusal>> {
        self.read_in(id, topic, offset, None).await
    }

    /// As [`Script::read`], by one who believes in a reign.
    pub async fn read_in(
        &self,
        id: i32,
        topic: &str,
        offset: i64,
        reign: Option<LeaderEpoch>,
    ) -> Option<Result<Consumed, Refusal>> {
        let read = Consume { key: self.key(topic)?, leader_epoch: reign, offset: Offset(offset) };
        let answer = self.world.net.call(&self.world, READER, id, Request::Consume(read), LIMIT).await;
        match answer {
            Ok(Reply::Consumed(answer)) => Some(answer),
            _ => None,
        }
    }

    /// A follower's fetch arrives at a broker, maybe one that was long under way.
    pub async fn fetch_as(
        &self,
        follower: i32,
        at: i32,
        topic: &str,
        (reign, offset): (LeaderEpoch, i64),
    ) -> Option<Result<Fetched, Refusal>> {
        let broker = BrokerId(follower);
        let broker_epoch = self.image().broker(broker)?.registration.epoch;
        let (key, offset, last_epoch) = (self.key(topic)?, Offset(offset), LeaderEpoch::NONE);
        let fetch = Fetch { key, broker, broker_epoch, leader_epoch: reign, offset, last_epoch };
        match self.world.net.call(&self.world, READER, at, Request::Fetch(fetch), LIMIT).await {
            Ok(Reply::Fetched(answer)) => Some(answer),
            _ => None,
        }
    }

    /// A leader's word on who is in sync arrives at the controller, of the time when the partition was `then`.
    pub async fn propose(
        &self,
        topic: &str,
        then: &Partition,
        isr: &[i32],
    ) -> Option<Result<PartitionEpoch, IsrError>> {
        let (image, key) = (self.image(), self.key(topic)?);
        let epoch_of = |id: BrokerId| image.broker(id).map(|broker| broker.registration.epoch);
        let member = |id: &i32| Some(IsrMember { broker: BrokerId(*id), epoch: epoch_of(BrokerId(*id))? });
        let change = IsrChange {
            topic: key.0,
            index: key.1,
            leader_epoch: then.leader_epoch,
            partition_epoch: then.partition_epoch,
            isr: isr.iter().map(member).collect::<Option<_>>()?,
            cause: IsrCause::InSync,
        };
        let broker = then.leader?;
        let command = AlterPartitions { broker, broker_epoch: epoch_of(broker)?, partitions: vec![change] };
        let asked = Request::Alter(command);
        match self.world.net.call(&self.world, broker.0, self.controller()?, asked, LIMIT).await {
            Ok(Reply::Altered(outcomes)) => outcomes?.into_iter().next().map(|(_, outcome)| outcome),
            _ => None,
        }
    }

    /// What is known to be committed of a topic, for whoever wants to know why the story did not go on.
    pub(super) fn described(&self) -> String {
        let mut words =
            format!("brokers {:?} run", self.world.running().iter().map(|p| p.id()).collect::<Vec<_>>());
        for topic in self.image().topics() {
            for (index, p) in topic.numbered() {
                words += &format!(
                    ", {}-{index} is led by {:?} in {}, isr {:?}, elr {:?} of {:?}",
                    topic.name, p.leader, p.leader_epoch, p.isr, p.elr, p.replicas
                );
            }
        }
        words
    }
}
