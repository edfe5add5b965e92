use weir_model::PartitionIndex;

use super::elect_leaders::{ElectLeaders, ElectionKind};
use super::*;
use crate::partition::IsrCause;

type Outcome = ((String, PartitionIndex), Result<(), ControllerError>);

fn elect(image: &mut Image, kind: ElectionKind, partitions: Option<&[(&str, i32)]>) -> Vec<Outcome> {
    let named = |p: &[(&str, i32)]| p.iter().map(|(t, i)| ((*t).to_owned(), PartitionIndex(*i))).collect();
    let command = ElectLeaders { kind, partitions: partitions.map(named) };
    let decision = elect_leaders::decide(image, &command, &Pairs::new());
    applied(image, &decision.records);
    decision.reply
}

/// "t" prefers 0 but is led by 1, with both in sync.
fn led_by_another() -> Image {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    fence(&mut image, 0, true);
    fence(&mut image, 0, false);
    propose(&mut image, "t", &[1, 0]).unwrap();
    assert_eq!(reign(&image, "t"), (Some(1), vec![1, 0], vec![]));
    image
}

#[test]
fn the_preferred_leader_leads_again_when_asked() {
    for partitions in [None, Some(&[("t", 0)][..])] {
        let mut image = led_by_another();
        let reply = elect(&mut image, ElectionKind::Preferred, partitions);
        assert_eq!(reply, [(("t".to_owned(), PartitionIndex(0)), Ok(()))]);
        assert_eq!(reign(&image, "t").0, Some(0));
        assert_eq!(first(&image, "t").leader_epoch.0, 2);
    }
}

#[test]
fn elections_that_are_not_needed_or_not_possible_say_so() {
    use ControllerError as E;
    let mut image = with_topic(led_by_another(), "u", &[&[0, 1]]);
    let one = |image: &mut Image, kind, topic, index| elect(image, kind, Some(&[(topic, index)])).remove(0).1;
    let preferred = ElectionKind::Preferred;
    assert_eq!(one(&mut image, preferred, "u", 0), Err(E::ElectionNotNeeded));
    assert_eq!(one(&mut image, ElectionKind::Unclean, "u", 0), Err(E::ElectionNotNeeded));
    assert_eq!(one(&mut image, preferred, "nope", 0), Err(E::UnknownTopic("nope".to_owned())));
    assert!(matches!(one(&mut image, preferred, "u", 1), Err(E::UnknownPartition { .. })));
    assert!(matches!(one(&mut image, preferred, "u", -1), Err(E::UnknownPartition { .. })));
    propose(&mut image, "t", &[1]).unwrap();
    assert_eq!(one(&mut image, preferred, "t", 0), Err(E::PreferredLeaderNotAvailable(BrokerId(0))));
    let twice = elect(&mut image, preferred, Some(&[("t", 0), ("t", 0)]));
    assert!(matches!(twice[1].1, Err(E::Duplicate(_))));
    fence(&mut image, 1, true);
    fence(&mut image, 0, true);
    assert_eq!(one(&mut image, ElectionKind::Unclean, "t", 0), Err(E::EligibleLeadersNotAvailable));
}

#[test]
fn an_unclean_election_takes_whoever_is_there_and_forgets_the_others() {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    fence(&mut image, 1, true);
    fence(&mut image, 0, true);
    fence(&mut image, 1, false);
    assert_eq!(reign(&image, "t"), (None, vec![0], vec![]));
    let preferred = elect(&mut image, ElectionKind::Preferred, None);
    assert_eq!(preferred[0].1, Err(ControllerError::PreferredLeaderNotAvailable(BrokerId(0))));
    assert_eq!(elect(&mut image, ElectionKind::Unclean, None)[0].1, Ok(()));
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![]));
    fence(&mut image, 0, false);
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![]));
}

#[test]
fn who_was_last_in_sync_is_the_first_choice_of_an_unclean_election() {
    let mut image =
        with_setting(with_topic(cluster(3), "t", &[&[0, 1, 2]]), "t", "weir.durability", "replicated");
    for id in [0, 1, 2] {
        fence(&mut image, id, true);
    }
    register(&mut image, RegisterBroker { clean: false, ..registering(2, None, true) }).unwrap();
    for id in [0, 1, 2] {
        fence(&mut image, id, false);
    }
    assert_eq!(reign(&image, "t"), (None, vec![], vec![]));
    assert_eq!(elect(&mut image, ElectionKind::Unclean, None).len(), 1);
    assert_eq!(reign(&image, "t"), (Some(2), vec![2], vec![]), "brokers 0 and 1 have been away for longer");
    assert_eq!(first(&image, "t").last_known, None);
}

#[test]
fn a_topic_that_accepts_losses_is_led_by_anybody_at_once() {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    fence(&mut image, 1, true);
    fence(&mut image, 0, true);
    fence(&mut image, 1, false);
    assert_eq!(reign(&image, "t").0, None);
    let image = with_setting(image, "t", "unclean.leader.election.enable", "true");
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![]));
}

#[test]
fn rebalancing_goes_on_where_it_stopped_and_looks_at_no_more_than_it_may() {
    let mut image = with_topic(cluster(3), "t", &[&[0, 1] as &[i32]; 5]);
    fence(&mut image, 0, true);
    fence(&mut image, 0, false);
    let topic = image.topic("t").unwrap().id;
    let caught_up: Vec<_> = image
        .topic("t")
        .unwrap()
        .numbered()
        .filter(|(index, _)| index.0 != 2)
        .map(|(index, p)| alter_partitions::IsrChange {
            topic,
            index,
            leader_epoch: p.leader_epoch,
            partition_epoch: p.partition_epoch,
            isr: vec![member(&image, 0), member(&image, 1)],
            cause: IsrCause::InSync,
        })
        .collect();
    let command =
        alter_partitions::AlterPartitions { broker: BrokerId(1), broker_epoch: 0, partitions: caught_up };
    let decision = alter_partitions::decide(&image, &command, &Pairs::new());
    applied(&mut image, &decision.records);
    let (mut cursor, mut moved) = (None, Vec::new());
    for _ in 0..10 {
        let decision = rebalance_leaders::decide(&image, cursor, 2, &Pairs::new());
        applied(&mut image, &decision.records);
        moved.push(decision.reply.moved);
        cursor = decision.reply.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(moved, [2, 1, 1], "partition 2 is passed over: broker 0 is not in sync there");
    let leaders: Vec<_> = image.topic("t").unwrap().partitions.iter().map(|p| p.leader.unwrap().0).collect();
    assert_eq!(leaders, [0, 0, 1, 0, 0]);
    fence(&mut image, 0, true);
    let idle = rebalance_leaders::decide(&image, None, 1, &Pairs::new());
    assert_eq!(
        idle.reply,
        rebalance_leaders::Swept { moved: 0, next: None },
        "a fenced broker is passed over"
    );
}
