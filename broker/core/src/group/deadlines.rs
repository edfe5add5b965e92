//! Time as data: which group has something due, and what falls due in it, one event at a time. Decides the order in which
//! late events fire. Must never read a clock.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::Millis;

use super::ids::{GroupId, MemberId};
use super::live::{LiveGroup, Phase};
use super::turn::Turn;
use super::{rebalance, session};

/// The groups by the earliest time something can be due in them. An entry may be early, never late: a heartbeat moves a
/// deadline back without touching the entry, and the first visit in vain corrects it.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    by_time: BTreeSet<(Millis, GroupId)>,
    by_group: BTreeMap<GroupId, Millis>,
}

impl Agenda {
    pub(super) fn file(&mut self, group: &GroupId, at: Option<Millis>) {
        if self.by_group.get(group).copied() == at {
            return;
        }
        if let Some(old) = self.by_group.remove(group) {
            self.by_time.remove(&(old, group.clone()));
        }
        if let Some(at) = at {
            self.by_group.insert(group.clone(), at);
            self.by_time.insert((at, group.clone()));
        }
    }

    pub(super) fn next(&self) -> Option<(Millis, &GroupId)> {
        self.by_time.first().map(|(at, group)| (*at, group))
    }
}

/// What can fall due. The order breaks ties: a join phase is closed before sessions of the same instant end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    JoinPhaseOver,
    SyncPhaseOver,
    PendingMemberGone(MemberId),
    SessionOver(MemberId),
}

/// Lets the group's earliest event happen if it is due, and files the group's next visit.
pub(super) fn fire(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    if let Some((at, event)) = earliest(group)
        && at <= turn.now.steady
    {
        match event {
            Event::JoinPhaseOver => rebalance::join_phase_over(group, turn),
            Event::SyncPhaseOver => rebalance::sync_phase_over(group, turn),
            Event::PendingMemberGone(member) => session::pending_member_gone(group, &member, turn),
            Event::SessionOver(member) => session::over(group, &member, turn),
        }
    }
    group.wake_at = earliest(group).map(|(at, _)| at);
}

fn earliest(group: &LiveGroup) -> Option<(Millis, Event)> {
    let join = match group.phase {
        Phase::Preparing { deadline, .. } => deadline,
        Phase::Empty | Phase::Completing | Phase::Stable => None,
    };
    let phases =
        [join.map(|at| (at, Event::JoinPhaseOver)), group.sync_deadline.map(|at| (at, Event::SyncPhaseOver))];
    let pending = group.pending.iter().min_by_key(|(_, at)| **at);
    let session = group.members().iter().filter_map(|(id, m)| Some((m.session_ends?, id))).min();
    let gone = pending.map(|(id, at)| (*at, Event::PendingMemberGone(id.clone())));
    let over = session.map(|(at, id)| (at, Event::SessionOver(id.clone())));
    phases.into_iter().chain([gone, over]).flatten().min()
}
