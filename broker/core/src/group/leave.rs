//! LeaveGroup: members go at once, each with its own outcome, and what is left rebalances once for all of them.
//! Unlike Kafka, a pending member that leaves a stable group does not cost the others a rebalance.

use super::command::{Leave, Leaver};
use super::error::GroupError;
use super::live::{LiveGroup, Phase};
use super::notes::Why;
use super::reply::Left;
use super::turn::Turn;
use super::{rebalance, session};

pub(super) fn leave(group: &mut LiveGroup, leave: Leave, turn: &mut Turn<'_>) -> Vec<Left> {
    let before = group.members().len();
    let left = leave.members.into_iter().map(|leaver| {
        let outcome = remove(group, &leaver, turn);
        Left { member: leaver.member, instance: leaver.instance, outcome }
    });
    let left: Vec<Left> = left.collect();
    match group.phase {
        Phase::Stable | Phase::Completing if group.members().len() < before => {
            rebalance::prepare(group, Why::MembersLeft, turn)
        }
        Phase::Preparing { .. } if left.iter().any(|l| l.outcome.is_ok()) => {
            rebalance::complete_if_ready(group, turn);
        }
        Phase::Empty | Phase::Preparing { .. } | Phase::Completing | Phase::Stable => {}
    }
    left
}

/// The answer for a group that does not exist.
pub(super) fn nobody(leave: Leave) -> Vec<Left> {
    let unknown = |l: Leaver| Left {
        member: l.member,
        instance: l.instance,
        outcome: Err(GroupError::UnknownMemberId),
    };
    leave.members.into_iter().map(unknown).collect()
}

/// An administrator may name a static member by its instance id alone.
fn remove(group: &mut LiveGroup, leaver: &Leaver, turn: &mut Turn<'_>) -> Result<(), GroupError> {
    let member = if leaver.member.is_empty() {
        let named = leaver.instance.as_ref().and_then(|instance| group.static_member(instance));
        named.cloned().ok_or(GroupError::UnknownMemberId)?
    } else if group.pending.remove(&leaver.member).is_some() {
        return Ok(());
    } else {
        session::check(group, &leaver.member, leaver.instance.as_ref())?;
        leaver.member.clone()
    };
    session::expel(group, &member, GroupError::UnknownMemberId, turn);
    Ok(())
}
