//! What must hold of every fleet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use weir_model::BrokerId;

use crate::scaling::{Bearer, Bounds, Fleet, Limits, Part, Resource, judge};

fn part() -> impl Strategy<Value = Part> {
    (prop_oneof![0..2_000_u64, 0..200_u64], 0..=100_u64)
        .prop_map(|(load, share)| Part { load, lump: load * share / 100 })
}

prop_compose! {
    fn fleet()(
        parts in vec((part(), part(), part(), option::of(0..3_u8)), 1..12),
        drained in prop_oneof![4 => Just(0_u32), 1 => 1..3_u32],
        cpu in option::of(1..1_500_u64),
        disk in option::of(1..1_500_u64),
        network in option::of(1..1_500_u64),
        partitions in prop_oneof![0..5_u64, 50..500_u64],
        factor in option::of(1..6_u32),
        silent in prop::bool::weighted(0.1),
    ) -> Fleet {
        let bearing = u32::try_from(parts.len()).unwrap();
        let bearers = parts.iter().enumerate().map(|(id, (cpu, disk, network, rack))| Bearer {
            id: BrokerId(i32::try_from(id).unwrap()),
            rack: rack.map(|rack| rack.to_string()),
            cpu: *cpu,
            disk: *disk,
            network: *network,
        });
        Fleet {
            brokers: bearing + drained,
            bearers: bearers.collect(),
            unmeasured: silent.then_some(BrokerId(99)).into_iter().collect(),
            idle: drained,
            limits: Limits { cpu_millicores: cpu, disk_bytes: disk, network_bytes: network },
            partitions,
            largest: factor.map(|factor| ("t".to_owned(), factor.min(bearing))),
        }
    }
}

prop_compose! {
    /// Of a cluster that is within them.
    fn bounds(brokers: u32)(below in 0..=brokers - 1, above in 0..20_u32) -> Bounds {
        Bounds { min: brokers - below, max: brokers + above }
    }
}

fn within() -> impl Strategy<Value = (Fleet, Bounds)> {
    fleet().prop_flat_map(|fleet| {
        let brokers = fleet.brokers;
        (Just(fleet), bounds(brokers))
    })
}

/// The same brokers, each with more of one resource.
fn heavier(fleet: &Fleet, resource: Resource, more: &[u64]) -> Fleet {
    let mut heavier = fleet.clone();
    for (bearer, more) in heavier.bearers.iter_mut().zip(more.iter().cycle()) {
        let part = match resource {
            Resource::Cpu => &mut bearer.cpu,
            Resource::Disk => &mut bearer.disk,
            Resource::Network => &mut bearer.network,
        };
        part.load += more;
    }
    heavier
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_number_is_never_below_what_topics_and_the_quorum_need_nor_outside_of_the_bounds((fleet, bounds) in within()) {
        let judgement = judge(&fleet, bounds);
        let recommended = judgement.recommended;
        prop_assert!(recommended >= bounds.min && recommended <= bounds.max, "{:?}", judgement);
        let factor = fleet.largest.as_ref().map_or(0, |(_, factor)| *factor);
        prop_assert!(recommended >= fleet.brokers.min(factor + fleet.idle), "{:?}", judgement);
        prop_assert!(recommended >= fleet.brokers.min(3), "{:?}", judgement);
        if recommended < fleet.brokers {
            prop_assert_eq!(&judgement.one_fewer, &None);
            let fewer = Fleet { brokers: fleet.brokers - 1, ..fleet.clone() };
            prop_assert!(fewer.brokers >= factor + fleet.idle);
        }
        if !fleet.unmeasured.is_empty() {
            prop_assert_eq!(recommended, fleet.brokers);
            prop_assert!(judgement.one_fewer.is_some() && judgement.one_more.helps().is_none());
        }
    }

    #[test]
    fn more_load_never_means_fewer_brokers(
        (fleet, bounds) in within(),
        resource in prop::sample::select(Resource::ALL.to_vec()),
        more in vec(0..800_u64, 1..6),
    ) {
        let (before, after) = (judge(&fleet, bounds), judge(&heavier(&fleet, resource, &more), bounds));
        prop_assert!(after.recommended >= before.recommended, "{:?} {:?}", before, after);
        prop_assert!(before.one_fewer.is_none() || after.one_fewer.is_some());
    }

    /// One number up and the next one down would be a cluster that never comes to rest: whatever is recommended, the same
    /// load, spread over that many, asks for nothing else in the other direction.
    #[test]
    fn what_is_recommended_is_not_taken_back_once_it_is_there((fleet, bounds) in within()) {
        let judgement = judge(&fleet, bounds);
        if judgement.recommended == fleet.brokers {
            return Ok(());
        }
        let after = spread_over(&fleet, judgement.recommended);
        let next = judge(&after, bounds);
        if judgement.recommended > fleet.brokers {
            prop_assert!(next.recommended >= judgement.recommended, "{:?} {:?}", judgement, next);
        } else {
            prop_assert!(next.recommended <= judgement.recommended, "{:?} {:?}", judgement, next);
        }
    }
}

/// The same load on another number of brokers, evenly.
fn spread_over(fleet: &Fleet, brokers: u32) -> Fleet {
    let bearing = brokers - fleet.idle;
    let total = |of: fn(&Bearer) -> Part| fleet.bearers.iter().map(|bearer| of(bearer).load).sum::<u64>();
    let each = |total: u64, id: u32| {
        let (share, rest) = (total / u64::from(bearing), total % u64::from(bearing));
        Part { load: share + u64::from(u64::from(id) < rest), lump: 0 }
    };
    let (cpu, disk, network) =
        (total(|bearer| bearer.cpu), total(|bearer| bearer.disk), total(|bearer| bearer.network));
    let bearers = (0..bearing).map(|id| Bearer {
        id: BrokerId(i32::try_from(id).unwrap()),
        rack: None,
        cpu: each(cpu, id),
        disk: each(disk, id),
        network: each(network, id),
    });
    Fleet { brokers, bearers: bearers.collect(), ..fleet.clone() }
}
