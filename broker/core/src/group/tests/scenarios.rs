//! Whole rebalances, as clients live through them.

use super::*;

#[test]
fn two_members_rebalance_eagerly() {
    let mut w = World::new();
    let first = w.join(joiner("g"));
    let first = w.joined(first);
    assert_eq!((first.generation, &first.leader), (Generation(1), &first.member));
    assert_eq!(first.members.len(), 1);
    let synced = w.sync("g", &first);
    assert_eq!(w.assigned(synced), "g1");

    let second = w.join(joiner("g"));
    assert!(w.waits(second), "until the first gave up its partitions");
    assert_eq!(w.beat("g", &first), Err(GroupError::RebalanceInProgress));
    let again = w.rejoin("g", &first);
    let (leader, follower) = (w.joined(again), w.joined(second));
    assert_eq!((leader.generation, follower.generation), (Generation(2), Generation(2)));
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    assert_eq!((&leader.leader, &follower.leader), (&first.member, &first.member));

    let waiting = w.sync("g", &follower);
    assert!(w.waits(waiting), "until the leader decided");
    assert_eq!(w.state("g"), Some(GroupState::CompletingRebalance));
    let leading = w.sync("g", &leader);
    assert_eq!(
        (w.assigned(leading), w.assigned(waiting)),
        (assignment(Generation(2)), assignment(Generation(2)))
    );
    assert_eq!(w.state("g"), Some(GroupState::Stable));
    assert_eq!((w.beat("g", &leader), w.beat("g", &follower)), (Ok(()), Ok(())));
}

#[test]
fn a_cooperative_rebalance_takes_two_generations_and_never_stops_the_others() {
    let cooperative = |owned: &str| Join {
        protocols: vec![Protocol { name: "cooperative-sticky".into(), metadata: owned.to_owned().into() }],
        ..joiner("g")
    };
    let mut w = World::new();
    let first = w.stable("g", vec![cooperative("")]).remove(0);
    let second = w.join(cooperative(""));
    let again = w.join(Join { member: first.member.clone(), ..cooperative("t-0 t-1") });
    let (leader, joined) = (w.joined(again), w.joined(second));
    assert_eq!(leader.members.iter().find(|m| m.member == first.member).unwrap().metadata, "t-0 t-1");
    // the first generation only takes t-1 away; both rejoin at once for the second, which gives it
    for told in [&leader, &joined] {
        w.sync("g", told);
    }
    let token = w.ask(Command::Commit(commit_of("g", &leader.member, leader.generation.0, 7)));
    assert_eq!(error_of(&w.answer(token)), None, "who keeps its partitions goes on committing");
    let revoked = w.join(Join { member: first.member.clone(), ..cooperative("t-0") });
    let token = w.ask(Command::Commit(commit_of("g", &joined.member, joined.generation.0, 8)));
    assert_eq!(error_of(&w.answer(token)), None, "also while the next rebalance is being prepared");
    let waiting = w.rejoin("g", &joined);
    assert_eq!((w.joined(revoked).generation, w.joined(waiting).generation), (Generation(3), Generation(3)));
}

#[test]
fn when_the_leader_leaves_another_member_leads() {
    let mut w = World::new();
    let joined = w.stable("g", vec![joiner("g"), joiner("g"), joiner("g")]);
    let (leader, others) = joined.split_first().unwrap();
    assert_eq!(w.leave("g", &leader.member), Ok(()));
    assert_eq!(w.state("g"), Some(GroupState::PreparingRebalance));
    let tokens: Vec<Token> = others.iter().map(|o| w.rejoin("g", o)).collect();
    let told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    assert!(told.iter().all(|t| t.leader == told[0].leader && t.leader != leader.member));
    assert_eq!(told.iter().filter(|t| t.members.len() == 2).count(), 1);
}

