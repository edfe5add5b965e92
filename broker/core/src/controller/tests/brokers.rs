use weir_model::ProducerId;

use super::*;

/// (leader, leader epoch, partition epoch, in sync) of a topic's first partition.
fn state(image: &Image, topic: &str) -> (Option<i32>, i32, i32, Vec<i32>) {
    let p = &image.topic(topic).unwrap().partitions[0];
    let isr = p.isr.iter().map(|b| b.0).collect();
    (p.leader.map(|b| b.0), p.leader_epoch.0, p.partition_epoch.0, isr)
}

#[test]
fn a_lone_broker_that_restarts_leads_again_in_a_new_reign() {
    for clean in [true, false] {
        let mut image = with_topic(cluster(1), "t", &[&[0]]);
        assert_eq!(state(&image, "t"), (Some(0), 0, 0, vec![0]));
        let epoch = register(&mut image, RegisterBroker { clean, ..registering(0, None, false) });
        assert_eq!(epoch, Ok(1));
        assert_eq!(state(&image, "t"), (Some(0), 1, 1, vec![0]));
    }
}

#[test]
fn a_leader_that_stopped_uncleanly_gives_way_to_those_in_sync() {
    let mut image = with_topic(cluster(3), "t", &[&[0, 1, 2]]);
    register(&mut image, RegisterBroker { clean: false, ..registering(0, None, false) }).unwrap();
    assert_eq!(state(&image, "t"), (Some(1), 1, 1, vec![1, 2]));

    let mut image = with_topic(cluster(3), "t", &[&[0, 1, 2]]);
    register(&mut image, registering(0, None, false)).unwrap();
    assert_eq!(state(&image, "t"), (Some(0), 1, 1, vec![0, 1, 2]), "a clean stop lost nothing");
}

#[test]
fn a_follower_that_restarts_does_not_disturb_the_leader() {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    register(&mut image, registering(1, None, false)).unwrap();
    assert_eq!(state(&image, "t"), (Some(0), 0, 0, vec![0, 1]));
    register(&mut image, registering(1, None, true)).unwrap();
    assert_eq!(state(&image, "t"), (Some(0), 0, 1, vec![0]));
}

#[test]
fn an_empty_disk_is_in_sync_with_nothing_and_is_never_elected() {
    let mut image = with_topic(with_topic(cluster(2), "two", &[&[0, 1]]), "one", &[&[0]]);
    assert_eq!(
        register(&mut image, other_disk(0, false)),
        Err(ControllerError::DuplicateBroker(BrokerId(0)))
    );
    fence(&mut image, 0, true);
    assert_eq!(state(&image, "two"), (Some(1), 1, 1, vec![1]));
    assert_eq!(state(&image, "one"), (None, 1, 1, vec![0]));
    register(&mut image, other_disk(0, true)).unwrap();
    fence(&mut image, 0, false);
    assert_eq!(state(&image, "two"), (Some(1), 1, 1, vec![1]));
    assert_eq!(state(&image, "one"), (None, 1, 2, vec![]), "offline rather than empty");
}

#[test]
fn fencing_moves_leaders_and_the_last_replica_in_sync_waits_for_its_broker() {
    let mut image = with_topic(cluster(3), "t", &[&[0, 1]]);
    fence(&mut image, 0, true);
    assert_eq!(state(&image, "t"), (Some(1), 1, 1, vec![1]));
    fence(&mut image, 1, true);
    assert_eq!(state(&image, "t"), (None, 2, 2, vec![1]), "broker 0 is behind: nobody leads");
    fence(&mut image, 0, false);
    assert_eq!(state(&image, "t"), (None, 2, 2, vec![1]));
    fence(&mut image, 1, false);
    assert_eq!(state(&image, "t"), (Some(1), 3, 3, vec![1]));
    let before = image.clone();
    fence(&mut image, 1, false);
    assert_eq!(image, before, "unfencing twice changes nothing");
}

