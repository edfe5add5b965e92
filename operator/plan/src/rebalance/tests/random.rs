//! What must hold of every plan, on clusters that chance makes up.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use weir_model::BrokerId;

use super::super::*;
use super::{EVACUATE, MIB, WHOLE, after, brokers, partition};

/// A cluster of these racks with partitions whose replicas lie anywhere.
fn cluster(racks: String, even: bool) -> impl Strategy<Value = Layout> {
    let count = racks.len();
    let ids: Vec<i32> = (0..i32::try_from(count).unwrap()).collect();
    let factor = 1..=count.min(4);
    let bytes =
        if even { Just(50 * MIB).boxed() } else { prop_oneof![4 => 0..20 * MIB, 1 => 0..400 * MIB].boxed() };
    let one = (factor, Just(ids).prop_shuffle(), bytes);
    (vec(one, 0..120), vec(0..8_u8, count)).prop_map(move |(partitions, fates)| {
        let mut brokers = brokers(&racks);
        for (broker, fate) in brokers.iter_mut().zip(fates) {
            if fate == 0 {
                broker.standing = Standing::Leaves;
            }
        }
        let of = |(number, (factor, ids, bytes)): (usize, (usize, Vec<i32>, u64))| {
            partition(number, &ids[..factor], bytes)
        };
        Layout { brokers, partitions: partitions.into_iter().enumerate().map(of).collect() }
    })
}

/// Racks of one size, so that everybody's share is the same.
pub(super) fn regular() -> impl Strategy<Value = Layout> {
    let racks = (1..=4_usize, 1..=4_usize).prop_map(|(racks, size)| {
        (0..racks * size).map(|at| char::from(b'a' + u8::try_from(at % racks).unwrap())).collect()
    });
    (racks, any::<bool>()).prop_flat_map(|(racks, even): (String, bool)| cluster(racks, even))
}

/// Racks of any size.
fn irregular() -> impl Strategy<Value = Layout> {
    let racks =
        vec(0..4_u8, 1..12).prop_map(|racks| racks.into_iter().map(|rack| char::from(b'a' + rack)).collect());
    (racks, any::<bool>()).prop_flat_map(|(racks, even): (String, bool)| cluster(racks, even))
}

fn rack_of(layout: &Layout, id: BrokerId) -> &str {
    layout.brokers[usize::try_from(id.0).unwrap()].rack.as_deref().unwrap()
}

fn stays(layout: &Layout, id: BrokerId) -> bool {
    layout.brokers[usize::try_from(id.0).unwrap()].standing != Standing::Leaves
}

/// No rack has two replicas more than another one that has a broker left for one of them.
fn is_spread(layout: &Layout, partition: &Partition) -> bool {
    let staying = || layout.brokers.iter().filter(|broker| broker.standing != Standing::Leaves);
    let racks: BTreeSet<_> = staying().filter_map(|broker| broker.rack.as_deref()).collect();
    let has = |rack: &str| partition.replicas.iter().filter(|id| rack_of(layout, **id) == rack).count();
    let size = |rack: &str| staying().filter(|broker| broker.rack.as_deref() == Some(rack)).count();
    racks.iter().all(|from| racks.iter().all(|to| has(from) < has(to) + 2 || has(to) == size(to)))
}

