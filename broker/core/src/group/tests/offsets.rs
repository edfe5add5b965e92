//! Offsets: what is remembered, what is shown, and when it is forgotten.

use super::*;
use uuid::Uuid;

const HOUR: i64 = 3_600_000;
const WEEK: i64 = 7 * 24 * HOUR;

fn simple_commit(w: &mut World, group: &str, name: &str, offset: i64) {
    let mut commit = commit_of(group, &MemberId::default(), -1, offset);
    commit.topics[0].topic = topic(name);
    let token = w.ask(Command::Commit(commit));
    assert_eq!(error_of(&w.answer(token)), None);
}

fn fetch(w: &World, group: &str, name: &str) -> Option<i64> {
    let wanted =
        WantedTopic { topic: topic(name), topic_id: TopicId::ZERO, partitions: vec![PartitionIndex(0)] };
    let request = FetchOffsets { group: group.into(), topics: Some(vec![wanted]), require_stable: true };
    let found = w.groups.fetch_offsets(&request).unwrap().remove(0).partitions.remove(0).1.unwrap();
    found.map(|o| o.offset.0)
}

#[test]
fn a_consumer_without_a_group_commits_and_reads_back() {
    let mut w = World::new();
    simple_commit(&mut w, "g", "t", 42);
    simple_commit(&mut w, "g", "u", 43);
    assert_eq!((fetch(&w, "g", "t"), fetch(&w, "g", "none"), fetch(&w, "none", "t")), (Some(42), None, None));
    assert_eq!(w.state("g"), Some(GroupState::Empty));
    assert_eq!(w.groups.list(&[], &[]).unwrap()[0].protocol_type, "".into());
    let all = FetchOffsets { group: "g".into(), topics: None, require_stable: false };
    let all = w.groups.fetch_offsets(&all).unwrap();
    assert_eq!(all.iter().map(|t| t.topic.as_str()).collect::<Vec<_>>(), ["t", "u"]);
    let (_, Ok(Some(first))) = &all[0].partitions[0] else { panic!() };
    assert_eq!((first.leader_epoch, &*first.metadata), (LeaderEpoch(3), "note"));
    w.fail_over();
    assert_eq!(fetch(&w, "g", "t"), Some(42));
}

#[test]
fn an_offset_of_the_topics_former_life_is_not_shown() {
    let mut w = World::new();
    let (old, new) = (TopicId(Uuid::from_u128(7)), TopicId(Uuid::from_u128(8)));
    let mut commit = commit_of("g", &MemberId::default(), -1, 5);
    commit.topics[0].topic_id = old;
    w.ask(Command::Commit(commit));
    for (wanted, expected) in [(old, true), (new, false), (TopicId::ZERO, true)] {
        let topics =
            vec![WantedTopic { topic: topic("t"), topic_id: wanted, partitions: vec![PartitionIndex(0)] }];
        let request = FetchOffsets { group: "g".into(), topics: Some(topics), require_stable: false };
        let found = w.groups.fetch_offsets(&request).unwrap();
        assert_eq!(found[0].partitions[0].1.as_ref().unwrap().is_some(), expected);
    }
}

#[test]
fn a_note_that_is_too_long_costs_only_its_own_partition() {
    let mut w = World::with(|c| c.max_offset_metadata = 4);
    let mut commit = commit_of("g", &MemberId::default(), -1, 5);
    let mut long = commit.topics[0].partitions[0].clone();
    long.partition = PartitionIndex(1);
    long.metadata = "😀😀😀".into();
    commit.topics[0].partitions.push(long);
    let token = w.ask(Command::Commit(commit));
    let Reply::Commit(Ok(topics)) = w.answer(token) else { panic!() };
    let outcomes: Vec<_> = topics[0].partitions.iter().map(|(_, o)| *o).collect();
    assert_eq!(outcomes, [Ok(()), Err(GroupError::OffsetMetadataTooLarge)]);
    assert_eq!(w.log.len(), 1);
}

