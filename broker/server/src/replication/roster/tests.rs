use uuid::Uuid;

use super::*;

const EPOCH: LeaderEpoch = LeaderEpoch(3);

fn key(index: i32) -> Key {
    (TopicId(Uuid::nil()), PartitionIndex(index))
}

fn at(offset: i64) -> Position {
    let last_epoch = if offset == 0 { LeaderEpoch::NONE } else { EPOCH };
    Position { offset: Offset(offset), last_epoch, log_start: Offset::ZERO }
}

/// Follows so many partitions, and has a session for them.
fn in_session(count: i32) -> Roster {
    let mut roster = Roster::default();
    for index in 0..count {
        let term = roster.follow(key(index), EPOCH);
        roster.on_position(key(index), term, at(0));
    }
    let opened = roster.plan().unwrap();
    roster.on_answer(opened.step, 77);
    roster
}

fn mentioned(plan: &Plan) -> Vec<i32> {
    plan.mentions.iter().map(|mention| mention.key.1.0).collect()
}

#[test]
fn an_idle_session_of_ten_thousand_partitions_mentions_none() {
    let mut roster = in_session(10_000);
    for epoch in 1..4 {
        let plan = roster.plan().unwrap();
        assert_eq!(plan.step, SessionStep { id: 77, epoch, generation: 0 });
        assert!(plan.mentions.is_empty() && plan.forgotten.is_empty());
        roster.on_answer(plan.step, 77);
    }
}

#[test]
fn a_partition_that_waits_for_its_isr_is_mentioned_again_where_it_stands() {
    let mut roster = in_session(2);
    roster.repeat(key(1));
    roster.repeat(key(1));
    let plan = roster.plan().unwrap();
    assert_eq!(mentioned(&plan), [1]);
    assert_eq!(plan.mentions[0].position, at(0));
    assert!(roster.plan().unwrap().mentions.is_empty(), "once for each time");
}

#[test]
fn what_its_owner_is_busy_with_is_not_mentioned_again() {
    let mut roster = in_session(1);
    roster.deliver(key(0)).unwrap();
    roster.repeat(key(0));
    assert!(roster.plan().unwrap().mentions.is_empty());
}

#[test]
fn a_partition_is_asked_for_only_once_its_owner_has_said_where_it_stands() {
    let mut roster = Roster::default();
    let first = roster.follow(key(0), EPOCH);
    let second = roster.follow(key(1), EPOCH);
    assert_eq!(roster.plan(), None);
    roster.on_position(key(1), second, at(5));
    let plan = roster.plan().unwrap();
    assert_eq!((plan.step.id, plan.step.epoch, mentioned(&plan)), (0, 0, vec![1]));
    assert!(!roster.can_go_on(), "the session has no number yet");
    roster.on_position(key(0), first, at(9));
    assert_eq!(roster.plan(), None, "one session is opened at a time");
    roster.on_answer(plan.step, 5);
    assert_eq!(mentioned(&roster.plan().unwrap()), [0]);
}

#[test]
fn what_came_is_delivered_once_and_mentioned_again_when_it_is_taken() {
    let mut roster = in_session(2);
    roster.plan().unwrap();
    let (term, asked) = roster.deliver(key(1)).unwrap();
    assert_eq!((asked.leader_epoch, asked.position), (EPOCH, at(0)));
    assert_eq!(roster.deliver(key(1)), None, "its owner is busy");
    assert!(roster.plan().unwrap().mentions.is_empty(), "a busy partition holds nobody up");
    roster.on_position(key(1), term, at(10));
    let plan = roster.plan().unwrap();
    assert_eq!(plan.mentions, [Mention { key: key(1), leader_epoch: EPOCH, position: at(10) }]);
}

