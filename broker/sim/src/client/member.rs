//! A member of a group: joins, takes the tasks it is given, beats, commits positions and reads them. Now and then it
//! leaves, or dies and comes back; a static member comes back by the name of its instance.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use weir_core::controller::internal_topic::CONSUMER_OFFSETS;
use weir_core::group::{
    Command, Commit, FetchOffsets, Generation, GroupError, GroupId, Heartbeat, InstanceId, Join, Joined,
    Leave, Leaver, MemberId, PartitionCommit, Protocol, Reply as Answer, Sync, TopicCommit, WantedTopic,
};
use weir_model::{BrokerId, DurationMs, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

use super::Part;
use super::lookup::look_up;
use crate::world::World;
use crate::world::message::{Reply, Request};

/// How many tasks the members share.
pub(crate) const TASKS: u8 = 5;
pub(crate) const GROUP: &str = "workers";
const LIMIT: Duration = Duration::from_secs(2);
/// A join waits for the others.
const REBALANCE: Duration = Duration::from_secs(8);

/// One member.
struct Member {
    world: Arc<World>,
    part: Part,
    instance: Option<InstanceId>,
    id: MemberId,
    generation: Generation,
    coordinator: Option<BrokerId>,
    tasks: Vec<u8>,
}

/// Works until `halt`; without mischief from `calm` on.
pub async fn work_in_group(
    world: Arc<World>,
    place: i32,
    calm: watch::Receiver<bool>,
    halt: watch::Receiver<bool>,
) {
    let is_static = place % 2 == 0;
    let mut member = Member {
        part: Part { place, topic: CONSUMER_OFFSETS.to_owned(), partition: 0 },
        world,
        instance: is_static.then(|| InstanceId::from(format!("instance{place}").as_str())),
        id: MemberId::default(),
        generation: Generation::NONE,
        coordinator: None,
        tasks: Vec::new(),
    };
    while !*halt.borrow() {
        member.let_go();
        if member.coordinator.is_none() {
            member.find().await;
        }
        if member.enter().await {
            member.live(&calm, &halt).await;
        } else {
            let pause = member.world.chance().millis(20..200);
            tokio::time::sleep(pause).await;
        }
    }
}

impl Member {
    fn let_go(&mut self) {
        self.tasks.clear();
        self.world.checks.seen().membership.let_go(self.part.place);
    }

    /// What stays the same of it.
    fn name(&self) -> String {
        self.instance.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }

    async fn find(&mut self) {
        let known = look_up(&self.world, &self.part, None).await;
        self.coordinator = known.and_then(|known| known.leader);
    }

    async fn ask(&mut self, command: Command, limit: Duration) -> Option<Result<Answer, GroupError>> {
        let to = self.coordinator?.0;
        let asked = Request::Group(Box::new(command));
        match self.world.net.call(&self.world, self.part.place, to, asked, limit).await {
            Ok(Reply::Group(answer)) => Some(answer),
            _ => {
                self.coordinator = None;
                None
            }
        }
    }

    /// Joins and takes its tasks; false when that has to be tried again.
    async fn enter(&mut self) -> bool {
        let Some(joined) = self.join().await else { return false };
        self.id = joined.member.clone();
        self.generation = joined.generation;
        let leads = joined.leader == joined.member;
        let assignments = if leads { share_out(&joined) } else { Vec::new() };
        let command = Command::Sync(Sync {
            group: GroupId::from(GROUP),
            member: self.id.clone(),
            instance: self.instance.clone(),
            generation: self.generation,
            protocol_type: None,
            protocol: None,
            assignments,
        });
        match self.ask(command, REBALANCE).await {
            Some(Ok(Answer::Sync(Ok(synced)))) => {
                self.tasks = synced.assignment.to_vec();
                let (place, name, generation) = (self.part.place, self.name(), self.generation.0);
                self.world.trace.note(place, "works", format_args!("{name} {generation} {:?}", self.tasks));
                let mut seen = self.world.checks.seen();
                let checked = seen.membership.assigned(place, &name, generation, &self.tasks);
                drop(seen);
                self.judge(checked);
                true
            }
            Some(Ok(Answer::Sync(Err(why))) | Err(why)) => {
                self.refused(why);
                false
            }
            _ => false,
        }
    }

    async fn join(&mut self) -> Option<Joined> {
        let protocol = Protocol { name: "range".into(), metadata: Bytes::from_static(b"m") };
        let command = Command::Join(Join {
            group: GroupId::from(GROUP),
            member: self.id.clone(),
            instance: self.instance.clone(),
            client_id: "sim".into(),
            client_host: "/sim".into(),
            session_timeout: DurationMs(5000),
            rebalance_timeout: DurationMs(4000),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            requires_known_member_id: true,
            supports_skipping_assignment: false,
        });
        match self.ask(command, REBALANCE).await? {
            Ok(Answer::Join(Ok(joined))) => Some(joined),
            Ok(Answer::Join(Err(refused))) if refused.error == GroupError::MemberIdRequired => {
                self.id = refused.member;
                None
            }
            Ok(Answer::Join(Err(refused))) => {
                self.refused(refused.error);
                None
            }
            Err(why) => {
                self.refused(why);
                None
            }
            Ok(_) => None,
        }
    }

    fn refused(&mut self, why: GroupError) {
        match why {
            GroupError::NotCoordinator | GroupError::CoordinatorNotAvailable => self.coordinator = None,
            GroupError::UnknownMemberId | GroupError::FencedInstanceId => {
                (self.id, self.generation) = (MemberId::default(), Generation::NONE);
            }
            _ => {}
        }
    }

    fn judge(&self, checked: Result<(), String>) {
        if let Err(what) = checked {
            self.world.violation(format!("group: {what}"));
        }
    }

    /// Works in its generation until that is over.
    async fn live(&mut self, calm: &watch::Receiver<bool>, halt: &watch::Receiver<bool>) {
        while !*halt.borrow() {
            let (pause, what) = {
                let mut chance = self.world.chance();
                (chance.millis(100..600), chance.below(40))
            };
            tokio::time::sleep(pause).await;
            let is_calm = *calm.borrow();
            let well = match what {
                0 if !is_calm => {
                    self.leave().await;
                    return;
                }
                1 if !is_calm => {
                    self.die().await;
                    return;
                }
                2..16 if !is_calm || what == 2 => self.commit().await,
                16..22 => self.fetch().await,
                _ => self.beat().await,
            };
            if !well {
                return;
            }
        }
    }

    async fn beat(&mut self) -> bool {
        let newest = self.world.checks.seen().membership.newest();
        let command = Command::Heartbeat(Heartbeat {
            group: GroupId::from(GROUP),
            member: self.id.clone(),
            instance: self.instance.clone(),
            generation: self.generation,
        });
        match self.ask(command, LIMIT).await {
            Some(Ok(Answer::Heartbeat(Ok(())))) => {
                self.confirmed(newest);
                true
            }
            Some(Ok(Answer::Heartbeat(Err(why))) | Err(why)) => {
                self.refused(why);
                matches!(why, GroupError::NotCoordinator | GroupError::CoordinatorNotAvailable)
                    && self.again().await
            }
            _ => self.again().await,
        }
    }

    fn confirmed(&self, newest: i32) {
        let checked = self.world.checks.seen().membership.confirmed(&self.name(), self.generation.0, newest);
        self.judge(checked);
    }

    /// Nobody said that the generation is over: it goes on with whoever coordinates now.
    async fn again(&mut self) -> bool {
        self.find().await;
        true
    }

    async fn commit(&mut self) -> bool {
        let task = self.world.chance().pick(&self.tasks).copied();
        let Some(task) = task else { return self.beat().await };
        let (position, newest) = {
            let mut seen = self.world.checks.seen();
            (seen.membership.next_position(task), seen.membership.newest())
        };
        let Ok(topic) = TopicName::new("orders") else { return false };
        let partition = PartitionCommit {
            partition: PartitionIndex(i32::from(task)),
            offset: Offset(position),
            leader_epoch: LeaderEpoch::NONE,
            metadata: "".into(),
        };
        let command = Command::Commit(Commit {
            group: GroupId::from(GROUP),
            member: self.id.clone(),
            instance: self.instance.clone(),
            generation: self.generation,
            unknown_group_is_illegal_generation: false,
            retention: None,
            topics: vec![TopicCommit { topic, topic_id: TopicId::ZERO, partitions: vec![partition] }],
        });
        match self.ask(command, LIMIT).await {
            Some(Ok(Answer::Commit(Ok(outcomes)))) => {
                let done = outcomes.iter().all(|topic| topic.partitions.iter().all(|(_, done)| done.is_ok()));
                if done {
                    self.world.checks.seen().membership.committed(task, position);
                    self.confirmed(newest);
                }
                true
            }
            Some(Ok(Answer::Commit(Err(why))) | Err(why)) => {
                self.refused(why);
                matches!(why, GroupError::NotCoordinator | GroupError::CoordinatorNotAvailable)
                    && self.again().await
            }
            _ => self.again().await,
        }
    }

    async fn fetch(&mut self) -> bool {
        let task = u8::try_from(self.world.chance().below(u64::from(TASKS))).unwrap_or(0);
        let least = self.world.checks.seen().membership.greatest(task);
        let Ok(topic) = TopicName::new("orders") else { return false };
        let partitions = vec![PartitionIndex(i32::from(task))];
        let asked = FetchOffsets {
            group: GroupId::from(GROUP),
            topics: Some(vec![WantedTopic { topic, topic_id: TopicId::ZERO, partitions }]),
            require_stable: true,
        };
        let Some(to) = self.coordinator else { return self.again().await };
        let answer =
            self.world.net.call(&self.world, self.part.place, to.0, Request::Offsets(asked), LIMIT).await;
        let Ok(Reply::Offsets(Ok(topics))) = answer else { return self.again().await };
        for (_, found) in topics.into_iter().flat_map(|topic| topic.partitions) {
            let Ok(found) = found else { continue };
            let position = found.map_or(0, |found| found.offset.0);
            let checked = self.world.checks.seen().membership.fetched(task, position, least);
            self.judge(checked);
        }
        true
    }

    async fn leave(&mut self) {
        self.let_go();
        let leaver = Leaver { member: self.id.clone(), instance: self.instance.clone() };
        let command = Command::Leave(Leave { group: GroupId::from(GROUP), members: vec![leaver] });
        let _ = self.ask(command, LIMIT).await;
        (self.id, self.generation) = (MemberId::default(), Generation::NONE);
        let pause = self.world.chance().millis(100..3000);
        tokio::time::sleep(pause).await;
    }

    /// The process dies without a word, and another one starts in its place.
    async fn die(&mut self) {
        self.let_go();
        (self.id, self.generation) = (MemberId::default(), Generation::NONE);
        let pause = self.world.chance().millis(50..6000);
        tokio::time::sleep(pause).await;
    }
}

/// Everybody's tasks, by turns.
fn share_out(joined: &Joined) -> Vec<(MemberId, Bytes)> {
    let count = joined.members.len().max(1);
    let tasks = |at: usize| (0..TASKS).filter(|task| usize::from(*task) % count == at).collect::<Vec<u8>>();
    joined.members.iter().enumerate().map(|(at, m)| (m.member.clone(), tasks(at).into())).collect()
}
