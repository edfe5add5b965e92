//! Consumer groups of the classic protocol: one [`Groups`] is the coordinator of one partition of `__consumer_offsets`.
//!
//! **What is true when.** There are two states. The *committed* one (`committed.rs`) is a function of the log: groups at
//! their last completed rebalance, and offsets. Only [`Groups::apply`] changes it, record by record, and a record is the
//! newest value of its key, so leader, follower, restart and a compacted log all come to the same value. The *soft* one
//! (`live.rs`) is the join phase and the clocks: parked requests, pending ids, session ends, the roster of a rebalance in
//! progress. It is made by decisions, never written, and dies with the leadership.
//!
//! **How they meet.** A rebalance is soft until the leader's SyncGroup. The generation number it hands out is not in the
//! log yet, but nobody holds an assignment in it, and a coordinator that is elected meanwhile goes on from the last
//! generation with its members: those of the lost one are told `IllegalGeneration` or `UnknownMemberId` and join again.
//! The leader's SyncGroup makes one record of the whole generation, and answers to all who wait; the record is applied
//! right after the local append, and that, not the decision, ends the phase: `Stable` and `Empty` are entered only by
//! `apply`, so in them roster and log can not differ. The answers leave when the record is committed. Requests that come
//! in between are decided on the applied state, and their answers wait for the same commit, because the server holds every
//! reply until all that was in the log at its decision is committed. So no member ever acts on a generation that could be
//! lost. If the append fails, nothing was applied: [`Groups::append_failed`] turns the decision's answers into retriable
//! errors, reopens the join phase (or restores the roster from the log, when a static member was being replaced), and
//! retries an empty group's record after a second. If the leadership is lost after the append, [`Groups::resign`] answers
//! whatever is parked, the server fails the replies it holds back, and the state is what the log turns out to be.
//!
//! **The rules for the server.** One owner calls. After `decide` or `tick`, before any other call: append all records as
//! one batch and `apply` each, or call `append_failed` with the whole decision. `tick` until it returns `None`, and again
//! at `next_deadline`. Replies to reads ([`Groups::describe`], …) wait for the commit like any other.
//!
//! It must never read a clock, choose at random, know the wire, or interpret metadata and assignments (with the one
//! exception in `subscription.rs`).

mod admit;
mod command;
mod committed;
mod config;
mod deadlines;
mod delete;
mod describe;
mod error;
mod heartbeat;
mod ids;
mod join;
mod leave;
mod list;
mod live;
mod notes;
mod offsets;
mod rebalance;
pub mod records;
mod refusal;
mod reply;
mod session;
mod shard;
mod static_member;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::BTreeSet;

use uuid::Uuid;
use weir_model::{Millis, PartitionIndex, TopicName};

pub use command::{
    Command, Commit, DeleteOffsets, FetchOffsets, Heartbeat, Join, Leave, Leaver, PartitionCommit, Protocol,
    Sync, TopicCommit, WantedTopic,
};
pub use committed::Committed;
pub use config::GroupConfig;
pub use error::{AppendFailure, GroupError};
pub use ids::{Generation, GroupId, InstanceId, MemberId, Now, ProtocolName, ProtocolType, Token};
pub use list::GROUP_TYPE;
pub use notes::{Dropped, Note, Why};
pub use records::{CommittedOffset, Record};
pub use reply::{
    Decision, DescribedMember, Description, FetchedOffset, FetchedTopic, GroupState, JoinRefused, Joined,
    JoinedMember, Left, Listed, Reply, Synced, TopicOutcome,
};
pub use shard::shard_for;

use live::{Live, LiveGroup, Phase};
use notes::Notes;
use offsets::expiry::Sweep;
use turn::Turn;

/// The coordinator of one shard. Made empty, filled by `apply`, put to work by `on_elected`.
#[derive(Debug)]
pub struct Groups {
    config: GroupConfig,
    committed: Committed,
    live: Live,
    /// Set while this broker coordinates.
    sweep: Option<Sweep>,
    notes: Notes,
}

impl Groups {
    /// A shard of which nothing is known yet, and which this broker does not coordinate yet.
    #[must_use]
    pub fn new(config: GroupConfig) -> Self {
        Self {
            config,
            committed: Committed::default(),
            live: Live::default(),
            sweep: None,
            notes: Notes::default(),
        }
    }

    /// What the log says; for comparing with a replay.
    #[must_use]
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    /// New settings, obeyed from the next decision on.
    pub fn configure(&mut self, config: GroupConfig) {
        self.config = config;
    }

    /// The only mutator of replicated state, on leaders, on followers and in replay alike.
    pub fn apply(&mut self, record: &Record) {
        self.committed.apply(record);
        if let Record::Group { group, .. } = record {
            self.live.settle(group, self.committed.meta(group));
        }
    }

