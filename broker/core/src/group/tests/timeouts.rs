//! What time does to a group, in every phase. No test sleeps: time is an argument.

use super::*;

#[test]
fn a_silent_member_of_a_stable_group_is_expelled_and_the_rest_rebalances() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    w.pass(9_999);
    assert_eq!(w.beat("g", &told[0]), Ok(()));
    w.pass(1);
    assert_eq!(w.state("g"), Some(GroupState::PreparingRebalance));
    assert_eq!(w.members("g"), 1);
    assert_eq!(w.beat("g", &told[1]), Err(GroupError::UnknownMemberId));
    let group = GroupId::from("g");
    let dropped = Note::MemberDropped {
        group: group.clone(),
        member: told[1].member.clone(),
        why: Dropped::SessionOver,
    };
    let started = Note::RebalanceStarted { group, generation: told[0].generation, why: Why::MembersDropped };
    assert!(w.groups.take_notes().ends_with(&[dropped, started]));
    let again = w.rejoin("g", &told[0]);
    assert_eq!(w.joined(again).members.len(), 1);
}

#[test]
fn a_member_that_waits_in_a_rebalance_is_not_silent() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let waiting = w.rejoin("g", &told[0]);
    for _ in 0..5 {
        w.pass(9_000);
        assert_eq!(w.beat("g", &told[1]), Err(GroupError::RebalanceInProgress));
    }
    assert!(w.waits(waiting));
    let other = w.rejoin("g", &told[1]);
    assert_eq!((w.joined(waiting).generation, w.joined(other).generation), (Generation(3), Generation(3)));
}

#[test]
fn a_silent_member_does_not_hold_up_a_rebalance_longer_than_its_session() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let waiting = w.rejoin("g", &told[0]);
    w.pass(9_999);
    assert!(w.waits(waiting));
    w.pass(1);
    assert_eq!(w.joined(waiting).members.len(), 1);
}

#[test]
fn a_silent_member_is_expelled_while_the_assignment_is_awaited() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let tokens: Vec<Token> = told.iter().map(|t| w.rejoin("g", t)).collect();
    let mut told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    told.sort_by_key(|t| t.members.is_empty());
    let follower = w.sync("g", &told[1]);
    w.pass(10_000);
    assert_eq!(w.refused(follower), GroupError::RebalanceInProgress, "the silent leader is gone");
    let again = w.rejoin("g", &told[1]);
    assert_eq!(w.joined(again).leader, told[1].member);
}

#[test]
fn members_that_never_ask_for_their_assignment_are_dropped() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let tokens: Vec<Token> = told.iter().map(|t| w.rejoin("g", t)).collect();
    let mut told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    told.sort_by_key(|t| t.members.is_empty());
    let leader = w.sync("g", &told[0]);
    assert_eq!(w.assigned(leader), assignment(told[0].generation));
    for _ in 0..12 {
        w.pass(5_000);
        let _ = (w.beat("g", &told[0]), w.beat("g", &told[1]));
    }
    assert_eq!(w.state("g"), Some(GroupState::PreparingRebalance));
    assert_eq!(w.beat("g", &told[1]), Err(GroupError::UnknownMemberId));
}

#[test]
fn laggards_are_dropped_when_the_rebalance_timeout_is_over() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g"), joiner("g")]);
    let waiting = [w.rejoin("g", &told[0]), w.rejoin("g", &told[1])];
    for _ in 0..8 {
        w.pass(7_500);
        let _ = w.beat("g", &told[2]);
    }
    assert_eq!(
        (w.joined(waiting[0]).generation, w.joined(waiting[1]).generation),
        (Generation(3), Generation(3))
    );
    assert_eq!(w.beat("g", &told[2]), Err(GroupError::UnknownMemberId));
    assert_eq!(w.members("g"), 2);
}

#[test]
fn the_first_rebalance_waits_longer_while_members_keep_coming() {
    let mut w = World::with(|c| c.initial_rebalance_delay = DurationMs(3_000));
    let mut tokens = vec![w.join(joiner("g"))];
    for _ in 0..4 {
        w.pass(2_500);
        tokens.push(w.join(joiner("g")));
    }
    assert!(tokens.iter().all(|t| w.waits(*t)));
    w.pass(5_000);
    assert!(tokens.into_iter().all(|t| w.joined(t).generation == Generation(1)));
}

#[test]
fn the_first_rebalance_never_waits_longer_than_the_rebalance_timeout() {
    let mut w = World::with(|c| c.initial_rebalance_delay = DurationMs(3_000));
    let short = || Join { rebalance_timeout: DurationMs(7_000), ..joiner("g") };
    let first = w.join(short());
    for _ in 0..7 {
        assert!(w.waits(first));
        w.join(short());
        w.pass(1_000);
    }
    assert!(!w.waits(first));
}