fn check_hard_rules(
    before: &Layout,
    after: &Layout,
    stuck: &[Stuck],
    spread: bool,
) -> Result<(), TestCaseError> {
    let staying = before.brokers.iter().filter(|broker| broker.standing != Standing::Leaves).count();
    for (at, partition) in after.partitions.iter().enumerate() {
        let distinct: BTreeSet<_> = partition.replicas.iter().collect();
        prop_assert_eq!(distinct.len(), partition.replicas.len(), "twice on a broker");
        prop_assert_eq!(partition.replicas.len(), before.partitions[at].replicas.len());
        if stuck.iter().any(|stuck| stuck.partition == at) {
            prop_assert!(partition.replicas.len() > staying, "stuck without need");
            continue;
        }
        prop_assert!(
            partition.replicas.iter().all(|id| stays(after, *id)),
            "a broker that leaves holds {partition:?}"
        );
        prop_assert!(!spread || is_spread(after, partition), "{partition:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_hard_rule_is_broken_and_the_plan_of_a_planned_cluster_is_empty(layout in irregular()) {
        let proposal = propose(&layout, WHOLE);
        let planned = after(&layout, &proposal);
        check_hard_rules(&layout, &planned, &proposal.stuck, true)?;
        let again = propose(&planned, WHOLE);
        prop_assert!(again.is_empty(), "{:?}", again);
        prop_assert_eq!(proposal, propose(&layout, WHOLE), "the same cluster, the same plan");
    }

    #[test]
    fn every_broker_is_within_one_of_its_share_where_racks_are_alike(layout in regular()) {
        let layout = Layout {
            brokers: layout.brokers.into_iter().map(|broker| Broker { standing: Standing::Takes, ..broker }).collect(),
            ..layout
        };
        let proposal = propose(&layout, WHOLE);
        let total: usize = layout.partitions.iter().map(|partition| partition.replicas.len()).sum();
        let (least, most) = (total / layout.brokers.len(), total.div_ceil(layout.brokers.len()));
        for account in &proposal.brokers {
            let has = usize::try_from(account.after.replicas).unwrap();
            prop_assert!((least..=most).contains(&has), "{:?} of {}..={}", account, least, most);
        }
        let leads = |id: &BrokerId| proposal.brokers[usize::try_from(id.0).unwrap()].after.leaders;
        for partition in after(&layout, &proposal).partitions {
            let (leader, followers) = partition.replicas.split_first().unwrap();
            for follower in followers {
                prop_assert!(leads(leader) <= leads(follower) + 1, "{} could lead {:?}", follower, partition);
            }
        }
    }

    #[test]
    fn draining_moves_what_must_leave_and_nothing_else(layout in irregular()) {
        let proposal = propose(&layout, EVACUATE);
        for change in proposal.moves.iter().chain(&proposal.leaderships) {
            let home = &layout.partitions[change.partition].replicas;
            prop_assert!(home.iter().any(|id| !stays(&layout, *id)), "{:?}", change);
            let kept = |id: &BrokerId| !stays(&layout, *id) || change.replicas.contains(id);
            prop_assert!(home.iter().all(kept), "{:?} leaves more than it must: {:?}", home, change);
        }
        check_hard_rules(&layout, &after(&layout, &proposal), &proposal.stuck, false)?;
        prop_assert!(propose(&after(&layout, &proposal), EVACUATE).is_empty());
    }

    /// Every replica too many has to move, and every one that is missing: whichever is more is the least that does it.
    #[test]
    fn where_replicas_are_alike_hardly_more_move_than_have_to(brokers_count in 1..10_usize, places in vec((0..10_usize, 0..10_usize), 0..150)) {
        let of = |(number, (first, second)): (usize, &(usize, usize))| {
            let (first, second) = (first % brokers_count, second % brokers_count);
            let ids: BTreeSet<_> = [first, second].iter().map(|id| i32::try_from(*id).unwrap()).collect();
            partition(number, &ids.into_iter().collect::<Vec<_>>(), MIB / 64)
        };
        let layout = Layout {
            brokers: brokers(&"a".repeat(brokers_count)),
            partitions: places.iter().enumerate().map(of).collect(),
        };
        let proposal = propose(&layout, WHOLE);
        let total: u64 = proposal.brokers.iter().map(|account| account.before.replicas).sum();
        let (least, most) = (total / brokers_count as u64, total.div_ceil(brokers_count as u64));
        let over: u64 = proposal.brokers.iter().map(|account| account.before.replicas.saturating_sub(most)).sum();
        let under: u64 = proposal.brokers.iter().map(|account| least.saturating_sub(account.before.replicas)).sum();
        let moved = proposal.bytes / (MIB / 64);
        prop_assert!(moved <= over.max(under) * 5 / 4 + 2, "{} moved, {} had to", moved, over.max(under));
    }
}