#[test]
fn a_commit_that_can_not_be_written_is_not_remembered() {
    let mut w = World::new();
    w.fail = Some(AppendFailure::Unavailable);
    let token = w.ask(Command::Commit(commit_of("g", &MemberId::default(), -1, 5)));
    assert_eq!(w.refused(token), GroupError::CoordinatorNotAvailable);
    assert_eq!((fetch(&w, "g", "t"), w.state("g")), (None, None));
}

#[test]
fn a_commit_keeps_the_session_alive() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g")]).remove(0);
    for offset in 0..5 {
        w.pass(9_000);
        let token = w.ask(Command::Commit(commit_of("g", &told.member, told.generation.0, offset)));
        assert_eq!(error_of(&w.answer(token)), None);
    }
}

#[test]
fn offsets_of_a_simple_consumer_end_a_week_after_their_commit() {
    let mut w = World::new();
    simple_commit(&mut w, "g", "t", 1);
    w.pass(WEEK / 2);
    simple_commit(&mut w, "g", "u", 1);
    w.pass(WEEK / 2 + HOUR);
    assert_eq!((fetch(&w, "g", "t"), fetch(&w, "g", "u")), (None, Some(1)));
    w.pass(WEEK / 2);
    assert_eq!(w.state("g"), None, "with its last offset the group is gone");
}

#[test]
fn offsets_of_a_group_end_a_week_after_its_last_member_left() {
    let mut w = World::new();
    let told = w.stable("g", vec![joiner("g")]).remove(0);
    let token = w.ask(Command::Commit(commit_of("g", &told.member, told.generation.0, 9)));
    assert_eq!(error_of(&w.answer(token)), None);
    for _ in 0..(WEEK / 9_000 / 10) {
        w.now.steady = w.now.steady + DurationMs(90_000 - 9_000);
        w.now.wall = w.now.wall + DurationMs(90_000 - 9_000);
        let mut group = w.groups.live.take(&"g".into()).unwrap();
        group.restart_session(&told.member, w.now.steady);
        w.groups.live.put(group);
        w.pass(9_000);
    }
    assert_eq!(fetch(&w, "g", "t"), Some(9), "an old commit of a topic in use");
    w.leave("g", &told.member).unwrap();
    w.pass(WEEK - HOUR);
    assert_eq!(fetch(&w, "g", "t"), Some(9), "the week starts when the group is empty");
    w.pass(2 * HOUR);
    assert_eq!((fetch(&w, "g", "t"), w.state("g")), (None, None));
}

#[test]
fn live_consumers_lose_only_offsets_of_topics_they_left() {
    for (protocol_type, metadata, left_kept, used_kept) in [
        ("consumer", subscription(&["used"]), false, true),
        ("consumer", Bytes::from_static(b"garbage"), true, true),
        ("connect", subscription(&["used"]), true, true),
    ] {
        let mut w = World::with(|c| c.offsets_retention = DurationMs(HOUR));
        for name in ["left", "used"] {
            simple_commit(&mut w, "g", name, 5);
        }
        let protocols = vec![Protocol { name: "p".into(), metadata }];
        let session_timeout = DurationMs(1_800_000);
        let join = Join { protocols, protocol_type: protocol_type.into(), session_timeout, ..joiner("g") };
        let told = w.stable("g", vec![join]).remove(0);
        for _ in 0..6 {
            w.pass(HOUR / 3);
            assert_eq!(w.beat("g", &told), Ok(()));
        }
        assert_eq!(
            (fetch(&w, "g", "left").is_some(), fetch(&w, "g", "used").is_some()),
            (left_kept, used_kept)
        );
    }
}

#[test]
fn an_end_that_the_client_chose_counts_more_than_the_retention() {
    let mut w = World::new();
    let mut commit = commit_of("g", &MemberId::default(), -1, 5);
    commit.retention = Some(DurationMs(HOUR));
    w.ask(Command::Commit(commit));
    w.pass(HOUR - 700_000);
    assert_eq!(fetch(&w, "g", "t"), Some(5));
    w.pass(1_400_000);
    assert_eq!(fetch(&w, "g", "t"), None);
}

