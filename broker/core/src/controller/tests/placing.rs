use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::placement::place;
use super::*;

fn racked(racks: &[u8]) -> Image {
    let mut image = Image::default();
    for (id, rack) in racks.iter().enumerate() {
        let rack = format!("rack-{rack}");
        let decision =
            register_broker::decide(&image, registering(id as i32, Some(&rack), false), &Pairs::new());
        applied(&mut image, &decision.records);
    }
    image
}

#[test]
fn the_same_seed_places_alike_and_another_does_not() {
    let image = cluster(6);
    let placed = |seed| place(&image, 20, 3, &mut Entropy::new(&mut seeded(seed))).unwrap();
    assert_eq!(placed(1), placed(1));
    assert_ne!(placed(1), placed(2));
}

proptest! {
    #[test]
    fn replicas_are_distinct_spread_over_racks_and_leaders_are_even(
        racks in proptest::collection::vec(0_u8..4, 1..10), partitions in 1_usize..60, factor in 1_usize..5, seed: u64,
    ) {
        let image = racked(&racks);
        prop_assume!(factor <= racks.len());
        let placed = place(&image, partitions, factor, &mut Entropy::new(&mut seeded(seed))).unwrap();
        prop_assert_eq!(placed.len(), partitions);
        let kinds = racks.iter().collect::<BTreeSet<_>>().len();
        let mut led: BTreeMap<BrokerId, usize> = image.brokers().map(|b| (b.registration.id, 0)).collect();
        for partition in &placed {
            let distinct: BTreeSet<_> = partition.replicas.iter().collect();
            prop_assert_eq!(distinct.len(), factor);
            let used: BTreeSet<_> = distinct.iter().map(|b| racks[b.0 as usize]).collect();
            prop_assert_eq!(used.len(), factor.min(kinds));
            *led.get_mut(&partition.replicas[0]).unwrap() += 1;
        }
        let (least, most) = (led.values().min().unwrap(), led.values().max().unwrap());
        prop_assert!(most - least <= 1, "{:?}", led);
    }
}
