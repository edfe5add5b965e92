//! How brokers leave: for a restart, emptied, or for good; and what a new level of the metadata allows.

use std::collections::BTreeSet;

use weir_model::PartitionIndex;

use super::controlled_shutdown::StillLeads;
use super::may_stop::{Affected, Quorum, Reason, may_stop};
use super::update_features::{FeatureUpdate, UpdateFeatures, UpgradeType};
use super::*;

fn disk(id: i32) -> Incarnation {
    registering(id, None, true).incarnation
}

#[test]
fn a_broker_that_stops_in_order_leads_nothing_and_leaves_every_isr_first() {
    let mut image = with_topic(with_topic(cluster(3), "t", &[&[0, 1, 2]]), "u", &[&[1, 0]]);
    assert!(stop(&mut image, 0).is_empty());
    assert_eq!(reign(&image, "t"), (Some(1), vec![1, 2], vec![]));
    assert_eq!(reign(&image, "u"), (Some(1), vec![1], vec![]));
    assert!(!image.broker(BrokerId(0)).unwrap().registration.fenced, "it is still there");
    let before = image.clone();
    assert!(stop(&mut image, 0).is_empty());
    assert_eq!(image, before, "asking again changes nothing");
    let unfenced = fence_broker::decide(&image, BrokerId(0), 0, true, &Pairs::new());
    applied(&mut image, &unfenced.records);
    let refused = fence_broker::decide(&image, BrokerId(0), 0, false, &Pairs::new()).reply;
    assert_eq!(refused, Err(ControllerError::ShuttingDown(BrokerId(0))));
}

#[test]
fn what_nobody_else_can_lead_is_led_on_until_somebody_can() {
    let mut image = with_topic(with_topic(cluster(2), "t", &[&[0, 1]]), "alone", &[&[0]]);
    propose(&mut image, "t", &[0]).unwrap();
    let key = |image: &Image, name: &str| (image.topic(name).unwrap().id, PartitionIndex(0));
    let (t, alone) = (key(&image, "t"), key(&image, "alone"));
    let still = stop(&mut image, 0);
    assert_eq!(still, StillLeads { waiting: vec![t], alone: vec![alone] });
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![]));
    assert_eq!(first(&image, "t").leader_epoch.0, 0, "clients notice nothing");
    propose(&mut image, "t", &[0, 1]).unwrap();
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![]), "handed over as it caught up");
    assert_eq!(stop(&mut image, 0), StillLeads { waiting: vec![], alone: vec![alone] });
    fence(&mut image, 0, true);
    assert_eq!(reign(&image, "alone"), (None, vec![0], vec![]));
}

#[test]
fn the_last_replicas_of_two_that_stop_together_stay_in_sync() {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    stop(&mut image, 0);
    assert_eq!(stop(&mut image, 1).alone.len(), 1);
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![]));
}

#[test]
fn fenced_stopping_and_drained_brokers_get_no_new_replicas() {
    let mut image = cluster(5);
    fence(&mut image, 0, true);
    stop(&mut image, 1);
    let decision = drain::decide(&image, BrokerId(2), disk(2), true);
    applied(&mut image, &decision.records);
    let mut next = seeded(1);
    let placed = placement::place(&image, 20, 2, &mut Entropy::new(&mut next)).unwrap();
    assert!(placed.iter().all(|p| p.replicas.iter().all(|b| b.0 >= 3)));
    let refused = placement::place(&image, 1, 3, &mut Entropy::new(&mut next)).unwrap_err();
    assert!(matches!(refused, ControllerError::InvalidReplicationFactor(_)), "{refused}");
    let offsets = internal_topic::consumer_offsets(
        &image,
        &config(&[("offsets.topic.num.partitions", "4")]),
        &mut Entropy::new(&mut next),
    );
    applied(&mut image, &offsets.records);
    assert_eq!(image.topic(internal_topic::CONSUMER_OFFSETS).unwrap().replication_factor(), 2);
}

#[test]
fn draining_names_the_disk_that_is_meant_and_twice_is_once() {
    let mut image = cluster(2);
    let decision = drain::decide(&image, BrokerId(0), disk(0), true);
    applied(&mut image, &decision.records);
    assert!(image.broker(BrokerId(0)).unwrap().registration.drained);
    assert_eq!(drain::decide(&image, BrokerId(0), disk(0), true).records, [], "twice is once");
    let wrong = drain::decide(&image, BrokerId(0), disk(1), false).reply;
    assert!(matches!(wrong, Err(ControllerError::WrongIncarnation { .. })));
    let unknown = drain::decide(&image, BrokerId(9), disk(9), true).reply;
    assert_eq!(unknown, Err(ControllerError::UnknownBroker(BrokerId(9))));
}

