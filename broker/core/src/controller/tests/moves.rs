use weir_model::PartitionIndex;

use super::list_reassignments::list;
use super::reassign::{Move, Reassign};
use super::*;

fn moving(target: Option<&[i32]>) -> Move {
    Move { topic: "t".to_owned(), index: PartitionIndex(0), target: target.map(ids), throttle: None }
}

fn begin(image: &mut Image, one: Move, factor_may_change: bool) -> Result<(), ControllerError> {
    let command = Reassign { moves: vec![one], allow_replication_factor_change: factor_may_change };
    let mut decision = reassign::decide(image, &command, &Pairs::new());
    applied(image, &decision.records);
    decision.reply.remove(0).1
}

/// (replicas, adding, removing, in sync) of "t".
fn shape(image: &Image) -> [Vec<i32>; 4] {
    let p = first(image, "t");
    [&p.replicas, &p.adding, &p.removing, &p.isr].map(|ids| ids.iter().map(|b| b.0).collect())
}

#[test]
fn a_move_adds_waits_for_all_and_swaps_in_one_step() {
    let mut image = with_topic(cluster(5), "t", &[&[0, 1, 2]]);
    let limited = Move { throttle: Some(5), ..moving(Some(&[3, 4, 2])) };
    begin(&mut image, limited, false).unwrap();
    assert_eq!(shape(&image), [vec![3, 4, 2, 0, 1], vec![3, 4], vec![0, 1], vec![0, 1, 2]]);
    assert_eq!(first(&image, "t").throttle, Some(5));
    assert_eq!(reign(&image, "t").0, Some(0), "the old leader serves on");
    propose(&mut image, "t", &[0, 1, 2, 3]).unwrap();
    assert!(first(&image, "t").is_moving());
    let before = first(&image, "t").leader_epoch;
    propose(&mut image, "t", &[0, 1, 2, 3, 4]).unwrap();
    assert_eq!(shape(&image), [vec![3, 4, 2], vec![], vec![], vec![2, 3, 4]]);
    assert_eq!((reign(&image, "t").0, first(&image, "t").throttle), (Some(3), None));
    assert_eq!(first(&image, "t").leader_epoch, before.next());
}

#[test]
fn what_needs_no_copy_happens_at_once() {
    type Case<'a> = (&'a [i32], bool, [Vec<i32>; 4]);
    let cases: [Case<'_>; 3] = [
        (&[2, 1, 0], false, [vec![2, 1, 0], vec![], vec![], vec![0, 1, 2]]),
        (&[1], true, [vec![1], vec![], vec![], vec![1]]),
        (&[0, 1, 2], false, [vec![0, 1, 2], vec![], vec![], vec![0, 1, 2]]),
    ];
    for (target, factor_may_change, expected) in cases {
        let mut image = with_topic(cluster(3), "t", &[&[0, 1, 2]]);
        let epoch = first(&image, "t").partition_epoch;
        begin(&mut image, moving(Some(target)), factor_may_change).unwrap();
        assert_eq!(shape(&image), expected, "{target:?}");
        let changed = target != [0, 1, 2];
        assert_eq!(first(&image, "t").partition_epoch.0 - epoch.0, i32::from(changed));
    }
}

#[test]
fn a_replica_that_was_taken_away_is_served_no_more_in_the_old_reign() {
    let mut image = with_topic(cluster(3), "t", &[&[0, 1, 2]]);
    begin(&mut image, moving(Some(&[0, 1])), true).unwrap();
    assert_eq!((reign(&image, "t").0, first(&image, "t").leader_epoch.0), (Some(0), 1));
}

#[test]
fn a_move_can_be_cancelled_and_replaced() {
    let mut image = with_topic(cluster(5), "t", &[&[0, 1]]);
    begin(&mut image, moving(Some(&[2, 3])), false).unwrap();
    propose(&mut image, "t", &[0, 1, 2]).unwrap();
    begin(&mut image, moving(Some(&[3, 4])), false).unwrap();
    let expected = [vec![3, 4, 0, 1], vec![3, 4], vec![0, 1], vec![0, 1]];
    assert_eq!(shape(&image), expected, "what the first move had added is gone");
    begin(&mut image, moving(None), false).unwrap();
    assert_eq!(shape(&image), [vec![0, 1], vec![], vec![], vec![0, 1]]);
    assert_eq!(begin(&mut image, moving(None), false), Err(ControllerError::NoReassignment));
}

#[test]
fn a_new_replica_that_leads_by_then_gives_way_when_its_move_is_cancelled() {
    let mut image = with_topic(cluster(3), "t", &[&[0, 1]]);
    begin(&mut image, moving(Some(&[2, 1])), false).unwrap();
    fence(&mut image, 1, true);
    propose(&mut image, "t", &[0, 2]).unwrap();
    fence(&mut image, 0, true);
    assert_eq!(reign(&image, "t"), (Some(2), vec![2], vec![]));
    let refused = begin(&mut image, moving(None), false);
    assert!(matches!(refused, Err(ControllerError::InvalidAssignment(_))), "only broker 2 has everything");
    fence(&mut image, 0, false);
    propose(&mut image, "t", &[2, 0]).unwrap();
    begin(&mut image, moving(None), false).unwrap();
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![]));
}