#[test]
fn when_the_last_member_leaves_the_group_is_empty_in_the_log() {
    let mut w = World::new();
    let only = w.stable("g", vec![joiner("g")]).remove(0);
    assert_eq!(w.leave("g", &only.member), Ok(()));
    assert_eq!(w.state("g"), Some(GroupState::Empty));
    let Some(Record::Group { meta: Some(meta), .. }) = w.log.last() else { panic!() };
    assert_eq!((meta.generation, meta.members.len(), &meta.leader), (only.generation.next(), 0, &None));
    assert_eq!(meta.protocol_type, Some("consumer".into()));
    assert!(w.groups.live.get(&"g".into()).is_none(), "nothing soft is left");
    let again = w.stable("g", vec![joiner("g")]).remove(0);
    assert_eq!(again.generation, Generation(3), "generations go on");
}

#[test]
fn an_empty_group_whose_record_could_not_be_written_is_written_a_second_later() {
    let mut w = World::new();
    let only = w.stable("g", vec![joiner("g")]).remove(0);
    w.fail = Some(AppendFailure::Unavailable);
    assert_eq!(w.leave("g", &only.member), Err(GroupError::CoordinatorNotAvailable));
    assert_eq!(w.state("g"), Some(GroupState::PreparingRebalance));
    w.pass(1_000);
    assert_eq!(w.state("g"), Some(GroupState::Empty));
}

#[test]
fn a_hundred_members_join_in_one_round_and_the_loss_of_one_costs_one_more() {
    let mut w = World::with(|c| c.initial_rebalance_delay = DurationMs(3_000));
    let tokens: Vec<Token> = (0..100).map(|_| w.join(joiner("g"))).collect();
    assert!(tokens.iter().all(|t| w.waits(*t)), "the first rebalance waits for company");
    w.pass(6_000);
    let told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    assert!(told.iter().all(|t| t.generation == Generation(1)), "one round for all");
    let syncs: Vec<Token> = told.iter().map(|t| w.sync("g", t)).collect();
    assert!(syncs.into_iter().all(|s| w.assigned(s) == "g1"));
    assert_eq!(w.log.len(), 1, "one record a generation");

    assert_eq!(w.leave("g", &told[50].member), Ok(()));
    let stay: Vec<&Joined> = told.iter().filter(|t| t.member != told[50].member).collect();
    let tokens: Vec<Token> = stay.iter().map(|t| w.rejoin("g", t)).collect();
    let told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    assert!(told.iter().all(|t| t.generation == Generation(2)), "one round for the rest");
    assert_eq!(told.iter().find(|t| t.leader == t.member).unwrap().members.len(), 99);
}

#[test]
fn a_member_that_missed_its_answer_gets_it_again() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let follower = w.rejoin("g", &told[1]);
    assert_eq!(w.joined(follower), told[1], "nothing changed, nobody is disturbed");
    assert_eq!(w.state("g"), Some(GroupState::Stable));
    let leader = w.rejoin("g", &told[0]);
    assert!(w.waits(leader), "a leader rejoins because it wants to assign anew");
    let follower = w.rejoin("g", &told[1]);
    let (leader, follower) = (w.joined(leader), w.joined(follower));
    let again = w.rejoin("g", &leader);
    assert_eq!(w.joined(again), leader, "while the assignment is awaited the leader gets the roster again");
    let changed = Join { protocols: vec![protocol("range", &["u"])], ..w.rejoin_of("g", &follower.member) };
    let changed = w.join(changed);
    assert!(w.waits(changed), "a change of subscription is a new rebalance");
}

#[test]
fn of_two_requests_of_one_member_the_older_is_answered_at_once() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let old = w.rejoin("g", &told[0]);
    let new = w.rejoin("g", &told[0]);
    assert_eq!(w.refused(old), GroupError::RebalanceInProgress);
    let other = w.rejoin("g", &told[1]);
    let (_, follower) = (w.joined(new), w.joined(other));
    let old = w.sync("g", &follower);
    let new = w.sync("g", &follower);
    assert_eq!(w.refused(old), GroupError::RebalanceInProgress);
    assert!(w.waits(new));
}