#[test]
fn a_broker_is_forgotten_when_it_has_stopped_and_holds_nothing() {
    use ControllerError as E;
    let mut image = with_topic(cluster(4), "t", &[&[0, 1]]);
    let one = reassign::Move {
        topic: "t".to_owned(),
        index: PartitionIndex(0),
        target: Some(ids(&[0, 3])),
        throttle: None,
    };
    let command = reassign::Reassign { moves: vec![one], allow_replication_factor_change: false };
    let decision = reassign::decide(&image, &command, &Pairs::new());
    applied(&mut image, &decision.records);
    let attempt =
        |image: &Image, id, disk| unregister_broker::decide(image, BrokerId(id), disk, &Pairs::new());
    assert_eq!(attempt(&image, 9, None).reply, Err(E::UnknownBroker(BrokerId(9))));
    assert_eq!(attempt(&image, 2, None).reply, Err(E::StillRunning(BrokerId(2))));
    assert!(matches!(attempt(&image, 2, Some(disk(3))).reply, Err(E::WrongIncarnation { .. })));
    for id in [1, 2, 3] {
        fence(&mut image, id, true);
    }
    assert_eq!(attempt(&image, 1, None).reply, Err(E::HoldsReplicas { broker: BrokerId(1), replicas: 1 }));
    let decision = attempt(&image, 2, Some(disk(2)));
    applied(&mut image, &decision.records);
    assert!(decision.reply.is_ok() && image.broker(BrokerId(2)).is_none());
    let decision = attempt(&image, 3, None);
    decision.reply.unwrap();
    applied(&mut image, &decision.records);
    assert_eq!(first(&image, "t").replicas, ids(&[0, 1]), "the move to it is cancelled");
}

#[test]
fn a_broker_may_stop_when_nobody_would_notice() {
    let base = || with_topic(cluster(3), "t", &[&[0, 1, 2], &[0, 1, 2]]);
    let strict = || with_setting(base(), "t", "min.insync.replicas", "3");
    let mut behind = with_setting(base(), "t", "min.insync.replicas", "2");
    propose(&mut behind, "t", &[0, 1]).unwrap();
    let alone = || with_topic(base(), "alone", &[&[0]]);
    let mut last = with_setting(base(), "t", "min.insync.replicas", "2");
    propose(&mut last, "t", &[0]).unwrap();
    fence(&mut last, 1, true);
    fence(&mut last, 2, true);
    let key = |image: &Image, topic: &str| (image.topic(topic).unwrap().id, PartitionIndex(0));
    let below = |image: &Image, partitions| Affected { partitions, first: key(image, "t") };
    let (all, two) = (BTreeSet::from_iter(ids(&[0, 1, 2])), BTreeSet::from_iter(ids(&[0, 1])));
    let quorum = |live| Quorum { voters: &all, live };
    let ask = |image: &Image, id, live| may_stop(image, BrokerId(id), disk(id), quorum(live), &Pairs::new());
    assert_eq!(ask(&base(), 0, &all), []);
    assert_eq!(ask(&strict(), 0, &all), [Reason::EveryReplicaNeeded(below(&strict(), 2))]);
    assert_eq!(ask(&behind, 0, &all), [Reason::BelowMinIsr(below(&behind, 1))]);
    assert_eq!(ask(&behind, 2, &all), [], "it is not in sync there, and partition 1 can do without it");
    let single = Affected { partitions: 1, first: key(&alone(), "alone") };
    assert_eq!(ask(&alone(), 0, &all), [Reason::SingleReplica(single)]);
    assert_eq!(ask(&alone(), 1, &all), []);
    assert_eq!(ask(&base(), 0, &two), [Reason::QuorumMajority { voters: 3, live: 1 }]);
    assert_eq!(ask(&base(), 2, &two), [], "a voter that is down already is not missed");
    assert!(matches!(ask(&last, 0, &all)[..], [Reason::Offline(Affected { partitions: 2, .. })]));
    let wrong = may_stop(&base(), BrokerId(0), disk(1), quorum(&all), &Pairs::new());
    assert_eq!(wrong, [Reason::WrongIncarnation { current: disk(0) }]);
    let unknown = may_stop(&base(), BrokerId(9), disk(9), quorum(&all), &Pairs::new());
    assert_eq!(unknown, [Reason::UnknownBroker]);
}

