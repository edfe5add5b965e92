//! Decides what a JoinGroup is: a refusal, a newcomer, a returning static member, a pending member that comes with the id
//! it was given, or a member that rejoins. Pure: looks and names, changes nothing.

use super::command::Join;
use super::config::GroupConfig;
use super::error::GroupError;
use super::ids::MemberId;
use super::live::{LiveGroup, Phase};
use super::session;

/// The most protocols a member may name. Clients name one to three; without a bound the choice could be made costly.
const MAX_PROTOCOLS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admit {
    /// Refused; the answer carries the id the request had.
    Refuse(GroupError),
    /// The group is full; a member that is in it but did not join in time makes room.
    Full,
    /// A newcomer with a name of its own.
    NewStatic,
    /// A newcomer under the name of this member, which it replaces.
    Replace(MemberId),
    /// A newcomer that must first be told its id.
    RequireMemberId,
    /// A newcomer that joins at once.
    NewDynamic,
    /// The newcomer that was told its id.
    Pending,
    /// A member.
    Known,
}

pub(super) fn admit(group: &LiveGroup, join: &Join, config: &GroupConfig) -> Admit {
    if !has_room(group, &join.member, config) {
        return Admit::Full;
    }
    if !shares_a_protocol(group, join) {
        return Admit::Refuse(GroupError::InconsistentGroupProtocol);
    }
    if join.member.is_empty() {
        return newcomer(group, join);
    }
    if group.pending.contains_key(&join.member) && join.instance.is_none() {
        return Admit::Pending;
    }
    match session::check(group, &join.member, join.instance.as_ref()) {
        Ok(()) => Admit::Known,
        Err(error) => Admit::Refuse(error),
    }
}

fn newcomer(group: &LiveGroup, join: &Join) -> Admit {
    match &join.instance {
        Some(instance) => match group.static_member(instance) {
            Some(holder) => Admit::Replace(holder.clone()),
            None => Admit::NewStatic,
        },
        None if join.requires_known_member_id => Admit::RequireMemberId,
        None => Admit::NewDynamic,
    }
}

/// In the join phase it is those who came that count, not the roster: so the last to rejoin a group whose limit was
/// lowered are the ones who lose their place.
fn has_room(group: &LiveGroup, member: &MemberId, config: &GroupConfig) -> bool {
    let known = group.members().get(member);
    match group.phase {
        Phase::Empty => true,
        Phase::Preparing { .. } => {
            known.is_some_and(|m| m.joining().is_some()) || group.joining() < config.max_size
        }
        Phase::Completing | Phase::Stable => known.is_some() || group.members().len() < config.max_size,
    }
}

/// Whether a protocol of the joiner is spoken by every member (the joiner's old self included): then all members go on to
/// share one, whatever they change.
fn shares_a_protocol(group: &LiveGroup, join: &Join) -> bool {
    if join.protocols.len() > MAX_PROTOCOLS {
        return false;
    }
    if group.phase == Phase::Empty {
        return !join.protocol_type.is_empty() && !join.protocols.is_empty();
    }
    group.protocol_type.as_ref() == Some(&join.protocol_type)
        && join.protocols.iter().any(|p| group.members().values().all(|m| m.speaks(&p.name)))
}
