use weir_model::{LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId};

use super::alter_partitions::{AlterPartitions, IsrChange, IsrError, IsrMember};
use super::*;
use crate::partition::IsrCause;

/// One proposal of broker 0, leader of "t" in a reign after the first, with one thing spoilt.
fn outcome(image: &Image, spoil: impl FnOnce(&mut AlterPartitions)) -> Result<(), IsrError> {
    let p = first(image, "t");
    let change = IsrChange {
        topic: image.topic("t").unwrap().id,
        index: PartitionIndex(0),
        leader_epoch: p.leader_epoch,
        partition_epoch: p.partition_epoch,
        isr: [0, 1].map(|id| member(image, id)).to_vec(),
        cause: IsrCause::InSync,
    };
    let mut command =
        AlterPartitions { broker: BrokerId(0), broker_epoch: epoch(image, 0), partitions: vec![change] };
    spoil(&mut command);
    let decision = alter_partitions::decide(image, &command, &Pairs::new());
    let outcome = decision.reply.unwrap().pop().unwrap().1.map(|_| ());
    assert_eq!(outcome.is_ok(), !decision.records.is_empty());
    outcome
}

/// "t" on brokers 0, 1, 2, led by 0 in a reign after the first; 3 is a broker without a replica.
fn led_by_0() -> Image {
    let mut image = with_topic(cluster(4), "t", &[&[0, 1, 2]]);
    register(&mut image, registering(0, None, false)).unwrap();
    assert_eq!(first(&image, "t").leader_epoch, LeaderEpoch(1));
    image
}

#[test]
fn a_proposal_is_taken_only_from_the_leader_of_this_reign_on_this_state() {
    let image = led_by_0();
    let p = first(&image, "t");
    assert_eq!(outcome(&image, |_| ()), Ok(()));
    type Spoil = fn(&mut AlterPartitions);
    let cases: [(Spoil, IsrError); 10] = [
        (|c| c.partitions[0].topic = TopicId(Uuid::from_u128(9)), IsrError::UnknownTopic),
        (|c| c.partitions[0].index = PartitionIndex(1), IsrError::UnknownPartition),
        (|c| c.partitions[0].index = PartitionIndex(-1), IsrError::UnknownPartition),
        (|c| c.partitions[0].leader_epoch.0 -= 1, IsrError::FencedLeaderEpoch(p.leader_epoch)),
        (|c| c.partitions[0].leader_epoch.0 += 1, IsrError::Ahead),
        (|c| c.partitions[0].partition_epoch.0 += 1, IsrError::Ahead),
        (|c| c.partitions[0].partition_epoch.0 -= 1, IsrError::InvalidUpdateVersion(p.partition_epoch)),
        (|c| (c.broker, c.broker_epoch) = (BrokerId(1), 0), IsrError::NotLeader),
        (|c| _ = c.partitions[0].isr.remove(0), IsrError::Invalid("the leader is not among those in sync")),
        (|c| c.partitions[0].isr.clear(), IsrError::Invalid("the leader is not among those in sync")),
    ];
    for (at, (spoil, error)) in cases.into_iter().enumerate() {
        assert_eq!(outcome(&image, spoil), Err(error), "case {at}");
    }
    let stranger = |c: &mut AlterPartitions| {
        c.partitions[0].isr.push(IsrMember { broker: BrokerId(3), epoch: 0 });
    };
    assert!(matches!(outcome(&image, stranger), Err(IsrError::Invalid(_))));
    let twice = |c: &mut AlterPartitions| {
        c.partitions[0].isr.push(IsrMember { broker: BrokerId(1), epoch: 0 });
    };
    assert!(matches!(outcome(&image, twice), Err(IsrError::Invalid(_))));
}

#[test]
fn who_is_fenced_stops_or_has_restarted_can_not_join() {
    let ineligible = Err(IsrError::Ineligible(BrokerId(1)));
    let mut fenced = led_by_0();
    fence(&mut fenced, 1, true);
    assert_eq!(outcome(&fenced, |_| ()), ineligible);
    let mut stopping = led_by_0();
    stop(&mut stopping, 1);
    assert_eq!(outcome(&stopping, |_| ()), ineligible);
    let mut restarted = led_by_0();
    register(&mut restarted, registering(1, None, false)).unwrap();
    assert_eq!(outcome(&restarted, |c| c.partitions[0].isr[1].epoch = 0), ineligible);
    assert_eq!(outcome(&restarted, |c| c.partitions[0].isr[1].epoch = 1), Ok(()));
}

#[test]
fn a_sender_of_an_older_registration_is_refused_as_a_whole() {
    let image = led_by_0();
    let command = AlterPartitions { broker: BrokerId(0), broker_epoch: 0, partitions: Vec::new() };
    let stale = ControllerError::StaleBrokerEpoch { broker: BrokerId(0), current: 1, asked: 0 };
    assert_eq!(alter_partitions::decide(&image, &command, &Pairs::new()).reply, Err(stale));
}