#[test]
fn a_cancelled_move_leaves_no_trace_of_a_replica_that_was_last_in_sync() {
    let mut image = with_topic(cluster(2), "t", &[&[0]]);
    image = with_setting(image, "t", "weir.durability", "replicated");
    begin(&mut image, moving(Some(&[0, 1])), true).unwrap();
    fence(&mut image, 0, true);
    image = with_setting(image, "t", "unclean.leader.election.enable", "true");
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![]));
    image = with_setting(image, "t", "unclean.leader.election.enable", "false");
    register(&mut image, RegisterBroker { clean: false, ..registering(1, None, true) }).unwrap();
    assert_eq!(first(&image, "t").last_known, Some(BrokerId(1)));
    begin(&mut image, moving(None), false).unwrap();
    assert_eq!((first(&image, "t").last_known, first(&image, "t").replicas), (None, ids(&[0])));
}

#[test]
fn an_election_can_end_a_move() {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    image = with_setting(image, "t", "min.insync.replicas", "2");
    propose(&mut image, "t", &[0]).unwrap();
    begin(&mut image, moving(Some(&[1])), true).unwrap();
    assert_eq!(shape(&image), [vec![1, 0], vec![], vec![0], vec![0]]);
    fence(&mut image, 0, true);
    assert_eq!(shape(&image), [vec![1], vec![], vec![], vec![1]]);
    assert_eq!(reign(&image, "t").0, Some(1));
}

#[test]
fn impossible_moves_are_refused_and_change_nothing() {
    use ControllerError as E;
    let mut image = with_topic(cluster(4), "t", &[&[0, 1]]);
    let disk = registering(3, None, true).incarnation;
    let decision = drain::decide(&image, BrokerId(3), disk, true);
    applied(&mut image, &decision.records);
    type Expected = fn(&E) -> bool;
    let cases: [(Move, Expected); 9] = [
        (moving(Some(&[])), |e| matches!(e, E::InvalidAssignment(_))),
        (moving(Some(&[0, 0])), |e| matches!(e, E::InvalidAssignment(_))),
        (moving(Some(&[0, 9])), |e| matches!(e, E::InvalidAssignment(_))),
        (moving(Some(&[0, -1])), |e| matches!(e, E::InvalidAssignment(_))),
        (moving(Some(&[0, 3])), |e| e.to_string() == "broker 3 is drained"),
        (moving(Some(&[0, 1, 2])), |e| matches!(e, E::InvalidReplicationFactor(_))),
        (Move { throttle: Some(0), ..moving(Some(&[0, 2])) }, |e| matches!(e, E::InvalidRequest(_))),
        (Move { topic: "u".to_owned(), ..moving(None) }, |e| matches!(e, E::UnknownTopic(_))),
        (Move { index: PartitionIndex(1), ..moving(None) }, |e| matches!(e, E::UnknownPartition { .. })),
    ];
    for (one, expected) in cases {
        let before = image.clone();
        let error = begin(&mut image, one.clone(), false).unwrap_err();
        assert!(expected(&error), "{one:?}: {error:?}");
        assert_eq!(image, before);
    }
    let level = Record::FeatureLevelChanged { name: METADATA_VERSION.to_owned(), level: 1 };
    applied(&mut image, &[level]);
    let refused = begin(&mut image, moving(Some(&[0, 2])), false);
    assert_eq!(refused, Err(E::MetadataVersion { needed: 2, finalised: 1 }));
}

#[test]
fn moves_of_one_request_stand_for_themselves() {
    let image = with_topic(cluster(3), "t", &[&[0, 1], &[0, 1]]);
    let second = Move { index: PartitionIndex(1), ..moving(Some(&[0, 2])) };
    let moves = vec![moving(Some(&[9, 0])), second.clone(), second];
    let decision =
        reassign::decide(&image, &Reassign { moves, allow_replication_factor_change: false }, &Pairs::new());
    let done: Vec<_> = decision.reply.iter().map(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!((done, decision.records.len()), (vec![false, true, false], 1));
}

#[test]
fn moves_are_listed_all_or_as_asked() {
    let mut image = with_topic(with_topic(cluster(3), "u", &[&[0]]), "t", &[&[0, 1], &[0, 1]]);
    begin(&mut image, moving(Some(&[0, 2])), false).unwrap();
    let found = |asked: Option<&[(&str, i32)]>| {
        let asked: Option<Vec<_>> =
            asked.map(|a| a.iter().map(|(t, i)| ((*t).to_owned(), PartitionIndex(*i))).collect());
        let moves = list(&image, asked.as_deref());
        moves
            .iter()
            .map(|m| (m.topic.name.to_string(), m.index.0, m.state.adding.clone()))
            .collect::<Vec<_>>()
    };
    let expected = vec![("t".to_owned(), 0, ids(&[2]))];
    assert_eq!(found(None), expected);
    assert_eq!(found(Some(&[("t", 1), ("t", 0), ("u", 0), ("nope", 0), ("t", 9)])), expected);
    assert_eq!(found(Some(&[])), vec![]);
}