#[test]
fn an_answer_to_an_earlier_word_changes_nothing() {
    let mut roster = in_session(1);
    let (stale, _) = roster.deliver(key(0)).unwrap();
    let fresh = roster.follow(key(0), LeaderEpoch(4));
    roster.on_position(key(0), stale, at(10));
    roster.on_trouble(key(0), stale, Millis(0));
    assert!(!roster.has_news() && roster.next_wake().is_none());
    roster.on_position(key(0), fresh, at(3));
    let plan = roster.plan().unwrap();
    assert_eq!((plan.mentions[0].leader_epoch, plan.mentions[0].position), (LeaderEpoch(4), at(3)));
}

#[test]
fn a_partition_that_is_no_longer_followed_is_forgotten_once() {
    let mut roster = in_session(2);
    roster.unfollow(key(0));
    assert!(roster.has_news());
    let plan = roster.plan().unwrap();
    assert_eq!((mentioned(&plan), plan.forgotten), (vec![], vec![key(0)]));
    assert!(roster.plan().unwrap().forgotten.is_empty());
    roster.unfollow(key(1));
    assert_eq!(roster.plan().unwrap().forgotten, [key(1)]);
    assert_eq!(roster.plan(), None, "nothing is left to ask for");
}

#[test]
fn a_partition_that_comes_back_before_it_was_forgotten_is_not() {
    let mut roster = in_session(2);
    roster.unfollow(key(0));
    let term = roster.follow(key(0), LeaderEpoch(4));
    roster.on_position(key(0), term, at(1));
    let plan = roster.plan().unwrap();
    assert_eq!((mentioned(&plan), plan.forgotten), (vec![0], vec![]));
}

#[test]
fn an_error_rests_its_own_partition_only_and_longer_each_time() {
    let mut roster = in_session(2);
    let mut now = Millis(0);
    for expected in [20, 40, 80, 160, 320, 640, 1_000, 1_000] {
        roster.rest(key(0), now);
        assert_eq!(roster.next_wake(), Some(now + DurationMs(expected)));
        assert_eq!(roster.wake(now + DurationMs(expected - 1)), []);
        now = now + DurationMs(expected);
        assert_eq!(roster.wake(now).len(), 1);
    }
    assert!(roster.asked(key(1)).is_some());
    roster.rest(key(0), now);
    let (_, term) = roster.wake(Millis(i64::MAX))[0];
    roster.on_position(key(0), term, at(1));
    roster.rest(key(0), now);
    assert_eq!(roster.next_wake(), Some(now + PAUSE_LEAST), "success forgets the errors before it");
}

#[test]
fn a_lost_session_is_opened_again_with_everything_and_late_answers_do_not_count() {
    let mut roster = in_session(3);
    let last = roster.plan().unwrap();
    roster.deliver(key(2)).unwrap();
    roster.lose_session(last.step.generation);
    roster.lose_session(last.step.generation);
    let opened = roster.plan().unwrap();
    assert_eq!(
        (opened.step, mentioned(&opened)),
        (SessionStep { id: 0, epoch: 0, generation: 1 }, vec![0, 1])
    );
    roster.on_answer(SessionStep { id: 0, epoch: 0, generation: 0 }, 66);
    assert!(!roster.can_go_on());
    roster.on_answer(opened.step, 88);
    assert_eq!(roster.plan().unwrap().step, SessionStep { id: 88, epoch: 1, generation: 1 });
}

#[test]
fn a_leader_without_room_for_a_session_is_asked_for_everything_each_time() {
    let mut roster = in_session(2);
    roster.lose_session(0);
    for _ in 0..3 {
        let plan = roster.plan().unwrap();
        assert_eq!((plan.step.id, mentioned(&plan)), (0, vec![0, 1]));
        roster.on_answer(plan.step, 0);
    }
}

#[test]
fn epochs_of_a_long_session_begin_anew_at_one() {
    let mut roster = in_session(1);
    roster.session.next_epoch = i32::MAX;
    assert_eq!(roster.plan().unwrap().step.epoch, i32::MAX);
    assert_eq!(roster.plan().unwrap().step.epoch, 1);
}
