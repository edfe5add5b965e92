//! Decides the phases of a rebalance: when it starts, when the join phase closes, who leads, which protocol wins, and who
//! is dropped for being late. Ends at `Completing`, or by writing an empty group; the rest is `sync`'s and `apply`'s.

use std::collections::BTreeMap;

use weir_model::DurationMs;

use super::error::GroupError;
use super::ids::{MemberId, ProtocolName};
use super::live::{InitialDelay, LiveGroup, Member, Phase};
use super::notes::{Dropped, Note, Why};
use super::reply::{Joined, Reply};
use super::turn::Turn;

/// The least wait before something that did not work is tried again, whatever timeouts the members asked for.
const RETRY_AFTER: DurationMs = DurationMs(1_000);

/// Something changed that needs a new generation; or, in the join phase, may have been what it waited for.
pub(super) fn start_or_complete(group: &mut LiveGroup, why: Why, turn: &mut Turn<'_>) {
    match group.phase {
        Phase::Empty | Phase::Completing | Phase::Stable => prepare(group, why, turn),
        Phase::Preparing { .. } => complete_if_ready(group, turn),
    }
}

/// Opens the join phase. Members that wait for an assignment are told to join again.
pub(super) fn prepare(group: &mut LiveGroup, why: Why, turn: &mut Turn<'_>) {
    turn.notes.push(Note::RebalanceStarted { group: group.id.clone(), generation: group.generation, why });
    refuse_syncs(group, GroupError::RebalanceInProgress, turn);
    group.unsynced.clear();
    group.sync_deadline = None;
    if group.phase == Phase::Empty {
        let step = turn.config.initial_rebalance_delay;
        let remaining = minus(group.rebalance_timeout(), step);
        wait(group, step, Some(InitialDelay { step, remaining, member_added: false }), turn);
    } else if group.everybody_joined() {
        group.phase = Phase::Preparing { deadline: None, initial: None };
        complete(group, turn);
    } else {
        wait(group, group.rebalance_timeout(), None, turn);
    }
}

/// Closes the join phase early if nobody is missing; a first rebalance waits for company all the same.
pub(super) fn complete_if_ready(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    if matches!(group.phase, Phase::Preparing { initial: None, .. }) && group.everybody_joined() {
        complete(group, turn);
    }
}

/// The join phase's time is up, unless it is a first one and somebody new came meanwhile.
pub(super) fn join_phase_over(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    match group.phase {
        Phase::Preparing { initial: Some(InitialDelay { step, remaining, member_added: true }), .. }
            if remaining > DurationMs(0) =>
        {
            let next = turn.config.initial_rebalance_delay.min(remaining);
            let rest = InitialDelay { step: next, remaining: minus(remaining, step), member_added: false };
            wait(group, next, Some(rest), turn);
        }
        Phase::Preparing { .. } => complete(group, turn),
        Phase::Empty | Phase::Completing | Phase::Stable => {}
    }
}

/// Closes the join phase with those who came. Static members keep their place until their session ends.
pub(super) fn complete(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    let late = |m: &Member| m.joining().is_none() && !m.is_static();
    let laggards: Vec<MemberId> =
        group.members().iter().filter(|(_, m)| late(m)).map(|(id, _)| id.clone()).collect();
    for laggard in laggards {
        let _ = group.remove(&laggard); // holds no token: it joins not, and syncs were refused when the phase opened
        turn.note_dropped(group, &laggard, Dropped::LateJoin);
    }
    if group.members().is_empty() {
        return write_empty(group, turn);
    }
    if !elect_joined_leader(group) {
        return wait(group, group.rebalance_timeout().max(RETRY_AFTER), None, turn);
    }
    group.generation = group.generation.next();
    group.protocol = choose_protocol(group);
    group.phase = Phase::Completing;
    let (id, generation, members) = (group.id.clone(), group.generation, group.members().len());
    turn.notes.push(Note::GenerationFormed { group: id, generation, members });
    answer_joins(group, turn);
    let deadline = turn.now.steady + group.rebalance_timeout();
    group.sync_deadline = Some(deadline);
    group.wake_by(deadline);
}