    /// This broker coordinates the shard from now on; the log was replayed to its end. Every member gets a whole session
    /// to show that it lives.
    pub fn on_elected(&mut self, now: Now) {
        self.sweep = Some(Sweep::starting(now, &self.config));
        let mut loaded = Vec::new();
        for (id, group) in self.committed.iter() {
            if let Some(meta) = group.meta.as_ref().filter(|m| !m.members.is_empty()) {
                loaded.push(LiveGroup::load(id, meta, &self.config, now.steady));
            }
        }
        for group in loaded {
            let oversized = group.members().len() > self.config.max_size;
            // Nobody waits yet, so opening the join phase decides nothing that would have to be written or answered.
            let _ = self.turn(group, now, |group, turn| {
                if oversized {
                    rebalance::prepare(group, Why::AboveMaxSize, turn);
                }
            });
        }
    }

    /// This broker coordinates the shard no longer: everybody who waits is told.
    #[must_use = "the parked requests must be answered"]
    pub fn resign(&mut self) -> Vec<(Token, Reply)> {
        self.sweep = None;
        let mut replies = Vec::new();
        for group in self.live.drain() {
            for (id, member) in group.members() {
                let refused = JoinRefused { error: GroupError::NotCoordinator, member: id.clone() };
                replies.extend(member.joining().map(|token| (token, Reply::Join(Err(refused)))));
                let refused = Reply::Sync(Err(GroupError::NotCoordinator));
                replies.extend(member.syncing.map(|token| (token, refused)));
            }
        }
        replies
    }

    /// Decides one command. Parks JoinGroup and SyncGroup under `token` when they must wait; everything else is answered
    /// in the decision. `new_id` is asked for the random part of a new member's id.
    pub fn decide(
        &mut self,
        token: Token,
        command: Command,
        now: Now,
        new_id: &mut dyn FnMut() -> Uuid,
    ) -> Decision {
        if self.sweep.is_none() {
            return Decision::reply(token, command.refused(GroupError::NotCoordinator));
        }
        match command {
            Command::Join(join) => self.join(token, join, now, new_id),
            Command::Sync(sync) => self.with_group(token, &sync.group.clone(), Command::Sync(sync), now),
            Command::Heartbeat(beat) => {
                self.with_group(token, &beat.group.clone(), Command::Heartbeat(beat), now)
            }
            Command::Leave(leave) => self.with_group(token, &leave.group.clone(), Command::Leave(leave), now),
            Command::DeleteOffsets(delete) => {
                self.with_group(token, &delete.group.clone(), Command::DeleteOffsets(delete), now)
            }
            Command::Commit(commit) => self.commit(token, commit, now),
            Command::DeleteGroups(groups) => self.delete_groups(token, groups),
        }
    }

    /// Lets one thing happen that is due; `None` when nothing is.
    pub fn tick(&mut self, now: Now) -> Option<Decision> {
        let sweep = self.sweep.as_mut()?;
        if let Some((at, id)) = self.live.agenda().next()
            && at <= now.steady
        {
            let id = id.clone();
            let group = self.live.take(&id)?;
            return Some(self.turn(group, now, deadlines::fire));
        }
        if sweep.next_at() > now.steady {
            return None;
        }
        let records = sweep.step(&self.committed, |id| self.live.get(id), &self.config, now);
        Some(Decision { records, replies: Vec::new() })
    }

