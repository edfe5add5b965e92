//! What every decision about one group gets to see, and where it leaves its outcome.

use super::committed::Committed;
use super::config::GroupConfig;
use super::error::GroupError;
use super::ids::{MemberId, Now, Token};
use super::live::LiveGroup;
use super::notes::{Dropped, Note};
use super::records::{GroupMeta, Record};
use super::reply::{Decision, JoinRefused, Reply};

pub(super) struct Turn<'a> {
    pub(super) config: &'a GroupConfig,
    pub(super) committed: &'a Committed,
    pub(super) now: Now,
    /// Pending members of the shard's other groups.
    pub(super) pending_elsewhere: usize,
    pub(super) out: Decision,
    pub(super) notes: Vec<Note>,
}

impl Turn<'_> {
    pub(super) fn reply(&mut self, token: Token, reply: Reply) {
        self.out.replies.push((token, reply));
    }

    pub(super) fn refuse_join(&mut self, token: Token, error: GroupError, member: MemberId) {
        self.reply(token, Reply::Join(Err(JoinRefused { error, member })));
    }

    pub(super) fn note_dropped(&mut self, group: &LiveGroup, member: &MemberId, why: Dropped) {
        self.notes.push(Note::MemberDropped { group: group.id.clone(), member: member.clone(), why });
    }

    pub(super) fn write_group(&mut self, group: &LiveGroup, meta: GroupMeta) {
        self.out.records.push(Record::Group { group: group.id.clone(), meta: Some(meta) });
    }
}
