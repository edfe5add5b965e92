//! Decides who belongs to a group and who no longer does: identity checks with fencing, expulsion, the end of a session.

use weir_model::DurationMs;

use super::error::GroupError;
use super::ids::{InstanceId, MemberId};
use super::live::{LiveGroup, Phase};
use super::notes::{Dropped, Why};
use super::rebalance;
use super::reply::Reply;
use super::turn::Turn;

/// Noticing the end of a session this late, the coordinator must have been asleep, and heartbeats may lie unread.
const OVERSLEPT: DurationMs = DurationMs(2_000);

/// Whether the request comes from a member, and, for a static one, from the process that holds the name now.
pub(super) fn check(
    group: &LiveGroup,
    member: &MemberId,
    instance: Option<&InstanceId>,
) -> Result<(), GroupError> {
    if let Some(instance) = instance {
        match group.static_member(instance) {
            None => return Err(GroupError::UnknownMemberId),
            Some(holder) if holder != member => return Err(GroupError::FencedInstanceId),
            Some(_) => {}
        }
    }
    if group.members().contains_key(member) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
}

/// Removes the member and answers whatever it waits for. Says whether there was such a member.
pub(super) fn expel(group: &mut LiveGroup, id: &MemberId, error: GroupError, turn: &mut Turn<'_>) -> bool {
    let Some(member) = group.remove(id) else { return false };
    let answer_with = if error == GroupError::FencedInstanceId { id.clone() } else { MemberId::default() };
    if let Some(token) = member.joining() {
        turn.refuse_join(token, error, answer_with);
    }
    if let Some(token) = member.syncing {
        turn.reply(token, Reply::Sync(Err(error)));
    }
    true
}

/// A handed-out id was not used in time.
pub(super) fn pending_member_gone(group: &mut LiveGroup, id: &MemberId, turn: &mut Turn<'_>) {
    group.pending.remove(id);
    complete_if_it_was_the_last(group, turn);
}

/// A member was silent for too long. One that waits for us is not silent, unless it never got a first answer: then its
/// connection may be long gone and nothing else would tell. Unlike Kafka, a coordinator that was asleep (a stopped process,
/// a paused machine) doubts itself first: nobody is expelled for heartbeats that it did not read.
pub(super) fn over(group: &mut LiveGroup, id: &MemberId, turn: &mut Turn<'_>) {
    let Some(member) = group.member_mut(id) else { return };
    if !member.is_new && (member.joining().is_some() || member.syncing.is_some()) {
        member.session_ends = None;
        return;
    }
    let late = member.session_ends.is_some_and(|end| turn.now.steady.since(end) > OVERSLEPT);
    if late && !member.excused {
        return group.excuse(id, turn.now.steady);
    }
    expel(group, id, GroupError::UnknownMemberId, turn);
    turn.note_dropped(group, id, Dropped::SessionOver);
    match group.phase {
        Phase::Stable | Phase::Completing => rebalance::prepare(group, Why::MembersDropped, turn),
        Phase::Preparing { .. } => complete_if_it_was_the_last(group, turn),
        Phase::Empty => {}
    }
}

fn complete_if_it_was_the_last(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    if matches!(group.phase, Phase::Preparing { .. }) && group.everybody_joined() {
        rebalance::complete(group, turn);
    }
}
