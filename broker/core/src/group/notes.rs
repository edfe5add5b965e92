//! What happened to groups, for the server's log and counters. The coordinator itself logs nothing; whoever owns it takes
//! the notes after each decision. They decide nothing, and are dropped beyond a bound if nobody takes them.

use super::ids::{Generation, GroupId, MemberId};

/// Notes that are kept for whoever does not take them.
const KEPT: usize = 1_024;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Members must join again.
    RebalanceStarted {
        /// The group.
        group: GroupId,
        /// The generation that ends.
        generation: Generation,
        /// The cause.
        why: Why,
    },
    /// The join phase closed; the leader is to assign.
    GenerationFormed {
        /// The group.
        group: GroupId,
        /// The new generation.
        generation: Generation,
        /// How many are in it.
        members: usize,
    },
    /// A member lost its place without having asked for it.
    MemberDropped {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// The cause.
        why: Dropped,
    },
}

/// Why a rebalance started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A newcomer.
    MemberJoined(MemberId),
    /// A member came back with other protocols or metadata, or, being the leader, wants to assign anew.
    MemberRejoined(MemberId),
    /// Members left, or were removed by an administrator.
    MembersLeft,
    /// Members were dropped.
    MembersDropped,
    /// The group was loaded with more members than are allowed.
    AboveMaxSize,
    /// The assignment could not be written.
    AppendFailed,
}

/// Why a member was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It was silent for a session.
    SessionOver,
    /// It did not join within the rebalance timeout.
    LateJoin,
    /// It did not ask for its assignment within the rebalance timeout.
    LateSync,
    /// Another process took over its instance id.
    Fenced,
}

#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn add(&mut self, notes: Vec<Note>) {
        let room = KEPT.saturating_sub(self.0.len());
        self.0.extend(notes.into_iter().take(room));
    }

    pub(super) fn take(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.0)
    }
}