#[test]
fn a_member_id_that_is_not_used_is_forgotten() {
    let mut w = World::new();
    let asking = Join { requires_known_member_id: true, ..joiner("g") };
    let token = w.join(asking.clone());
    let Reply::Join(Err(refused)) = w.answer(token) else { panic!() };
    assert_eq!(refused.error, GroupError::MemberIdRequired);
    assert!(refused.member.as_str().starts_with("client-"));
    assert_eq!(w.state("g"), Some(GroupState::Empty));
    let joined = w.join(Join { member: refused.member.clone(), ..asking.clone() });
    assert_eq!(w.joined(joined).member, refused.member);

    let token = w.join(Join { group: "h".into(), ..asking.clone() });
    let Reply::Join(Err(refused)) = w.answer(token) else { panic!() };
    w.pass(10_000);
    assert_eq!(w.state("h"), None, "a group of which only an unused id was known");
    let late = w.join(Join { group: "h".into(), member: refused.member, ..asking });
    assert_eq!(w.refused(late), GroupError::UnknownMemberId);
}

#[test]
fn a_rebalance_waits_for_pending_members_but_not_for_ever() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    w.join(Join { requires_known_member_id: true, ..joiner("g") });
    assert_eq!(w.state("g"), Some(GroupState::Stable), "an id is not a member");
    let tokens = [w.rejoin("g", &told[0]), w.rejoin("g", &told[1])];
    assert!(w.waits(tokens[0]) || w.waits(tokens[1]), "somebody else is about to join");
    w.pass(10_000);
    assert!(!w.waits(tokens[0]) && !w.waits(tokens[1]));
}

#[test]
fn a_pending_member_that_leaves_disturbs_nobody() {
    let mut w = World::new();
    w.stable("g", vec![joiner("g")]);
    let token = w.join(Join { requires_known_member_id: true, ..joiner("g") });
    let Reply::Join(Err(refused)) = w.answer(token) else { panic!() };
    assert_eq!(w.leave("g", &refused.member), Ok(()));
    assert_eq!(w.state("g"), Some(GroupState::Stable));
}

#[test]
fn ids_are_handed_out_up_to_a_bound() {
    let mut w = World::with(|c| c.max_pending_members = 3);
    let asking = |group: &str| Join { requires_known_member_id: true, ..joiner(group) };
    for group in ["a", "b", "a"] {
        let token = w.join(asking(group));
        assert_eq!(w.refused(token), GroupError::MemberIdRequired);
    }
    let token = w.join(asking("c"));
    assert_eq!(w.refused(token), GroupError::CoordinatorNotAvailable);
    w.pass(10_000);
    let token = w.join(asking("c"));
    assert_eq!(w.refused(token), GroupError::MemberIdRequired);
}

#[test]
fn a_newcomer_whose_connection_died_is_dropped_in_the_end() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g")]).remove(0);
    let slow = Join { rebalance_timeout: DurationMs(600_000), ..joiner("g") };
    let newcomer = w.join(slow);
    for _ in 0..60 {
        w.pass(5_000);
        let _ = w.beat("g", &told);
    }
    assert_eq!(w.refused(newcomer), GroupError::UnknownMemberId);
}

#[test]
fn a_wall_clock_that_jumps_expels_nobody() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g")]).remove(0);
    for jump in [3_600_000, -7_200_000] {
        w.now.wall = w.now.wall + DurationMs(jump);
        w.pass(5_000);
        assert_eq!(w.beat("g", &told), Ok(()));
    }
}

#[test]
fn timeouts_of_zero_do_not_spin() {
    let mut w = World::new();
    let hasty = |name| Join { rebalance_timeout: DurationMs(-1), ..static_joiner("g", name) };
    let first = w.join(hasty("a"));
    assert!(!w.waits(first));
    w.join(hasty("b"));
    w.pass(60_000);
    assert!(w.nobody_waits());
    assert_eq!(w.state("g"), Some(GroupState::Empty));
}

#[test]
fn a_coordinator_that_overslept_gives_everybody_one_more_session() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    w.now.steady = w.now.steady + DurationMs(60_000);
    w.pass(0);
    assert_eq!(w.beat("g", &told[0]), Ok(()), "its heartbeats lay unread");
    w.now.steady = w.now.steady + DurationMs(15_000);
    w.pass(0);
    assert_eq!(w.beat("g", &told[1]), Err(GroupError::UnknownMemberId), "one excuse, not two");
    assert_eq!(w.beat("g", &told[0]), Err(GroupError::RebalanceInProgress));
}
