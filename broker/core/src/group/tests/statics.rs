//! Static members: restarts that nobody notices, and fencing of those whose name was taken.

use super::*;

fn trio(w: &mut World) -> Vec<Joined> {
    w.stable("g", vec![static_joiner("g", "a"), static_joiner("g", "b"), joiner("g")])
}

fn instance_of(w: &World, joined: &Joined) -> Option<InstanceId> {
    w.rejoin_of("g", &joined.member).instance
}

fn named(w: &World, told: &[Joined], name: &str) -> Joined {
    told.iter().find(|t| instance_of(w, t) == Some(name.into())).unwrap().clone()
}

#[test]
fn a_follower_restarts_without_a_rebalance() {
    let mut w = World::new();
    let told = trio(&mut w);
    let name = if told[0].member.as_str().starts_with('a') { "b" } else { "a" };
    let before = named(&w, &told, name);
    let back = w.join(Join { client_host: "/10.0.0.7".into(), ..static_joiner("g", name) });
    let back = w.joined(back);
    assert_eq!((back.generation, back.skip_assignment), (before.generation, false));
    assert_ne!(back.member, before.member);
    assert!(back.member.as_str().starts_with(&format!("{name}-")));
    assert_eq!(w.state("g"), Some(GroupState::Stable));
    let synced = w.sync("g", &back);
    assert_eq!(w.assigned(synced), assignment(before.generation), "it keeps its assignment");
    assert_eq!(w.beat("g", &before), Err(GroupError::UnknownMemberId));
    w.fail_over();
    assert_eq!(w.beat("g", &back), Ok(()), "the new id is in the log");
    let described = w.groups.describe(&"g".into()).unwrap().members;
    assert!(described.iter().any(|m| m.member == back.member && &*m.client_host == "/10.0.0.7"));
}

#[test]
fn a_leader_restarts_and_is_told_to_skip_the_assignment() {
    for skips in [true, false] {
        let mut w = World::new();
        let before = w.stable("g", vec![static_joiner("g", "a")]).remove(0);
        let back = w.join(Join { supports_skipping_assignment: skips, ..static_joiner("g", "a") });
        let back = w.joined(back);
        assert_eq!(back.skip_assignment, skips);
        assert_eq!(back.members.len(), usize::from(skips));
        assert_eq!(back.leader, if skips { back.member.clone() } else { before.member.clone() });
        let synced = w.sync("g", &Joined { members: Vec::new(), ..back.clone() });
        assert_eq!(w.assigned(synced), assignment(before.generation));
    }
}

#[test]
fn a_restart_that_changes_the_groups_protocol_is_a_rebalance() {
    let both = |name| Join {
        protocols: vec![protocol("range", &["t"]), protocol("sticky", &["t"])],
        ..static_joiner("g", name)
    };
    let mut w = World::new();
    let told = w.stable("g", vec![both("a"), both("b")]);
    assert_eq!(told[0].protocol, Some("range".into()));
    let other = named(&w, &told, "b");
    let sticky = Join { protocols: vec![protocol("sticky", &["t"])], ..static_joiner("g", "a") };
    let back = w.join(sticky);
    assert!(w.waits(back));
    let other = w.rejoin("g", &other);
    assert_eq!(
        (w.joined(back).protocol, w.joined(other).protocol),
        (Some("sticky".into()), Some("sticky".into()))
    );
}

#[test]
fn if_the_new_id_can_not_be_written_the_old_one_stays() {
    let mut w = World::new();
    let told = trio(&mut w);
    let before = named(&w, &told, "a");
    w.fail = Some(AppendFailure::NotLeader);
    let back = w.join(static_joiner("g", "a"));
    assert_eq!(w.refused(back), GroupError::NotCoordinator);
    assert_eq!(w.beat("g", &before), Ok(()));
    assert_eq!(w.members("g"), 3);
    w.pass(9_000);
    for joined in &told {
        assert_eq!(w.beat("g", joined), Ok(()));
    }
}