#[test]
fn a_wall_clock_that_jumps_does_not_age_offsets() {
    for jump in [HOUR, 2 * WEEK, -HOUR] {
        let mut w = World::new();
        simple_commit(&mut w, "g", "t", 1);
        w.pass(HOUR);
        w.now.wall = w.now.wall + DurationMs(jump);
        w.pass(WEEK - 2 * HOUR);
        assert_eq!(fetch(&w, "g", "t"), Some(1), "jump by {jump}");
        w.pass(4 * HOUR);
        assert_eq!(fetch(&w, "g", "t"), None, "and it does end, after a jump by {jump}");
    }
}

#[test]
fn a_search_goes_in_steps_and_reaches_everybody() {
    let mut w = World::with(|c| c.offsets_retention = DurationMs(HOUR));
    let mut log = Vec::new();
    for n in 0..3_000 {
        let group = GroupId::from(&*format!("g{n}"));
        let meta = records::GroupMeta { protocol_type: Some("consumer".into()), ..Default::default() };
        log.push(Record::Group { group, meta: Some(meta) });
    }
    log.iter().for_each(|record| w.groups.apply(record));
    w.now.steady = w.now.steady + DurationMs(HOUR);
    w.now.wall = w.now.wall + DurationMs(HOUR);
    let mut steps = 0;
    while let Some(decision) = w.groups.tick(w.now) {
        assert!(decision.records.len() <= 1_000);
        decision.records.iter().for_each(|record| w.groups.apply(record));
        steps += 1;
    }
    assert!(steps > 3);
    assert_eq!(w.groups.list(&[], &[]), Ok(Vec::new()));
}

#[test]
fn offsets_are_deleted_unless_a_member_uses_the_topic() {
    let mut w = World::new();
    for name in ["t", "u", "v"] {
        simple_commit(&mut w, "g", name, 1);
    }
    w.stable("g", vec![joiner("g")]);
    let topics =
        vec![(topic("t"), vec![PartitionIndex(0)]), (topic("u"), vec![PartitionIndex(0), PartitionIndex(9)])];
    let token = w.ask(Command::DeleteOffsets(DeleteOffsets { group: "g".into(), topics }));
    let Reply::DeleteOffsets(Ok(outcomes)) = w.answer(token) else { panic!() };
    assert_eq!(outcomes[0].partitions, [(PartitionIndex(0), Err(GroupError::GroupSubscribedToTopic))]);
    assert_eq!(outcomes[1].partitions, [(PartitionIndex(0), Ok(())), (PartitionIndex(9), Ok(()))]);
    assert_eq!((fetch(&w, "g", "t"), fetch(&w, "g", "u"), fetch(&w, "g", "v")), (Some(1), None, Some(1)));
}

#[test]
fn deleted_groups_and_topics_leave_nothing_behind() {
    let mut w = World::new();
    for group in ["a", "b"] {
        simple_commit(&mut w, group, "t", 1);
        simple_commit(&mut w, group, "u", 1);
    }
    let token = w.ask(Command::DeleteGroups(vec!["a".into(), "none".into()]));
    let Reply::DeleteGroups(outcomes) = w.answer(token) else { panic!() };
    assert_eq!(outcomes, [("a".into(), Ok(())), ("none".into(), Err(GroupError::GroupIdNotFound))]);
    let decision = w.groups.forget_topics(&[topic("t"), topic("x")].into());
    assert_eq!(decision.records.len(), 1);
    w.carry_out(decision);
    assert_eq!((fetch(&w, "b", "t"), fetch(&w, "b", "u")), (None, Some(1)));
}

#[test]
fn a_new_subscription_protects_its_offsets_before_the_assignment_is_there() {
    let mut w = World::new();
    for name in ["t", "u"] {
        simple_commit(&mut w, "g", name, 1);
    }
    let told = w.stable("g", vec![joiner("g")]).remove(0);
    let token =
        w.join(Join { protocols: vec![protocol("range", &["t", "u"])], ..w.rejoin_of("g", &told.member) });
    w.joined(token);
    assert_eq!(w.state("g"), Some(GroupState::CompletingRebalance));
    let topics = vec![(topic("u"), vec![PartitionIndex(0)])];
    let token = w.ask(Command::DeleteOffsets(DeleteOffsets { group: "g".into(), topics }));
    assert_eq!(w.refused(token), GroupError::GroupSubscribedToTopic);
}