#[test]
fn requests_of_an_older_registration_are_refused() {
    let mut image = cluster(1);
    register(&mut image, registering(0, None, false)).unwrap();
    let stale = ControllerError::StaleBrokerEpoch { broker: BrokerId(0), current: 1, asked: 0 };
    assert_eq!(fence_broker::decide(&image, BrokerId(0), 0, true, &Pairs::new()).reply, Err(stale.clone()));
    assert_eq!(producer_ids::decide(&image, BrokerId(0), 0).reply, Err(stale));
    let unknown = ControllerError::UnknownBroker(BrokerId(5));
    assert_eq!(fence_broker::decide(&image, BrokerId(5), 0, true, &Pairs::new()).reply, Err(unknown.clone()));
    assert_eq!(producer_ids::decide(&image, BrokerId(5), 0).reply, Err(unknown));
}

#[test]
fn producer_ids_are_given_out_in_blocks_and_never_twice() {
    let mut image = cluster(1);
    let mut given = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let decision = producer_ids::decide(&image, BrokerId(0), 0);
        applied(&mut image, &decision.records);
        let mut block = decision.reply.unwrap();
        while let Some(id) = block.take() {
            assert!(given.insert(id));
        }
    }
    assert_eq!(given.len(), 3_000);
    assert_eq!(image.next_producer_id(), ProducerId(3_000));
    applied(&mut image, &[Record::ProducerIdsAllocated { next: ProducerId(i64::MAX - 5) }]);
    let decision = producer_ids::decide(&image, BrokerId(0), 0);
    assert_eq!(decision.reply, Err(ControllerError::ProducerIdsExhausted));
}

#[test]
fn a_cluster_is_begun_once() {
    let (mut image, id) = (Image::default(), Uuid::from_u128(5));
    let decision = bootstrap::decide(&image, id);
    applied(&mut image, &decision.records);
    assert_eq!(image.cluster_id(), Some(id));
    assert_eq!(image.features().collect::<Vec<_>>(), [(METADATA_VERSION, METADATA_VERSION_SUPPORTED)]);
    let again = bootstrap::decide(&image, Uuid::from_u128(6));
    assert_eq!((again.records, again.reply), (Vec::new(), id));
}

#[test]
fn a_broker_that_does_not_understand_the_clusters_level_is_refused() {
    let mut image = cluster(1);
    applied(&mut image, &bootstrap::decide(&Image::default(), Uuid::from_u128(5)).records);
    let versions = VersionRange { min: 1, max: 1 };
    let refused = ControllerError::BrokerVersions { broker: BrokerId(1), min: 1, max: 1, finalised: 2 };
    assert_eq!(register(&mut image, RegisterBroker { versions, ..registering(1, None, true) }), Err(refused));
    assert!(image.broker(BrokerId(1)).is_none());
}

#[test]
fn a_broker_that_left_and_comes_back_counts_its_registrations_on() {
    let mut image = cluster(2);
    register(&mut image, registering(1, None, true)).unwrap();
    let decision = unregister_broker::decide(&image, BrokerId(1), None, &Pairs::new());
    applied(&mut image, &decision.records);
    let mut restored = Image::default();
    applied(&mut restored, &image.to_records());
    assert_eq!(restored, image, "a snapshot remembers it too");
    assert_eq!(register(&mut restored, registering(1, None, true)), Ok(2));
}

#[test]
fn what_was_said_of_a_broker_outlives_its_restart_but_its_shutdown_does_not() {
    let mut image = cluster(2);
    let incarnation = registering(1, None, true).incarnation;
    let decision = drain::decide(&image, BrokerId(1), incarnation, true);
    applied(&mut image, &decision.records);
    assert!(stop(&mut image, 1).is_empty());
    let before = &image.broker(BrokerId(1)).unwrap().registration;
    assert!(before.drained && before.shutting_down);
    register(&mut image, registering(1, None, true)).unwrap();
    let after = &image.broker(BrokerId(1)).unwrap().registration;
    assert!(after.drained && !after.shutting_down);
}
