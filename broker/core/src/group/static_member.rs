//! A static member comes back under its name: the process that held the name is fenced, and as long as the group's
//! protocol stays the same nobody else notices.

use super::command::Join;
use super::error::GroupError;
use super::ids::{MemberId, Token};
use super::live::{LiveGroup, Member, Phase};
use super::notes::{Dropped, Why};
use super::records::GroupMeta;
use super::reply::Reply;
use super::turn::Turn;
use super::{join, rebalance, session};

/// Puts `new` in the place of `old`, which is fenced.
pub(super) fn replace(
    group: &mut LiveGroup,
    token: Token,
    old: MemberId,
    new: MemberId,
    mut request: Join,
    turn: &mut Turn<'_>,
) {
    let led = group.is_leader(&old);
    let unsynced = group.unsynced.contains(&old);
    session::expel(group, &old, GroupError::FencedInstanceId, turn);
    turn.note_dropped(group, &old, Dropped::Fenced);
    let member = Member::new(join::profile(&request), request.protocols.clone());
    group.add(new.clone(), request.protocol_type.clone(), member);
    if led {
        group.leader = Some(new.clone());
    }
    if unsynced {
        group.unsynced.insert(new.clone());
    }
    group.restart_session(&new, turn.now.steady);
    let skips = request.supports_skipping_assignment;
    match group.phase {
        Phase::Stable if rebalance::choose_protocol(group) == group.protocol => {
            take_over(group, token, &old, new, led, skips, turn);
        }
        // In `Completing` the leader may already assign to the old id, so the new one would get nothing.
        Phase::Empty | Phase::Preparing { .. } | Phase::Completing | Phase::Stable => {
            request.member = new.clone();
            join::update(group, token, request, turn);
            rebalance::start_or_complete(group, Why::MemberRejoined(new), turn);
        }
    }
}

/// Writes the new id in the place of the old one and answers without a rebalance. Clients that can not be told to skip
/// the assignment are told that the old id leads, so that they do not start one.
fn take_over(
    group: &LiveGroup,
    token: Token,
    old: &MemberId,
    new: MemberId,
    leads: bool,
    skips: bool,
    turn: &mut Turn<'_>,
) {
    let committed = turn.committed.meta(&group.id).cloned().unwrap_or_default();
    let meta = with_member_replaced(committed, old, &new, group);
    turn.write_group(group, meta);
    let roster = if leads && skips { group.joined_members() } else { Vec::new() };
    let mut joined = rebalance::current_generation(group, new, roster);
    joined.skip_assignment = leads && skips;
    if leads && !skips {
        joined.leader = old.clone();
    }
    turn.reply(token, Reply::Join(Ok(joined)));
}

fn with_member_replaced(mut meta: GroupMeta, old: &MemberId, new: &MemberId, group: &LiveGroup) -> GroupMeta {
    if let (Some(mut written), Some(member)) = (meta.members.remove(old), group.members().get(new)) {
        written.profile = member.profile.clone();
        written.subscription = member.metadata(group.protocol.as_ref());
        meta.members.insert(new.clone(), written);
    }
    meta.leader.clone_from(&group.leader);
    meta
}