/// The time for SyncGroup is up: whoever did not send one is gone.
pub(super) fn sync_phase_over(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    group.sync_deadline = None;
    let laggards = std::mem::take(&mut group.unsynced);
    for laggard in &laggards {
        let _ = group.remove(laggard); // holds no token: in these phases only a SyncGroup waits, and it sent none
        turn.note_dropped(group, laggard, Dropped::LateSync);
    }
    if !laggards.is_empty() {
        prepare(group, Why::MembersDropped, turn);
    }
}

/// The protocol that all members speak and most like best; of equals, the first by name.
pub(super) fn choose_protocol(group: &LiveGroup) -> Option<ProtocolName> {
    let any = group.members().values().next()?;
    let common: Vec<&ProtocolName> = (any.protocols.iter().map(|p| &p.name))
        .filter(|name| group.members().values().all(|m| m.speaks(name)))
        .collect();
    let mut votes: BTreeMap<&ProtocolName, usize> = BTreeMap::new();
    for member in group.members().values() {
        if let Some(favourite) = member.protocols.iter().find(|p| common.contains(&&p.name)) {
            *votes.entry(&favourite.name).or_default() += 1;
        }
    }
    votes.into_iter().rev().max_by_key(|(_, count)| *count).map(|(name, _)| name.clone())
}

/// Refuses every SyncGroup that waits. The refused have just been heard of, so their sessions start anew.
pub(super) fn refuse_syncs(group: &mut LiveGroup, error: GroupError, turn: &mut Turn<'_>) {
    let ids: Vec<MemberId> =
        group.members().iter().filter(|(_, m)| m.syncing.is_some()).map(|(id, _)| id.clone()).collect();
    for id in ids {
        if let Some(token) = group.member_mut(&id).and_then(|m| m.syncing.take()) {
            turn.reply(token, Reply::Sync(Err(error)));
            group.restart_session(&id, turn.now.steady);
        }
    }
}

fn wait(group: &mut LiveGroup, span: DurationMs, initial: Option<InitialDelay>, turn: &Turn<'_>) {
    let deadline = turn.now.steady + span;
    group.phase = Phase::Preparing { deadline: Some(deadline), initial };
    group.wake_by(deadline);
}

/// Nobody is left. The phase ends when the record is applied; should the append fail, it is tried again.
fn write_empty(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    wait(group, RETRY_AFTER, None, turn);
    let mut meta = group.to_meta(&BTreeMap::new(), turn.now.wall);
    meta.generation = group.generation.next();
    meta.protocol = None;
    meta.leader = None;
    turn.write_group(group, meta);
}

/// Keeps the leader if it came, else takes the first who did. `false` if nobody did.
fn elect_joined_leader(group: &mut LiveGroup) -> bool {
    let came = |id: &MemberId| group.members().get(id).is_some_and(|m| m.joining().is_some());
    if !group.leader.as_ref().is_some_and(came) {
        let Some(id) = group.members().keys().find(|id| came(id)).cloned() else { return false };
        group.leader = Some(id);
    }
    true
}

fn answer_joins(group: &mut LiveGroup, turn: &mut Turn<'_>) {
    let roster = group.joined_members();
    group.unsynced = roster.iter().map(|m| m.member.clone()).collect();
    for id in group.unsynced.clone() {
        group.restart_session(&id, turn.now.steady);
        if let Some(member) = group.member_mut(&id) {
            member.is_new = false;
        }
        if let Some(token) = group.take_join(&id) {
            let members = if group.is_leader(&id) { roster.clone() } else { Vec::new() };
            turn.reply(token, Reply::Join(Ok(current_generation(group, id, members))));
        }
    }
}

/// What a JoinGroup response says of the current generation.
pub(super) fn current_generation(
    group: &LiveGroup,
    member: MemberId,
    members: Vec<super::reply::JoinedMember>,
) -> Joined {
    Joined {
        generation: group.generation,
        protocol_type: group.protocol_type.clone(),
        protocol: group.protocol.clone(),
        leader: group.leader.clone().unwrap_or_default(),
        member,
        skip_assignment: false,
        members,
    }
}

fn minus(span: DurationMs, less: DurationMs) -> DurationMs {
    DurationMs(span.0.saturating_sub(less.0).max(0))
}
