//! Heartbeat: prolongs the session and tells the member whether it must rejoin.

use super::command::Heartbeat;
use super::error::GroupError;
use super::live::{LiveGroup, Phase};
use super::session;
use super::turn::Turn;

pub(super) fn heartbeat(group: &mut LiveGroup, beat: &Heartbeat, turn: &Turn<'_>) -> Result<(), GroupError> {
    session::check(group, &beat.member, beat.instance.as_ref())?;
    if beat.generation != group.generation {
        return Err(GroupError::IllegalGeneration);
    }
    group.restart_session(&beat.member, turn.now.steady);
    match group.phase {
        Phase::Empty => Err(GroupError::UnknownMemberId),
        Phase::Preparing { .. } => Err(GroupError::RebalanceInProgress),
        // Clients beat from the JoinGroup response on, so also while the assignment is awaited.
        Phase::Completing | Phase::Stable => Ok(()),
    }
}
