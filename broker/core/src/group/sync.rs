//! SyncGroup: the leader's brings the assignments, which are written and make the generation stable; a follower's waits
//! for that, or is answered from the log's state if it comes later.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::command::Sync;
use super::error::GroupError;
use super::ids::{MemberId, Token};
use super::live::{LiveGroup, Phase};
use super::reply::{Reply, Synced};
use super::session;
use super::turn::Turn;

pub(super) fn sync(group: &mut LiveGroup, token: Token, sync: &Sync, turn: &mut Turn<'_>) {
    if let Err(error) = check(group, sync) {
        return turn.reply(token, Reply::Sync(Err(error)));
    }
    match group.phase {
        Phase::Empty => turn.reply(token, Reply::Sync(Err(GroupError::UnknownMemberId))),
        Phase::Preparing { .. } => turn.reply(token, Reply::Sync(Err(GroupError::RebalanceInProgress))),
        Phase::Completing => {
            park(group, token, &sync.member, turn);
            if group.is_leader(&sync.member) {
                assign(group, &sync.assignments, turn);
            }
        }
        Phase::Stable => {
            heard_from(group, &sync.member);
            let assignment = committed_assignment(group, &sync.member, turn);
            turn.reply(token, Reply::Sync(Ok(synced(group, assignment))));
        }
    }
}

fn check(group: &LiveGroup, sync: &Sync) -> Result<(), GroupError> {
    session::check(group, &sync.member, sync.instance.as_ref())?;
    if sync.generation != group.generation {
        return Err(GroupError::IllegalGeneration);
    }
    if differs(sync.protocol_type.as_ref(), group.protocol_type.as_ref())
        || differs(sync.protocol.as_ref(), group.protocol.as_ref())
    {
        return Err(GroupError::InconsistentGroupProtocol);
    }
    Ok(())
}

fn differs<T: PartialEq>(said: Option<&T>, known: Option<&T>) -> bool {
    matches!((said, known), (Some(said), Some(known)) if said != known)
}

fn park(group: &mut LiveGroup, token: Token, id: &MemberId, turn: &mut Turn<'_>) {
    heard_from(group, id);
    if let Some(member) = group.member_mut(id)
        && let Some(earlier) = member.syncing.replace(token)
    {
        turn.reply(earlier, Reply::Sync(Err(GroupError::RebalanceInProgress)));
    }
}

fn heard_from(group: &mut LiveGroup, id: &MemberId) {
    group.unsynced.remove(id);
    if group.unsynced.is_empty() {
        group.sync_deadline = None;
    }
}

/// Writes the generation and answers everybody who waits. The phase ends when the record is applied; the answers leave
/// when it is committed. Who is not in the leader's list gets an empty assignment; who is not in the group gets none.
fn assign(group: &mut LiveGroup, assignments: &[(MemberId, Bytes)], turn: &mut Turn<'_>) {
    let assignments = assignments.iter().map(|(id, bytes)| (id, bytes)).collect::<BTreeMap<_, _>>();
    let meta = group.to_meta(&assignments, turn.now.wall);
    for (id, member) in &meta.members {
        if let Some(token) = group.member_mut(id).and_then(|m| m.syncing.take()) {
            turn.reply(token, Reply::Sync(Ok(synced(group, member.assignment.clone()))));
            group.restart_session(id, turn.now.steady);
        }
    }
    turn.write_group(group, meta);
}

fn committed_assignment(group: &LiveGroup, member: &MemberId, turn: &Turn<'_>) -> Bytes {
    let meta = turn.committed.meta(&group.id);
    meta.and_then(|m| m.members.get(member)).map_or_else(Bytes::new, |m| m.assignment.clone())
}

fn synced(group: &LiveGroup, assignment: Bytes) -> Synced {
    Synced { protocol_type: group.protocol_type.clone(), protocol: group.protocol.clone(), assignment }
}