#[test]
fn the_protocol_is_one_that_all_speak_and_most_prefer() {
    let speaking = |names: &[&str]| Join {
        protocols: names.iter().map(|name| protocol(name, &["t"])).collect(),
        ..joiner("g")
    };
    let cases: [(&[&[&str]], &str); 4] = [
        (&[&["range", "sticky"], &["sticky", "range"], &["sticky", "range"]], "sticky"),
        (&[&["a", "b"], &["b", "a"]], "a"),
        (&[&["x", "common"], &["y", "common"]], "common"),
        (&[&["only"]], "only"),
    ];
    for (members, expected) in cases {
        let mut w = World::with(|c| c.initial_rebalance_delay = DurationMs(100));
        let tokens: Vec<Token> = members.iter().map(|names| w.join(speaking(names))).collect();
        w.pass(200);
        for token in tokens {
            assert_eq!(w.joined(token).protocol, Some(expected.into()));
        }
    }
}

#[test]
fn if_the_assignment_can_not_be_written_everybody_is_told_to_try_again() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    let tokens: Vec<Token> = told.iter().map(|t| w.rejoin("g", t)).collect();
    let mut told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    told.sort_by_key(|t| !t.members.is_empty());
    let waiting = w.sync("g", &told[0]);
    w.fail = Some(AppendFailure::TooLarge);
    let leading = w.sync("g", &told[1]);
    assert_eq!(
        (w.refused(waiting), w.refused(leading)),
        (GroupError::RecordTooLarge, GroupError::RecordTooLarge)
    );
    assert_eq!(w.state("g"), Some(GroupState::PreparingRebalance));
    let tokens: Vec<Token> = told.iter().map(|t| w.rejoin("g", t)).collect();
    let told: Vec<Joined> = tokens.into_iter().map(|t| w.joined(t)).collect();
    assert!(
        told.iter().all(|t| t.generation == Generation(4)),
        "the lost generation's number is not used again"
    );
}

#[test]
fn a_new_coordinator_goes_on_with_the_last_written_generation() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g")]);
    w.fail_over();
    assert_eq!((w.beat("g", &told[0]), w.beat("g", &told[1])), (Ok(()), Ok(())));
    let synced = w.sync("g", &told[1]);
    assert_eq!(w.assigned(synced), assignment(told[1].generation));

    let waiting = w.rejoin("g", &told[0]);
    w.fail_over();
    assert_eq!(w.refused(waiting), GroupError::NotCoordinator);
    assert_eq!(w.state("g"), Some(GroupState::Stable));
    let newcomer = w.join(joiner("g"));
    assert!(w.waits(newcomer));
    let tokens = [w.rejoin("g", &told[0]), w.rejoin("g", &told[1])];
    let lost = w.joined(tokens[0]);
    w.fail_over();
    assert_eq!(w.beat("g", &lost), Err(GroupError::IllegalGeneration), "that generation was never written");
    w.pass(10_000);
    assert_eq!(w.state("g"), Some(GroupState::Empty), "loaded members that stay silent are expelled");
}

#[test]
fn a_group_that_outgrew_its_limit_is_rebalanced_when_it_is_loaded() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g"), joiner("g"), joiner("g")]);
    w.config.max_size = 2;
    w.fail_over();
    assert_eq!(w.state("g"), Some(GroupState::PreparingRebalance));
    let tokens: Vec<Token> = told.iter().map(|t| w.rejoin("g", t)).collect();
    assert_eq!(w.refused(tokens[2]), GroupError::GroupMaxSizeReached);
    assert_eq!(
        (w.joined(tokens[0]).generation, w.joined(tokens[1]).generation),
        (Generation(3), Generation(3))
    );
    assert_eq!(w.members("g"), 2);
    let newcomer = w.join(joiner("g"));
    assert_eq!(w.refused(newcomer), GroupError::GroupMaxSizeReached);
}

#[test]
fn who_does_not_coordinate_decides_nothing() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g")]).remove(0);
    let _ = w.groups.resign();
    assert_eq!(w.beat("g", &told), Err(GroupError::NotCoordinator));
    let joining = w.join(joiner("g"));
    assert_eq!(w.refused(joining), GroupError::NotCoordinator);
    assert_eq!(w.groups.describe(&"g".into()), Err(GroupError::NotCoordinator));
    assert_eq!(w.groups.list(&[], &[]), Err(GroupError::NotCoordinator));
    assert_eq!((w.groups.next_deadline(), w.groups.tick(w.now)), (None, None));
}