#[test]
fn a_broker_may_not_stop_while_its_replicas_move_nor_when_an_offline_partition_waits_for_it() {
    let all = BTreeSet::from_iter(ids(&[0, 1, 2]));
    let quorum = Quorum { voters: &all, live: &all };
    let mut image = with_topic(cluster(3), "t", &[&[0, 1]]);
    let one = reassign::Move {
        topic: "t".to_owned(),
        index: PartitionIndex(0),
        target: Some(ids(&[0, 2])),
        throttle: None,
    };
    let command = reassign::Reassign { moves: vec![one], allow_replication_factor_change: false };
    let decision = reassign::decide(&image, &command, &Pairs::new());
    applied(&mut image, &decision.records);
    for id in 0..3 {
        let reasons = may_stop(&image, BrokerId(id), disk(id), quorum, &Pairs::new());
        assert!(
            matches!(reasons[..], [Reason::MovesInFlight(Affected { partitions: 1, .. })]),
            "{reasons:?}"
        );
    }
    let mut image = with_topic(cluster(3), "t", &[&[0, 1]]);
    fence(&mut image, 1, true);
    fence(&mut image, 0, true);
    let ask = |id| may_stop(&image, BrokerId(id), disk(id), quorum, &Pairs::new());
    assert!(matches!(ask(0)[..], [Reason::Offline(_)]));
    assert_eq!(ask(1), [], "it misses what broker 0 has");
}

#[test]
fn levels_go_up_when_every_broker_understands_them_and_never_down() {
    let mut image = Image::default();
    applied(&mut image, &[Record::FeatureLevelChanged { name: METADATA_VERSION.to_owned(), level: 1 }]);
    register(&mut image, registering(0, None, false)).unwrap();
    let old = RegisterBroker { versions: VersionRange { min: 1, max: 1 }, ..registering(1, None, true) };
    register(&mut image, old).unwrap();
    let refused = |image: &Image, name: &str, level, kind| {
        let updates = vec![FeatureUpdate { name: name.to_owned(), level, kind }];
        let decision = update_features::decide(image, &UpdateFeatures { updates, validate_only: false });
        let reply = decision.reply[0].1.clone();
        assert!(reply.is_ok() || decision.records.is_empty());
        (reply.err().map(|e| e.to_string()), decision.records)
    };
    use UpgradeType::{SafeDowngrade, UnsafeDowngrade, Upgrade};
    let why = |image: &Image, name: &str, level, kind| refused(image, name, level, kind).0.unwrap();
    assert_eq!(
        why(&image, METADATA_VERSION, 2, Upgrade),
        "broker 1 understands metadata.version 1 to 1, not 2"
    );
    assert!(why(&image, "no.such", 1, Upgrade).contains("does not know"));
    assert!(why(&image, METADATA_VERSION, 0, SafeDowngrade).contains("at least 1"));
    register(&mut image, registering(1, None, true)).unwrap();
    assert!(why(&image, METADATA_VERSION, 3, Upgrade).contains("not 3"));
    assert_eq!(refused(&image, METADATA_VERSION, 1, Upgrade), (None, vec![]));
    let (_, records) = refused(&image, METADATA_VERSION, 2, Upgrade);
    applied(&mut image, &records);
    assert_eq!(image.metadata_version(), 2);
    assert!(why(&image, METADATA_VERSION, 1, Upgrade).contains("no upgrade"));
    for kind in [SafeDowngrade, UnsafeDowngrade] {
        assert!(why(&image, METADATA_VERSION, 1, kind).contains("can not go down"));
    }
}

#[test]
fn feature_updates_are_made_together_or_not_at_all() {
    let mut image = Image::default();
    applied(&mut image, &[Record::FeatureLevelChanged { name: METADATA_VERSION.to_owned(), level: 1 }]);
    let update = |name: &str| FeatureUpdate { name: name.to_owned(), level: 2, kind: UpgradeType::Upgrade };
    let ask = |names: &[&str], validate_only| {
        let updates = names.iter().map(|name| update(name)).collect();
        update_features::decide(&image, &UpdateFeatures { updates, validate_only }).records.len()
    };
    assert_eq!(ask(&[METADATA_VERSION], false), 1);
    assert_eq!(ask(&[METADATA_VERSION], true), 0);
    assert_eq!(ask(&[METADATA_VERSION, "no.such"], false), 0);
    assert_eq!(ask(&[METADATA_VERSION, METADATA_VERSION], false), 0);
}
