use std::collections::BTreeSet;

use weir_model::{DurationMs, Millis};

use super::voters::{Absences, Change, Member, Membership, next_change};
use super::*;

const REPLACE: DurationMs = DurationMs(1_000);

fn node(id: i32) -> Member {
    Member { broker: BrokerId(id), incarnation: registering(id, None, false).incarnation }
}

/// The same broker with the disk it had before.
fn former(id: i32) -> Member {
    Member { incarnation: Incarnation(Uuid::from_u128(7)), ..node(id) }
}

fn nodes(ids: &[i32]) -> BTreeSet<Member> {
    ids.iter().map(|id| node(*id)).collect()
}

/// What follows for brokers of which some are fenced, the fenced ones being away for so long.
fn next(
    brokers: i32,
    fenced: &[i32],
    away: i64,
    voters: &BTreeSet<Member>,
    learners: &BTreeSet<Member>,
    caught_up: &[i32],
) -> Option<Change> {
    let mut image = cluster(brokers);
    for id in fenced {
        fence(&mut image, *id, true);
    }
    let mut absences = Absences::default();
    absences.observe(&image, Millis(5));
    let caught_up = nodes(caught_up);
    let membership = Membership { me: node(0), voters, learners, caught_up: &caught_up };
    next_change(&image, &membership, &absences, REPLACE, Millis(5 + away))
}

