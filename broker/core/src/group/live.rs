//! The soft state: who waits, who is pending, whose session ends when, and the roster of a rebalance in progress. It is
//! never written to the log and dies with the leadership. Decisions change it; `settle`, called by `apply`, is the only
//! way into the phases `Stable` and `Empty`, so those two always mean "as the log says".

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weir_model::{DurationMs, Millis};

use super::command::Protocol;
use super::config::GroupConfig;
use super::deadlines::Agenda;
use super::ids::{Generation, GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, Token};
use super::records::{GroupMeta, MemberMeta, Profile};
use super::reply::{GroupState, JoinedMember};

/// The groups of a shard that have members, pending members or a rebalance. Others live in the log's state alone.
#[derive(Debug, Default)]
pub(super) struct Live {
    groups: BTreeMap<GroupId, LiveGroup>,
    agenda: Agenda,
    pending_members: usize,
}

/// One group's soft state.
#[derive(Debug)]
pub(super) struct LiveGroup {
    pub(super) id: GroupId,
    pub(super) phase: Phase,
    /// The current generation: the log's, or, in `Completing`, one more, which nobody has an assignment of yet.
    pub(super) generation: Generation,
    pub(super) protocol_type: Option<ProtocolType>,
    pub(super) protocol: Option<ProtocolName>,
    pub(super) leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    static_members: BTreeMap<InstanceId, MemberId>,
    /// Ids that were handed out and not joined with yet, and when each is forgotten.
    pub(super) pending: BTreeMap<MemberId, Millis>,
    /// Members of this generation that have not asked for their assignment yet.
    pub(super) unsynced: BTreeSet<MemberId>,
    pub(super) sync_deadline: Option<Millis>,
    joining: usize,
    /// No event of this group is due before this.
    pub(super) wake_at: Option<Millis>,
}

/// Where the group is between two generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No members, as the log says.
    Empty,
    /// Members are being collected.
    Preparing {
        /// When to go on without those who are missing.
        deadline: Option<Millis>,
        /// Set in a group's first rebalance, which waits for company even when everybody known is there.
        initial: Option<InitialDelay>,
    },
    /// Everybody knows the new generation; the leader's assignment is awaited.
    Completing,
    /// Members and assignments are as the log says.
    Stable,
}

/// The first rebalance's wait: it is prolonged, in steps, while new members keep coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitialDelay {
    pub(super) step: DurationMs,
    pub(super) remaining: DurationMs,
    pub(super) member_added: bool,
}

/// One member of the roster.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) profile: Profile,
    pub(super) protocols: Vec<Protocol>,
    joining: Option<Token>,
    pub(super) syncing: Option<Token>,
    /// Has not got its first answer yet, so it can not send heartbeats.
    pub(super) is_new: bool,
    /// When the session ends; `None` while the member waits for us.
    pub(super) session_ends: Option<Millis>,
    /// Its last session ended unobserved and was prolonged once.
    pub(super) excused: bool,
}

