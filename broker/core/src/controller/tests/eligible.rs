//! Eligible leader replicas (KIP-966): who may lead though it is not in sync, and who may not.

use super::*;

/// "t" on three brokers with min.insync.replicas 2 and the durability.
fn topic(durability: &str) -> Image {
    let image = with_topic(cluster(3), "t", &[&[0, 1, 2]]);
    with_setting(with_setting(image, "t", "min.insync.replicas", "2"), "t", "weir.durability", durability)
}

#[test]
fn whoever_leaves_an_isr_that_falls_below_min_isr_is_eligible_until_it_is_back() {
    let mut image = topic("fsync");
    fence(&mut image, 2, true);
    assert_eq!(reign(&image, "t"), (Some(0), vec![0, 1], vec![]), "enough are left: more may be committed");
    fence(&mut image, 1, true);
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![1]));
    fence(&mut image, 1, false);
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![1]), "it has to catch up all the same");
    propose(&mut image, "t", &[0, 1]).unwrap();
    assert_eq!(reign(&image, "t"), (Some(0), vec![0, 1], vec![]));
}

#[test]
fn a_leader_may_drop_followers_and_those_are_eligible_too() {
    let mut image = topic("fsync");
    propose(&mut image, "t", &[0]).unwrap();
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![1, 2]));
    fence(&mut image, 0, true);
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![2, 0]), "the old leader holds everything as well");
}

#[test]
fn an_eligible_broker_leads_as_soon_as_it_is_back() {
    let mut image = topic("fsync");
    for id in [2, 1, 0] {
        fence(&mut image, id, true);
    }
    assert_eq!(reign(&image, "t"), (None, vec![0], vec![1]));
    fence(&mut image, 2, false);
    assert_eq!(reign(&image, "t"), (None, vec![0], vec![1]), "broker 2 may miss something");
    fence(&mut image, 1, false);
    assert_eq!(reign(&image, "t"), (Some(1), vec![1], vec![0]));
}

#[test]
fn a_restart_without_proof_costs_eligibility_only_where_memory_was_enough() {
    for (durability, eligible) in [("fsync", vec![1]), ("replicated", vec![])] {
        let mut image = topic(durability);
        propose(&mut image, "t", &[0, 1]).unwrap();
        fence(&mut image, 1, true);
        let unclean = RegisterBroker { clean: false, ..registering(1, None, true) };
        register(&mut image, unclean).unwrap();
        assert_eq!(reign(&image, "t"), (Some(0), vec![0], eligible), "{durability}");
    }
    let mut image = topic("replicated");
    propose(&mut image, "t", &[0, 1]).unwrap();
    fence(&mut image, 1, true);
    register(&mut image, registering(1, None, true)).unwrap();
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![1]), "a clean stop lost nothing");
}

#[test]
fn the_last_one_in_sync_leads_again_unless_its_tail_may_be_lost() {
    type Case = (&'static str, &'static [i32], (Option<i32>, Vec<i32>, Option<i32>));
    let cases: [Case; 4] = [
        ("fsync", &[0, 1], (Some(0), vec![0], None)),
        ("fsync", &[0], (Some(0), vec![0], None)),
        ("replicated", &[0], (Some(0), vec![0], None)),
        ("replicated", &[0, 1], (None, vec![], Some(0))),
    ];
    for (durability, replicas, (leader, isr, last_known)) in cases {
        let mut image =
            with_setting(with_topic(cluster(2), "t", &[replicas]), "t", "weir.durability", durability);
        fence(&mut image, 1, true);
        fence(&mut image, 0, true);
        register(&mut image, RegisterBroker { clean: false, ..registering(0, None, true) }).unwrap();
        fence(&mut image, 0, false);
        let p = first(&image, "t");
        assert_eq!(reign(&image, "t").0, leader, "{durability} {replicas:?}");
        assert_eq!(reign(&image, "t").1, isr, "{durability} {replicas:?}");
        assert_eq!(p.last_known.map(|b| b.0), last_known, "{durability} {replicas:?}");
    }
}

#[test]
fn an_empty_disk_is_not_eligible() {
    let mut image = topic("fsync");
    propose(&mut image, "t", &[0]).unwrap();
    fence(&mut image, 1, true);
    register(&mut image, other_disk(1, true)).unwrap();
    fence(&mut image, 1, false);
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![2]));
    fence(&mut image, 2, true);
    fence(&mut image, 0, true);
    assert_eq!(reign(&image, "t"), (None, vec![0], vec![2]));
}

#[test]
fn nobody_stays_eligible_when_fewer_have_to_be_in_sync() {
    let mut image = topic("fsync");
    propose(&mut image, "t", &[0]).unwrap();
    let image = with_setting(image, "t", "min.insync.replicas", "1");
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![]), "the leader alone may commit from here on");
    let raised = with_setting(image, "t", "min.insync.replicas", "3");
    assert_eq!(
        reign(&raised, "t"),
        (Some(0), vec![0], vec![]),
        "who left before is not eligible after the fact"
    );
}

#[test]
fn min_isr_is_capped_by_the_number_of_replicas() {
    let mut image = with_setting(with_topic(cluster(2), "t", &[&[0, 1]]), "t", "min.insync.replicas", "3");
    fence(&mut image, 1, true);
    assert_eq!(reign(&image, "t"), (Some(0), vec![0], vec![1]));
    fence(&mut image, 1, false);
    propose(&mut image, "t", &[0, 1]).unwrap();
    assert_eq!(reign(&image, "t"), (Some(0), vec![0, 1], vec![]));
}

#[test]
fn rules_come_from_the_topic_then_from_all_brokers_then_from_the_file() {
    let mut image = with_topic(cluster(2), "t", &[&[0, 1]]);
    let file = Pairs::from([("min.insync.replicas".to_owned(), "2".to_owned())]);
    let min_isr = |image: &Image| image.min_isr(image.topic("t").unwrap(), &file);
    assert_eq!(min_isr(&image), 2);
    let set = |scope| Record::ConfigChanged {
        scope,
        name: "min.insync.replicas".to_owned(),
        value: Some("3".to_owned()),
    };
    applied(&mut image, &[set(ConfigScope::Broker(BrokerId(0)))]);
    assert_eq!(min_isr(&image), 2, "every broker must see the same rule");
    applied(&mut image, &[set(ConfigScope::AllBrokers)]);
    assert_eq!(min_isr(&image), 3);
    assert_eq!(min_isr(&with_setting(image, "t", "min.insync.replicas", "1")), 1);
}
