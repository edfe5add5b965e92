//! JoinGroup: parks the member until the join phase closes, or answers at once where nothing changed for it.

use uuid::Uuid;
use weir_model::DurationMs;

use super::admit::{Admit, admit};
use super::command::Join;
use super::error::GroupError;
use super::ids::{MemberId, Token};
use super::live::{LiveGroup, Member, Phase};
use super::notes::Why;
use super::records::Profile;
use super::reply::Reply;
use super::turn::Turn;
use super::{rebalance, session, static_member};

/// A member id is this much of the client's name, a dash and a uuid, so that it always fits a record's string.
const MAX_ID_PREFIX: usize = 1_024;

/// What can be refused without looking at any group.
pub(super) fn precheck(join: &Join, config: &super::GroupConfig) -> Result<(), GroupError> {
    if join.group.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    if join.session_timeout < config.min_session_timeout || join.session_timeout > config.max_session_timeout
    {
        return Err(GroupError::InvalidSessionTimeout);
    }
    Ok(())
}

pub(super) fn join(
    group: &mut LiveGroup,
    token: Token,
    join: Join,
    new_id: &mut dyn FnMut() -> Uuid,
    turn: &mut Turn<'_>,
) {
    match admit(group, &join, turn.config) {
        Admit::Refuse(error) => turn.refuse_join(token, error, join.member),
        Admit::Full => {
            session::expel(group, &join.member, GroupError::GroupMaxSizeReached, turn);
            group.pending.remove(&join.member);
            turn.refuse_join(token, GroupError::GroupMaxSizeReached, MemberId::default());
            rebalance::complete_if_ready(group, turn);
        }
        Admit::NewStatic | Admit::NewDynamic => {
            let id = member_id(&join, new_id());
            arrive(group, token, id, join, turn);
        }
        Admit::Replace(old) => {
            let id = member_id(&join, new_id());
            static_member::replace(group, token, old, id, join, turn);
        }
        Admit::RequireMemberId => hand_out_id(group, token, &join, new_id(), turn),
        Admit::Pending => {
            let id = join.member.clone();
            arrive(group, token, id, join, turn);
        }
        Admit::Known => rejoin(group, token, join, turn),
    }
}

fn hand_out_id(group: &mut LiveGroup, token: Token, join: &Join, id: Uuid, turn: &mut Turn<'_>) {
    if turn.pending_elsewhere + group.pending.len() >= turn.config.max_pending_members {
        return turn.refuse_join(token, GroupError::CoordinatorNotAvailable, MemberId::default());
    }
    let id = member_id(join, id);
    let forgotten_at = turn.now.steady + join.session_timeout;
    group.pending.insert(id.clone(), forgotten_at);
    group.wake_by(forgotten_at);
    turn.refuse_join(token, GroupError::MemberIdRequired, id);
}

/// Adds a newcomer. It can not send heartbeats yet and its connection may be gone, so it is kept for a time of its own.
fn arrive(group: &mut LiveGroup, token: Token, id: MemberId, join: Join, turn: &mut Turn<'_>) {
    if let Phase::Preparing { initial: Some(initial), .. } = &mut group.phase {
        initial.member_added = true;
    }
    let mut member = Member::arriving(profile(&join), join.protocols, token);
    let kept_until = turn.now.steady + turn.config.new_member_join_timeout;
    member.session_ends = Some(kept_until);
    group.add(id.clone(), join.protocol_type, member);
    group.wake_by(kept_until);
    rebalance::start_or_complete(group, Why::MemberJoined(id), turn);
}

/// A member joins again. A rebalance starts if something about it changed, or if it leads: a leader rejoins when the
/// partitions to assign have changed, which its metadata does not show.
fn rejoin(group: &mut LiveGroup, token: Token, join: Join, turn: &mut Turn<'_>) {
    let Some(member) = group.members().get(&join.member) else { return };
    let unchanged = member.protocols == join.protocols;
    let leads = group.is_leader(&join.member);
    match group.phase {
        Phase::Completing if unchanged => answer_as_before(group, token, join.member, leads, turn),
        Phase::Stable if unchanged && !leads => answer_as_before(group, token, join.member, false, turn),
        Phase::Empty | Phase::Preparing { .. } | Phase::Completing | Phase::Stable => {
            let why = Why::MemberRejoined(join.member.clone());
            update(group, token, join, turn);
            rebalance::start_or_complete(group, why, turn);
        }
    }
}

/// The member may have missed the answer it got: it is told the current generation once more.
fn answer_as_before(group: &LiveGroup, token: Token, member: MemberId, leads: bool, turn: &mut Turn<'_>) {
    let members = if leads { group.joined_members() } else { Vec::new() };
    turn.reply(token, Reply::Join(Ok(rebalance::current_generation(group, member, members))));
}

/// Takes over what the member says of itself now, and parks it.
pub(super) fn update(group: &mut LiveGroup, token: Token, join: Join, turn: &mut Turn<'_>) {
    if let Some(earlier) = group.park_join(&join.member, token) {
        turn.refuse_join(earlier, GroupError::RebalanceInProgress, join.member.clone());
    }
    if let Some(member) = group.member_mut(&join.member) {
        member.profile.rebalance_timeout = not_negative(join.rebalance_timeout);
        member.profile.session_timeout = join.session_timeout;
        member.protocols = join.protocols;
    }
}

pub(super) fn profile(join: &Join) -> Profile {
    Profile {
        instance: join.instance.clone(),
        client_id: join.client_id.clone(),
        client_host: join.client_host.clone(),
        rebalance_timeout: not_negative(join.rebalance_timeout),
        session_timeout: join.session_timeout,
    }
}

fn not_negative(span: DurationMs) -> DurationMs {
    span.max(DurationMs(0))
}

fn member_id(join: &Join, id: Uuid) -> MemberId {
    let name = join.instance.as_ref().map_or(&*join.client_id, |instance| instance.as_str());
    let prefix = &name[..name.floor_char_boundary(MAX_ID_PREFIX)];
    MemberId::from(&*format!("{prefix}-{id}"))
}