    /// When (on the steady clock) `tick` may next have something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let sweep = self.sweep.as_ref()?.next_at();
        Some(self.live.agenda().next().map_or(sweep, |(at, _)| at.min(sweep)))
    }

    /// The decision's records are not in the log. Undoes what was prepared for them and says what to answer instead.
    #[must_use = "the requests must be answered"]
    pub fn append_failed(
        &mut self,
        decision: Decision,
        failure: AppendFailure,
        now: Now,
    ) -> Vec<(Token, Reply)> {
        let error = GroupError::from(failure);
        let groups: BTreeSet<GroupId> = (decision.records.iter())
            .filter(|r| matches!(r, Record::Group { meta: Some(_), .. }))
            .map(|r| r.group().clone())
            .collect();
        let mut replies: Vec<_> =
            decision.replies.into_iter().map(|(t, reply)| (t, reply.failed(error))).collect();
        for id in groups {
            replies.extend(self.undo(&id, now));
        }
        replies
    }

    /// The tombstones of all offsets for topics that were deleted, to be appended and applied like any decision's.
    pub fn forget_topics(&self, topics: &BTreeSet<TopicName>) -> Decision {
        Decision { records: offsets::delete::of_topics(&self.committed, topics), replies: Vec::new() }
    }

    /// What happened since the last call, for the log and the counters.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.notes.take()
    }

    /// OffsetFetch, for one group.
    pub fn fetch_offsets(&self, request: &FetchOffsets) -> Result<Vec<FetchedTopic>, GroupError> {
        self.coordinating()?;
        Ok(offsets::fetch::fetch(self.committed.get(&request.group), request))
    }

    /// DescribeGroups, for one group. `GroupIdNotFound` is an error from version 6 on; before, it is a group in the state
    /// `Dead`.
    pub fn describe(&self, group: &GroupId) -> Result<Description, GroupError> {
        self.coordinating()?;
        describe::describe(&self.committed, &self.live, group)
    }

    /// ListGroups, for this shard. Empty filters let everything through.
    pub fn list(&self, states: &[&str], types: &[&str]) -> Result<Vec<Listed>, GroupError> {
        self.coordinating()?;
        Ok(list::list(&self.committed, &self.live, states, types))
    }

    /// Every committed offset of every group, for whoever measures how far behind they are.
    pub fn positions(
        &self,
    ) -> Result<impl Iterator<Item = (&GroupId, &TopicName, PartitionIndex, &CommittedOffset)>, GroupError>
    {
        self.coordinating()?;
        Ok(self.committed.positions())
    }

    fn coordinating(&self) -> Result<(), GroupError> {
        if self.sweep.is_some() { Ok(()) } else { Err(GroupError::NotCoordinator) }
    }

    fn join(&mut self, token: Token, join: Join, now: Now, new_id: &mut dyn FnMut() -> Uuid) -> Decision {
        let refuse = |error, join: Join| Decision::reply(token, Command::Join(join).refused(error));
        if let Err(error) = join::precheck(&join, &self.config) {
            return refuse(error, join);
        }
        let group = match self.open(&join.group) {
            Some(group) => group,
            None if join.member.is_empty() => LiveGroup::empty(&join.group, None),
            None => return refuse(GroupError::UnknownMemberId, join),
        };
        self.turn(group, now, |group, turn| join::join(group, token, join, new_id, turn))
    }

    fn commit(&mut self, token: Token, commit: Commit, now: Now) -> Decision {
        let group = match (self.open(&commit.group), offsets::commit::check_absent(&commit)) {
            (Some(group), _) => group,
            (None, Ok(())) => LiveGroup::empty(&commit.group, None),
            (None, Err(error)) => return Decision::reply(token, Reply::Commit(Err(error))),
        };
        self.turn(group, now, |group, turn| {
            let outcome = offsets::commit::commit(group, commit, turn);
            turn.reply(token, Reply::Commit(outcome));
        })
    }

    /// The commands that need a group to be there.
    fn with_group(&mut self, token: Token, id: &GroupId, command: Command, now: Now) -> Decision {
        if id.is_empty() {
            return Decision::reply(token, command.refused(GroupError::InvalidGroupId));
        }
        let Some(group) = self.open(id) else {
            return Decision::reply(token, command.into_nobody());
        };
        self.turn(group, now, |group, turn| match command {
            Command::Sync(request) => sync::sync(group, token, &request, turn),
            Command::Heartbeat(beat) => {
                let outcome = heartbeat::heartbeat(group, &beat, turn);
                turn.reply(token, Reply::Heartbeat(outcome));
            }
            Command::Leave(request) => {
                let left = leave::leave(group, request, turn);
                turn.reply(token, Reply::Leave(Ok(left)));
            }
            Command::DeleteOffsets(request) => {
                let outcome = offsets::delete::delete(group, request, turn);
                turn.reply(token, Reply::DeleteOffsets(outcome));
            }
            other @ (Command::Join(_) | Command::Commit(_) | Command::DeleteGroups(_)) => {
                turn.reply(token, other.into_nobody());
            }
        })
    }

    fn delete_groups(&self, token: Token, groups: Vec<GroupId>) -> Decision {
        let mut records = Vec::new();
        let mut outcomes = Vec::with_capacity(groups.len());
        for id in groups {
            let outcome = delete::delete(&self.committed, &self.live, &id).map(|found| records.extend(found));
            outcomes.push((id, outcome));
        }
        Decision { records, replies: vec![(token, Reply::DeleteGroups(outcomes))] }
    }

    fn undo(&mut self, id: &GroupId, now: Now) -> Vec<(Token, Reply)> {
        let Some(group) = self.live.take(id) else { return Vec::new() };
        let decision = match (group.phase, self.committed.meta(id)) {
            (Phase::Stable, Some(meta)) => {
                let restored = LiveGroup::reload(group, meta, &self.config, now.steady);
                self.turn(restored, now, |_, _| ())
            }
            (Phase::Completing, _) => {
                self.turn(group, now, |group, turn| rebalance::prepare(group, Why::AppendFailed, turn))
            }
            (Phase::Empty | Phase::Preparing { .. } | Phase::Stable, _) => self.turn(group, now, |_, _| ()),
        };
        decision.replies
    }

    /// The group's soft state, out of the store, if the group exists.
    fn open(&mut self, id: &GroupId) -> Option<LiveGroup> {
        let known = self.committed.get(id);
        self.live.take(id).or_else(|| known.map(|group| LiveGroup::empty(id, group.meta.as_ref())))
    }

    /// Lets `act` work on the group, and puts it back.
    fn turn(
        &mut self,
        mut group: LiveGroup,
        now: Now,
        act: impl FnOnce(&mut LiveGroup, &mut Turn<'_>),
    ) -> Decision {
        let pending_elsewhere = self.live.pending_members();
        let committed = &self.committed;
        let mut turn = Turn {
            config: &self.config,
            committed,
            now,
            pending_elsewhere,
            out: Decision::default(),
            notes: Vec::new(),
        };
        act(&mut group, &mut turn);
        let Turn { out: decision, notes, .. } = turn;
        self.live.put(group);
        self.notes.add(notes);
        decision
    }
}
