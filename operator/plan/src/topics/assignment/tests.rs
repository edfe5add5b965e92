//! Where replicas go when their number changes: over racks and brokers, with as few moves as it takes.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use weir_model::BrokerId;

use super::Spread;
use crate::topics::{PartitionSeen, TopicBroker, TopicSeen, TopicsSnapshot};

fn brokers(racks: &[&str]) -> TopicsSnapshot<'static> {
    let broker = |(id, rack): (usize, &&str)| {
        let rack = Some((*rack).to_owned()).filter(|rack| !rack.is_empty());
        (BrokerId(i32::try_from(id).unwrap()), TopicBroker { rack, ..TopicBroker::default() })
    };
    TopicsSnapshot { brokers: racks.iter().enumerate().map(broker).collect(), ..TopicsSnapshot::default() }
}

fn chosen(snapshot: &TopicsSnapshot<'_>, now: &[i32], factor: usize) -> Option<Vec<i32>> {
    let now: Vec<_> = now.iter().copied().map(BrokerId).collect();
    let chosen = Spread::of(snapshot, 10).choose(&now, factor);
    chosen.map(|chosen| chosen.into_iter().map(|broker| broker.0).collect())
}

#[test]
fn new_replicas_go_to_racks_without_one_and_there_to_whoever_holds_least() {
    let racks = ["a", "a", "b", "b", "c"];
    let cases: &[(&[i32], usize, &[i32])] = &[
        (&[0], 2, &[0, 2]),
        (&[0], 3, &[0, 2, 4]),
        (&[0, 1], 3, &[0, 1, 2]),
        (&[0], 5, &[0, 2, 4, 1, 3]),
        (&[0, 1, 2], 2, &[0, 2]),
        (&[3, 1, 0], 1, &[3]),
        (&[1, 2, 4], 2, &[1, 2]),
    ];
    for (now, factor, expected) in cases {
        assert_eq!(chosen(&brokers(&racks), now, *factor).as_deref(), Some(*expected), "{now:?} to {factor}");
    }
    let mut loaded = brokers(&racks);
    let partition = PartitionSeen { replicas: vec![BrokerId(2)], ..PartitionSeen::default() };
    loaded.topics.insert("t".into(), TopicSeen { partitions: vec![partition], ..TopicSeen::default() });
    assert_eq!(chosen(&loaded, &[0], 2), Some(vec![0, 3]));
}

#[test]
fn brokers_that_are_down_or_drained_get_none_and_lose_theirs_first() {
    let mut world = brokers(&["a", "b", "c"]);
    world.brokers.get_mut(&BrokerId(1)).unwrap().fenced = true;
    assert_eq!(chosen(&world, &[0], 2), Some(vec![0, 2]));
    assert_eq!(chosen(&world, &[0], 3), None);
    world.brokers.get_mut(&BrokerId(0)).unwrap().drained = true;
    assert_eq!(chosen(&world, &[0, 1, 2], 2), Some(vec![1, 2]));
    assert_eq!(chosen(&brokers(&["", "", ""]), &[1], 3), Some(vec![1, 0, 2]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the cluster: the right number of different brokers, those that stay before those that come, and no rack
    /// twice while another has none.
    #[test]
    fn an_assignment_is_sound(
        racks in vec(0_u8..4, 1..9),
        now in btree_set(0_usize..9, 1..5),
        factor in 1_usize..6,
    ) {
        let names: Vec<_> = racks.iter().map(u8::to_string).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let now: Vec<_> = now.into_iter().filter(|id| *id < racks.len()).map(|id| i32::try_from(id).unwrap()).collect();
        prop_assume!(!now.is_empty() && factor <= racks.len());
        let after = chosen(&brokers(&names), &now, factor).unwrap();
        let rack = |id: i32| racks[usize::try_from(id).unwrap()];
        prop_assert_eq!(after.len(), factor);
        prop_assert!(after.iter().enumerate().all(|(at, id)| !after[..at].contains(id)));
        prop_assert_eq!(after[0], now[0], "the preferred leader stays");
        if factor >= now.len() {
            prop_assert_eq!(&after[..now.len()], &now[..]);
            for (at, id) in after.iter().enumerate().skip(now.len()) {
                let doubled = after[..at].iter().any(|other| rack(*other) == rack(*id));
                let free = (0..racks.len()).map(|id| i32::try_from(id).unwrap()).any(|other| {
                    !after[..at].contains(&other) && after[..at].iter().all(|taken| rack(*taken) != rack(other))
                });
                prop_assert!(!(doubled && free), "{:?}", after);
            }
        } else {
            prop_assert!(after.iter().all(|id| now.contains(id)), "nothing is copied to shrink");
        }
    }
}