#[test]
fn the_quorum_follows_the_brokers_one_change_at_a_time() {
    use Change::{AddLearner, Demote, Promote, Replace};
    type Case<'a> = (&'a str, i32, &'a [i32], i64, &'a [i32], &'a [i32], &'a [i32], Option<Change>);
    let cases: [Case<'_>; 17] = [
        ("alone", 1, &[], 0, &[0], &[], &[], None),
        ("a second broker follows", 2, &[], 0, &[0], &[], &[], Some(AddLearner(node(1)))),
        ("a fenced one too", 2, &[1], 0, &[0], &[], &[], Some(AddLearner(node(1)))),
        ("two are one voter", 2, &[], 0, &[0], &[1], &[1], None),
        ("from one to three", 3, &[], 0, &[0], &[1, 2], &[1, 2], Some(Promote(node(1)))),
        ("who has caught up first", 3, &[], 0, &[0], &[1, 2], &[2], Some(Promote(node(2)))),
        ("through two", 3, &[], 0, &[0, 1], &[2], &[2], Some(Promote(node(2)))),
        ("nobody has caught up", 3, &[], 0, &[0], &[1, 2], &[], None),
        ("not begun while one is away", 3, &[2], 0, &[0], &[1, 2], &[1], None),
        ("three are enough", 4, &[], 0, &[0, 1, 2], &[3], &[3], None),
        ("away for a moment", 4, &[1], 999, &[0, 1, 2], &[3], &[3], None),
        (
            "away for long",
            4,
            &[1],
            1_000,
            &[0, 1, 2],
            &[3],
            &[3],
            Some(Replace { old: node(1), new: node(3) }),
        ),
        ("nobody could replace it", 3, &[1], 9_000, &[0, 1, 2], &[], &[], None),
        ("its replacement is away too", 4, &[1, 3], 9_000, &[0, 1, 2], &[3], &[3], None),
        ("the leader does not replace itself", 4, &[0], 9_000, &[0, 1, 2], &[3], &[3], None),
        ("more than three were named", 5, &[], 0, &[0, 1, 2, 3, 4], &[], &[], Some(Demote(node(4)))),
        ("who is away goes first", 5, &[2], 0, &[0, 1, 2, 3, 4], &[], &[], Some(Demote(node(2)))),
    ];
    for (what, brokers, fenced, away, voters, learners, caught_up, expected) in cases {
        let found = next(brokers, fenced, away, &nodes(voters), &nodes(learners), caught_up);
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn nodes_that_can_not_come_back_leave_before_anything_else_happens() {
    let mut voters = nodes(&[0, 2]);
    voters.insert(former(1));
    assert_eq!(next(3, &[], 0, &voters, &nodes(&[1]), &[1]), Some(Change::Remove(former(1))));
    let learners = BTreeSet::from([former(1)]);
    assert_eq!(next(3, &[], 0, &nodes(&[0]), &learners, &[]), Some(Change::Remove(former(1))));
}

#[test]
fn a_broker_that_was_unregistered_leaves_and_one_that_is_yet_to_come_stays() {
    let mut gone = cluster(6);
    gone.apply(&Record::BrokerUnregistered { id: BrokerId(5), epoch: 0 }).unwrap();
    let yet_to_come = cluster(1);
    let cases = [
        (&gone, nodes(&[0, 5]), nodes(&[1, 2, 3, 4]), Some(Change::Remove(node(5)))),
        (&gone, nodes(&[0]), nodes(&[1, 2, 3, 4, 5]), Some(Change::Remove(node(5)))),
        (&yet_to_come, nodes(&[0, 1, 2]), BTreeSet::new(), None),
    ];
    for (image, voters, learners, expected) in cases {
        let caught_up = BTreeSet::new();
        let membership =
            Membership { me: node(0), voters: &voters, learners: &learners, caught_up: &caught_up };
        let found = next_change(image, &membership, &Absences::default(), REPLACE, Millis(0));
        assert_eq!(found, expected);
    }
}

#[test]
fn two_voters_of_two_brokers_become_one() {
    let found = next(2, &[], 0, &nodes(&[0, 1]), &BTreeSet::new(), &[]);
    assert_eq!(found, Some(Change::Demote(node(1))), "the leader stays");
}

#[test]
fn changes_come_to_an_end_whatever_the_start() {
    for brokers in 1..6 {
        let image = cluster(brokers);
        let everybody: Vec<i32> = (0..brokers).collect();
        let all = nodes(&everybody);
        let before = |id: i32| (id < brokers).then(|| former(id));
        let (mut voters, mut learners): (BTreeSet<_>, BTreeSet<_>) =
            (before(3).into_iter().chain([node(0)]).collect(), before(1).into_iter().collect());
        let mut steps = 0;
        loop {
            let membership =
                Membership { me: node(0), voters: &voters, learners: &learners, caught_up: &all };
            let change = next_change(&image, &membership, &Absences::default(), REPLACE, Millis(0));
            match change {
                None => break,
                Some(Change::AddLearner(one)) => _ = learners.insert(one),
                Some(Change::Promote(one)) => _ = (learners.remove(&one), voters.insert(one)),
                Some(Change::Demote(one)) => _ = (voters.remove(&one), learners.insert(one)),
                Some(Change::Remove(one)) => _ = (voters.remove(&one), learners.remove(&one)),
                Some(Change::Replace { old, new }) => {
                    voters.remove(&old);
                    voters.insert(new);
                }
            }
            steps += 1;
            assert!(steps < 20, "{change:?}");
        }
        assert_eq!(voters.len(), if brokers >= 3 { 3 } else { 1 });
        assert_eq!(voters.len() + learners.len(), brokers as usize);
    }
}

#[test]
fn an_absence_counts_from_when_it_was_first_seen_and_ends_with_a_return() {
    let mut image = cluster(4);
    let (voters, learners) = (nodes(&[0, 1, 2]), nodes(&[3]));
    let membership = Membership { me: node(0), voters: &voters, learners: &learners, caught_up: &learners };
    let mut absences = Absences::default();
    fence(&mut image, 1, true);
    absences.observe(&image, Millis(100));
    absences.observe(&image, Millis(900));
    assert_eq!(absences.next_deadline(&membership, REPLACE), Some(Millis(1_100)));
    let due = |absences: &Absences, image: &Image, now| {
        next_change(image, &membership, absences, REPLACE, Millis(now)).is_some()
    };
    assert!(!due(&absences, &image, 1_099) && due(&absences, &image, 1_100));
    fence(&mut image, 1, false);
    absences.observe(&image, Millis(1_100));
    fence(&mut image, 1, true);
    absences.observe(&image, Millis(1_200));
    assert!(!due(&absences, &image, 2_199) && due(&absences, &image, 2_200));
}