impl Live {
    pub(super) fn get(&self, group: &GroupId) -> Option<&LiveGroup> {
        self.groups.get(group)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &LiveGroup> {
        self.groups.values()
    }

    pub(super) fn agenda(&self) -> &Agenda {
        &self.agenda
    }

    pub(super) fn pending_members(&self) -> usize {
        self.pending_members
    }

    pub(super) fn take(&mut self, group: &GroupId) -> Option<LiveGroup> {
        let group = self.groups.remove(group)?;
        self.pending_members -= group.pending.len();
        Some(group)
    }

    /// Keeps the group if there is anything soft to keep, and files its next deadline.
    pub(super) fn put(&mut self, group: LiveGroup) {
        if group.phase == Phase::Empty && group.pending.is_empty() {
            self.agenda.file(&group.id, None);
            return;
        }
        self.pending_members += group.pending.len();
        self.agenda.file(&group.id, group.wake_at);
        self.groups.insert(group.id.clone(), group);
    }

    /// Follows the log: called by `apply` for every group record while this broker coordinates.
    pub(super) fn settle(&mut self, id: &GroupId, meta: Option<&GroupMeta>) {
        if let Some(mut group) = self.take(id) {
            group.settle(meta);
            self.put(group);
        }
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = LiveGroup> + use<> {
        self.agenda = Agenda::default();
        self.pending_members = 0;
        std::mem::take(&mut self.groups).into_values()
    }
}

impl LiveGroup {
    /// A group without members, at the log's generation if it has one.
    pub(super) fn empty(id: &GroupId, meta: Option<&GroupMeta>) -> Self {
        Self {
            id: id.clone(),
            phase: Phase::Empty,
            generation: meta.map_or(Generation(0), |m| m.generation),
            protocol_type: meta.and_then(|m| m.protocol_type.clone()),
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            sync_deadline: None,
            joining: 0,
            wake_at: None,
        }
    }

    /// A stable group as the log says, every session starting anew. A member speaks only the protocol in use, for the
    /// log does not tell what else it could.
    pub(super) fn load(id: &GroupId, meta: &GroupMeta, config: &GroupConfig, now: Millis) -> Self {
        let mut group = Self::empty(id, Some(meta));
        for (member_id, member) in &meta.members {
            let protocol = Protocol {
                name: meta.protocol.clone().unwrap_or_default(),
                metadata: member.subscription.clone(),
            };
            let mut profile = member.profile.clone();
            profile.session_timeout =
                profile.session_timeout.clamp(config.min_session_timeout, config.max_session_timeout);
            let protocol_type = meta.protocol_type.clone().unwrap_or_default();
            group.add(member_id.clone(), protocol_type, Member::new(profile, vec![protocol]));
            group.restart_session(member_id, now);
        }
        group.settle(Some(meta));
        group
    }

    /// The group as the log says, after a change of the roster could not be written. Members that stayed keep what they
    /// told us beyond what the log knows. Only for a stable group, where nobody waits for us.
    pub(super) fn reload(before: Self, meta: &GroupMeta, config: &GroupConfig, now: Millis) -> Self {
        let mut group = Self::load(&before.id, meta, config, now);
        for (id, member) in before.members {
            if let Some(restored) = group.members.get_mut(&id) {
                restored.protocols = member.protocols;
            }
        }
        group.unsynced = before.unsynced.into_iter().filter(|id| group.members.contains_key(id)).collect();
        group.sync_deadline = before.sync_deadline.filter(|_| !group.unsynced.is_empty());
        group.sync_deadline.into_iter().for_each(|at| group.wake_by(at));
        group.pending = before.pending;
        before.wake_at.into_iter().for_each(|at| group.wake_by(at));
        group
    }

    fn settle(&mut self, meta: Option<&GroupMeta>) {
        match meta {
            Some(meta) if !meta.members.is_empty() => {
                self.phase = Phase::Stable;
                self.protocol_type.clone_from(&meta.protocol_type);
                self.protocol.clone_from(&meta.protocol);
                self.leader.clone_from(&meta.leader);
            }
            _ => {
                self.phase = Phase::Empty;
                self.protocol = None;
                self.leader = None;
            }
        }
        self.generation = meta.map_or(Generation(0), |m| m.generation);
    }

    pub(super) fn state(&self) -> GroupState {
        match self.phase {
            Phase::Empty => GroupState::Empty,
            Phase::Preparing { .. } => GroupState::PreparingRebalance,
            Phase::Completing => GroupState::CompletingRebalance,
            Phase::Stable => GroupState::Stable,
        }
    }

    pub(super) fn members(&self) -> &BTreeMap<MemberId, Member> {
        &self.members
    }

    pub(super) fn member_mut(&mut self, member: &MemberId) -> Option<&mut Member> {
        self.members.get_mut(member)
    }

    pub(super) fn static_member(&self, instance: &InstanceId) -> Option<&MemberId> {
        self.static_members.get(instance)
    }

    pub(super) fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    pub(super) fn joining(&self) -> usize {
        self.joining
    }

    pub(super) fn everybody_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending.is_empty()
    }

    /// The first member decides the family and leads.
    pub(super) fn add(&mut self, id: MemberId, protocol_type: ProtocolType, member: Member) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type);
        }
        if let Some(instance) = &member.profile.instance {
            self.static_members.insert(instance.clone(), id.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.pending.remove(&id);
        self.joining += usize::from(member.joining.is_some());
        self.members.insert(id, member);
    }

    /// Takes the member off the roster; whoever calls must answer the tokens it holds.
    #[must_use]
    pub(super) fn remove(&mut self, id: &MemberId) -> Option<Member> {
        self.pending.remove(id);
        self.unsynced.remove(id);
        let member = self.members.remove(id)?;
        self.joining -= usize::from(member.joining.is_some());
        if let Some(instance) = &member.profile.instance {
            self.static_members.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// Parks a JoinGroup; an earlier one of the same member is handed back.
    #[must_use]
    pub(super) fn park_join(&mut self, id: &MemberId, token: Token) -> Option<Token> {
        let earlier = self.members.get_mut(id)?.joining.replace(token);
        self.joining += usize::from(earlier.is_none());
        earlier
    }

    /// Takes the parked JoinGroup, to answer it.
    #[must_use]
    pub(super) fn take_join(&mut self, id: &MemberId) -> Option<Token> {
        let token = self.members.get_mut(id)?.joining.take()?;
        self.joining -= 1;
        Some(token)
    }

    pub(super) fn restart_session(&mut self, id: &MemberId, now: Millis) {
        if let Some(member) = self.members.get_mut(id) {
            let end = now + member.profile.session_timeout;
            member.session_ends = Some(end);
            member.excused = false;
            self.wake_by(end);
        }
    }

    /// One more session for a member that may have spoken while nobody listened. Only once, until it is heard again.
    pub(super) fn excuse(&mut self, id: &MemberId, now: Millis) {
        self.restart_session(id, now);
        self.members.get_mut(id).into_iter().for_each(|member| member.excused = true);
    }

    pub(super) fn wake_by(&mut self, deadline: Millis) {
        self.wake_at = Some(self.wake_at.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    /// The longest that any member asked a rebalance to wait.
    pub(super) fn rebalance_timeout(&self) -> DurationMs {
        self.members.values().map(|m| m.profile.rebalance_timeout).max().unwrap_or_default()
    }

    /// The roster as the leader of a generation gets it.
    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let members = self.members.iter().map(|(id, member)| JoinedMember {
            member: id.clone(),
            instance: member.profile.instance.clone(),
            metadata: member.metadata(self.protocol.as_ref()),
        });
        members.collect()
    }

    /// The roster as it is written, each member with its part of `assignments`.
    pub(super) fn to_meta(&self, assignments: &BTreeMap<&MemberId, &Bytes>, wall: Millis) -> GroupMeta {
        let members = self.members.iter().map(|(id, member)| {
            let assignment = assignments.get(id).map_or_else(Bytes::new, |a| Bytes::clone(a));
            let subscription = member.metadata(self.protocol.as_ref());
            (id.clone(), MemberMeta { profile: member.profile.clone(), subscription, assignment })
        });
        GroupMeta {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_since: Some(wall),
            members: members.collect(),
        }
    }
}

impl Member {
    pub(super) fn new(profile: Profile, protocols: Vec<Protocol>) -> Self {
        Self {
            profile,
            protocols,
            joining: None,
            syncing: None,
            is_new: false,
            session_ends: None,
            excused: false,
        }
    }

    /// A member that waits in its first JoinGroup.
    pub(super) fn arriving(profile: Profile, protocols: Vec<Protocol>, token: Token) -> Self {
        Self { joining: Some(token), is_new: true, ..Self::new(profile, protocols) }
    }

    pub(super) fn joining(&self) -> Option<Token> {
        self.joining
    }

    pub(super) fn is_static(&self) -> bool {
        self.profile.instance.is_some()
    }

    pub(super) fn speaks(&self, protocol: &ProtocolName) -> bool {
        self.protocols.iter().any(|p| p.name == *protocol)
    }

    pub(super) fn metadata(&self, protocol: Option<&ProtocolName>) -> Bytes {
        let found = self.protocols.iter().find(|p| Some(&p.name) == protocol);
        found.map_or_else(Bytes::new, |p| p.metadata.clone())
    }
}