#[test]
fn a_restart_while_the_assignment_is_awaited_begins_again() {
    let mut w = World::new();
    let told = trio(&mut w);
    let tokens: Vec<Token> = told.iter().map(|t| w.rejoin("g", t)).collect();
    let told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    let follower =
        told.iter().find(|t| t.leader != t.member && instance_of(&w, t).is_some()).unwrap().clone();
    let name = instance_of(&w, &follower).unwrap();
    let parked = w.sync("g", &follower);
    let back = w.join(static_joiner("g", name.as_str()));
    assert_eq!(
        w.refused(parked),
        GroupError::FencedInstanceId,
        "the old process learns that it was replaced"
    );
    assert!(w.waits(back));
    assert_eq!(w.state("g"), Some(GroupState::PreparingRebalance));
}

#[test]
fn a_second_process_under_the_name_fences_the_first() {
    let mut w = World::new();
    let told = trio(&mut w);
    let old = named(&w, &told, "a");
    let joining = w.join(Join {
        member: old.member.clone(),
        protocols: vec![protocol("range", &["x"])],
        ..static_joiner("g", "a")
    });
    assert!(w.waits(joining));
    let back = w.join(static_joiner("g", "a"));
    assert_eq!(w.refused(joining), GroupError::FencedInstanceId);
    assert!(w.waits(back));
    let fenced = Heartbeat {
        group: "g".into(),
        member: old.member.clone(),
        instance: Some("a".into()),
        generation: old.generation,
    };
    let token = w.ask(Command::Heartbeat(fenced));
    assert_eq!(w.refused(token), GroupError::FencedInstanceId);
    let mut commit = commit_of("g", &old.member, old.generation.0, 1);
    commit.instance = Some("a".into());
    let token = w.ask(Command::Commit(commit));
    assert_eq!(w.refused(token), GroupError::FencedInstanceId);
    let token = w.join(Join { member: old.member.clone(), ..static_joiner("g", "a") });
    assert_eq!(w.refused(token), GroupError::FencedInstanceId);
}

#[test]
fn a_static_member_keeps_its_place_until_its_session_ends() {
    let mut w = World::new();
    let told = trio(&mut w);
    let dynamic = told.iter().find(|t| instance_of(&w, t).is_none()).unwrap().clone();
    let (a, b) = (named(&w, &told, "a"), named(&w, &told, "b"));
    let quick = Join {
        rebalance_timeout: DurationMs(2_000),
        protocols: vec![protocol("range", &["x"])],
        ..w.rejoin_of("g", &dynamic.member)
    };
    let joining = w.join(quick);
    let other = w.rejoin("g", &a);
    for _ in 0..8 {
        w.pass(7_500);
        let _ = w.beat("g", &b); // alive, but too busy to join
    }
    let (told, _) = (w.joined(joining), w.joined(other));
    assert_eq!(w.members("g"), 3, "the laggard is static, so it stays");
    assert_eq!(told.generation, Generation(3));
    w.pass(10_000);
    assert!(w.members("g") < 3);
}

#[test]
fn an_administrator_removes_static_members_by_name() {
    let mut w = World::new();
    trio(&mut w);
    let named = |name: &str| Leaver { member: MemberId::default(), instance: Some(name.into()) };
    let leave = Leave { group: "g".into(), members: vec![named("a"), named("nobody"), named("b")] };
    let token = w.ask(Command::Leave(leave));
    let Reply::Leave(Ok(left)) = w.answer(token) else { panic!() };
    let outcomes: Vec<_> = left.iter().map(|l| l.outcome).collect();
    assert_eq!(outcomes, [Ok(()), Err(GroupError::UnknownMemberId), Ok(())]);
    assert_eq!(w.members("g"), 1);
}

#[test]
fn a_restart_does_not_excuse_from_asking_for_the_assignment() {
    let mut w = World::new();
    let told = w.stable("g", vec![static_joiner("g", "a"), static_joiner("g", "b")]);
    let tokens: Vec<Token> = told.iter().map(|t| w.rejoin("g", t)).collect();
    let mut told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    told.sort_by_key(|t| t.members.is_empty());
    let leading = w.sync("g", &told[0]);
    assert_eq!(w.assigned(leading), assignment(told[0].generation));
    let name = instance_of(&w, &told[1]).unwrap();
    let back = w.join(static_joiner("g", name.as_str()));
    let back = w.joined(back);
    for _ in 0..12 {
        assert_eq!(w.state("g"), Some(GroupState::Stable));
        assert_eq!((w.beat("g", &told[0]), w.beat("g", &back)), (Ok(()), Ok(())));
        w.pass(5_000);
    }
    assert_eq!(w.beat("g", &back), Err(GroupError::UnknownMemberId), "it never asked");
}