#[test]
fn each_partition_of_a_batch_stands_for_itself_and_is_named_once() {
    let image = with_topic(cluster(3), "t", &[&[0, 1], &[0, 1]]);
    let topic = image.topic("t").unwrap().id;
    let change = |index, leader_epoch| IsrChange {
        topic,
        index: PartitionIndex(index),
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(0),
        isr: vec![member(&image, 0)],
        cause: IsrCause::InSync,
    };
    let partitions = vec![change(0, -1), change(1, 0), change(1, 0)];
    let command = AlterPartitions { broker: BrokerId(0), broker_epoch: 0, partitions };
    let decision = alter_partitions::decide(&image, &command, &Pairs::new());
    let reply = decision.reply.unwrap();
    let taken: Vec<_> = reply.iter().map(|(key, outcome)| (key.1.0, outcome.is_ok())).collect();
    assert_eq!(taken, [(0, false), (1, true), (1, false)]);
    assert_eq!(reply[1].1.as_ref().unwrap().isr, ids(&[0]));
    assert_eq!(decision.records.len(), 1);
}

#[test]
fn an_isr_that_is_so_already_is_confirmed_in_a_later_version() {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    let before = first(&image, "t");
    propose(&mut image, "t", &[0, 1]).unwrap();
    let later = PartitionEpoch(before.partition_epoch.0 + 1);
    assert_eq!(first(&image, "t"), Partition { partition_epoch: later, ..before });
}

#[test]
fn only_a_change_of_leader_begins_a_new_reign() {
    let mut image = with_topic(cluster(3), "t", &[&[0, 1, 2]]);
    propose(&mut image, "t", &[0, 2]).unwrap();
    let p = first(&image, "t");
    assert_eq!((p.leader_epoch, p.partition_epoch), (LeaderEpoch(0), PartitionEpoch(1)));
    assert_eq!(p.isr, ids(&[0, 2]));
}

/// What comes of broker `id` saying that its log of "t" is damaged.
fn damaged(image: &mut Image, id: i32, behind: i32) -> Result<(), IsrError> {
    let p = first(image, "t");
    let change = IsrChange {
        topic: image.topic("t").unwrap().id,
        index: PartitionIndex(0),
        leader_epoch: p.leader_epoch,
        partition_epoch: PartitionEpoch(p.partition_epoch.0 - behind),
        isr: Vec::new(),
        cause: IsrCause::Damaged,
    };
    let command =
        AlterPartitions { broker: BrokerId(id), broker_epoch: epoch(image, id), partitions: vec![change] };
    let decision = alter_partitions::decide(image, &command, &Pairs::new());
    applied(image, &decision.records);
    decision.reply.unwrap().pop().unwrap().1.map(|_| ())
}

#[test]
fn a_damaged_leader_hands_over_and_a_damaged_follower_leaves_both_by_a_new_reign() {
    for (id, leader, isr) in [(0, 1, [1, 2]), (2, 0, [0, 1])] {
        let mut image = led_by_0();
        let all = first(&image, "t");
        let (reign, version) = (all.leader_epoch, all.partition_epoch);
        // Everybody in sync, to begin with.
        let before = all.isr.clone();
        assert_eq!(damaged(&mut image, id, 0), Ok(()));
        let p = first(&image, "t");
        let expected: Vec<_> = before.into_iter().filter(|b| b.0 != id).collect();
        assert_eq!((p.isr.clone(), &p.elr), (expected, &Vec::new()), "{isr:?}");
        assert!(p.isr.contains(&BrokerId(leader)) && p.leader.is_some_and(|b| b.0 != id));
        assert_eq!((p.leader_epoch.0, p.partition_epoch.0), (reign.0 + 1, version.0 + 1));
        // Out of sync, it may ask again: a reign ends then too, since what it fetched in this one would count.
        assert_eq!(damaged(&mut image, id, 0), Ok(()));
        assert_eq!(first(&image, "t").leader_epoch.0, reign.0 + 2);
    }
}

#[test]
fn the_last_one_in_sync_is_not_let_go_however_damaged_it_is() {
    let mut image = with_topic(cluster(4), "t", &[&[0, 1]]);
    assert_eq!(damaged(&mut image, 3, 0), Err(IsrError::NotReplica));
    assert_eq!(damaged(&mut image, 0, 1), Err(IsrError::InvalidUpdateVersion(PartitionEpoch(0))));
    fence(&mut image, 1, true);
    let before = first(&image, "t").clone();
    assert_eq!(damaged(&mut image, 0, 0), Err(IsrError::NobodyElse));
    assert_eq!(first(&image, "t"), before);
    fence(&mut image, 1, false);
    assert_eq!(damaged(&mut image, 1, 0), Ok(()), "it is not in sync, and 0 is");
    assert_eq!(damaged(&mut image, 0, 0), Err(IsrError::NobodyElse));
}

#[test]
fn who_was_let_go_is_not_counted_on_below_min_isr_either() {
    let image = with_topic(cluster(3), "t", &[&[0, 1, 2]]);
    let mut image = with_setting(image, "t", "min.insync.replicas", "3");
    assert_eq!(damaged(&mut image, 0, 0), Ok(()));
    let p = first(&image, "t");
    assert_eq!((p.isr.as_slice(), p.elr.as_slice()), (ids(&[1, 2]).as_slice(), ids(&[]).as_slice()));
}
