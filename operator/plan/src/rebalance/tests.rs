//! Single decisions of the planner, each in a cluster that a reader can see whole. Random ones are in `tests/random.rs`.

mod cost;
mod random;
mod rates;

use weir_model::BrokerId;

use super::*;

pub(super) const WHOLE: Settings = Settings::of(Effort::Whole);
const EVACUATE: Settings = Settings::of(Effort::Evacuate);
const WHEN_SKEWED: Settings = Settings::of(Effort::WhenSkewed);
pub(super) const MIB: u64 = 1 << 20;

/// Brokers that take, one for each letter: the letter is the rack.
pub(super) fn brokers(racks: &str) -> Vec<Broker> {
    let broker = |(id, rack): (usize, char)| Broker {
        id: BrokerId(i32::try_from(id).unwrap()),
        rack: Some(rack.to_string()),
        capacity_bytes: None,
        standing: Standing::Takes,
    };
    racks.chars().enumerate().map(broker).collect()
}

pub(super) fn partition(number: usize, replicas: &[i32], bytes: u64) -> Partition {
    Partition {
        topic_id: "t".to_owned(),
        number: i32::try_from(number).unwrap(),
        replicas: replicas.iter().copied().map(BrokerId).collect(),
        bytes,
        ..Partition::default()
    }
}

/// `partitions` of 100 MiB, whose replicas go around the first `over` brokers.
pub(super) fn layout(racks: &str, over: i32, partitions: usize, factor: i32) -> Layout {
    let of = |number: usize| {
        let first = i32::try_from(number).unwrap();
        let replicas: Vec<_> = (0..factor).map(|next| (first + next) % over).collect();
        partition(number, &replicas, 100 * MIB)
    };
    Layout { brokers: brokers(racks), partitions: (0..partitions).map(of).collect() }
}

/// The cluster once the plan is carried out.
pub(super) fn after(layout: &Layout, proposal: &Proposal) -> Layout {
    let mut after = layout.clone();
    for change in proposal.leaderships.iter().chain(&proposal.moves) {
        after.partitions[change.partition].replicas.clone_from(&change.replicas);
    }
    after
}

fn replicas(proposal: &Proposal) -> Vec<u64> {
    proposal.brokers.iter().map(|account| account.after.replicas).collect()
}

fn leaders(proposal: &Proposal) -> Vec<u64> {
    proposal.brokers.iter().map(|account| account.after.leaders).collect()
}

/// Brokers that get a replica which they did not have.
fn receivers(layout: &Layout, proposal: &Proposal) -> Vec<i32> {
    let gets = |change: &Change| {
        let home = layout.partitions[change.partition].replicas.clone();
        change.replicas.clone().into_iter().filter(move |id| !home.contains(id)).map(|id| id.0)
    };
    let mut ids: Vec<_> = proposal.moves.iter().flat_map(gets).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[test]
fn a_cluster_that_is_balanced_is_left_alone() {
    for settings in [WHOLE, EVACUATE, WHEN_SKEWED] {
        let proposal = propose(&layout("aaa", 3, 30, 3), settings);
        assert!(proposal.is_empty(), "{proposal:?}");
    }
}

#[test]
fn an_empty_cluster_needs_nothing() {
    assert!(propose(&Layout::default(), WHOLE).is_empty());
    assert!(propose(&layout("abc", 3, 0, 3), WHOLE).is_empty());
}

#[test]
fn a_broker_that_is_added_gets_its_share_and_nobody_else_gets_anything() {
    let layout = layout("aaaa", 3, 40, 2);
    let proposal = propose(&layout, WHEN_SKEWED);
    assert_eq!(receivers(&layout, &proposal), [3]);
    assert_eq!(replicas(&proposal), [20, 20, 20, 20]);
    assert_eq!(leaders(&proposal), [10, 10, 10, 10]);
    assert_eq!(proposal.bytes, 20 * 100 * MIB, "no byte more than the share");
    assert!(propose(&after(&layout, &proposal), WHOLE).is_empty());
}

#[test]
fn a_broker_that_leaves_is_emptied_and_nothing_else_moves() {
    let mut layout = layout("aaaa", 4, 40, 2);
    layout.brokers[3].standing = Standing::Leaves;
    let proposal = propose(&layout, EVACUATE);
    assert_eq!(replicas(&proposal)[3], 0);
    assert_eq!(proposal.moves.len(), 20);
    assert!(
        replicas(&proposal)[..3].iter().all(|count| (26..=27).contains(count)),
        "{:?}",
        replicas(&proposal)
    );
    for change in &proposal.moves {
        assert!(change.mends && layout.partitions[change.partition].replicas.contains(&BrokerId(3)));
    }
    assert!(propose(&after(&layout, &proposal), EVACUATE).is_empty());
}

#[test]
fn a_factor_that_would_not_fit_is_told_and_nothing_of_it_moves() {
    let mut layout = layout("aaa", 3, 4, 3);
    layout.brokers[2].standing = Standing::Leaves;
    let proposal = propose(&layout, EVACUATE);
    assert!(proposal.is_empty());
    assert_eq!(proposal.stuck.len(), 4);
    assert_eq!(proposal.stuck[0].why, Why::TooFewBrokers { replicas: 3, brokers: 2 });
}

#[test]
fn skew_below_the_threshold_is_borne_and_one_above_it_is_not() {
    let skewed = |heavy: usize| {
        let mut layout = layout("aaa", 3, 90, 1);
        for at in 0..heavy {
            layout.partitions[3 * at + 1].replicas = vec![BrokerId(0)];
        }
        propose(&layout, WHEN_SKEWED)
    };
    assert!(skewed(4).is_empty());
    let proposal = skewed(9);
    assert_eq!(replicas(&proposal), [30, 30, 30]);
    assert_eq!(proposal.moves.len(), 9);
}

#[test]
fn what_was_begun_is_ended_below_the_threshold_too() {
    let mut layout = layout("aaa", 3, 90, 1);
    layout.partitions[1].replicas = vec![BrokerId(0)];
    layout.partitions[4].replicas = vec![BrokerId(0)];
    assert!(propose(&layout, WHEN_SKEWED).is_empty());
    assert_eq!(replicas(&propose(&layout, WHOLE)), [30, 30, 30]);
}

#[test]
fn leaders_are_evened_out_without_a_byte() {
    let mut layout = layout("aaa", 3, 30, 3);
    for partition in &mut layout.partitions {
        partition.replicas = [0, 1, 2].map(BrokerId).to_vec();
    }
    let proposal = propose(&layout, WHEN_SKEWED);
    assert_eq!(leaders(&proposal), [10, 10, 10]);
    assert_eq!((proposal.moves.len(), proposal.leaderships.len(), proposal.bytes), (0, 20, 0));
}

#[test]
fn a_partition_whose_replicas_share_a_rack_is_spread() {
    let mut layout = layout("aabbcc", 6, 0, 1);
    layout.partitions = vec![partition(0, &[0, 1, 2], MIB)];
    let proposal = propose(&layout, WHEN_SKEWED);
    assert_eq!(proposal.moves.len(), 1);
    let racks: Vec<_> = proposal.moves[0].replicas.iter().map(|id| id.0 / 2).collect();
    assert!(racks.contains(&0) && racks.contains(&1) && racks.contains(&2), "{racks:?}");
}

#[test]
fn a_small_rack_bears_as_much_as_a_large_one() {
    let proposal = propose(&layout("aabbc", 5, 60, 3), WHOLE);
    assert_eq!(replicas(&proposal), [30, 30, 30, 30, 60], "one replica of each partition in each rack");
}

#[test]
fn nothing_moves_onto_a_broker_that_is_away_or_a_disk_that_is_full() {
    let mut away = layout("aaaa", 3, 40, 2);
    away.brokers[3].standing = Standing::Keeps;
    assert_eq!(receivers(&away, &propose(&away, WHOLE)), [] as [i32; 0]);
    let mut full = layout("aaaa", 3, 40, 2);
    full.brokers[3].capacity_bytes = Some(1_000 * MIB);
    let proposal = propose(&full, WHOLE);
    assert_eq!(replicas(&proposal)[3], 8, "850 MiB of 1,000 may be used");
}

#[test]
fn a_disk_that_is_too_full_gives_the_fewest_bytes_away() {
    let mut layout = layout("aaa", 3, 0, 1);
    layout.brokers[0].capacity_bytes = Some(1_000 * MIB);
    layout.partitions =
        [500, 300, 60, 40].iter().enumerate().map(|(at, mib)| partition(at, &[0], mib * MIB)).collect();
    layout.partitions.extend((4..8).map(|at| partition(at, &[1], MIB)));
    layout.partitions.extend((8..12).map(|at| partition(at, &[2], MIB)));
    let proposal = propose(&layout, WHEN_SKEWED);
    assert!(proposal.moves.iter().any(|change| change.bytes == 60 * MIB), "{proposal:?}");
}

#[test]
fn heavy_replicas_are_changed_for_light_ones() {
    let mut layout = layout("aa", 2, 20, 1);
    for partition in &mut layout.partitions {
        partition.bytes = if partition.replicas == [BrokerId(0)] { 1_000 * MIB } else { 10 * MIB };
    }
    let proposal = propose(&layout, WHEN_SKEWED);
    assert_eq!(replicas(&proposal), [10, 10]);
    let [first, second] = [0, 1].map(|at: usize| proposal.brokers[at].after.bytes);
    assert!(first.abs_diff(second) <= (first + second) / 10, "{first} {second}");
}

/// However little each of many partitions brings.
#[test]
fn many_small_replicas_are_evened_out_as_a_few_large_ones_are() {
    let mut layout = layout("aaa", 3, 3_000, 1);
    for partition in &mut layout.partitions {
        partition.bytes = if partition.replicas == [BrokerId(0)] { 4 * MIB } else { MIB };
    }
    let proposal = propose(&layout, WHEN_SKEWED);
    let bytes: Vec<_> = proposal.brokers.iter().map(|account| account.after.bytes / MIB).collect();
    assert!(bytes.iter().all(|bytes| (1_800..=2_200).contains(bytes)), "{bytes:?}");
    assert_eq!(replicas(&proposal), [1_000, 1_000, 1_000]);
}

#[test]
fn partitions_that_are_moving_stay_as_they_are() {
    let mut layout = layout("aaaa", 3, 40, 2);
    layout.partitions.iter_mut().for_each(|partition| partition.pinned = true);
    assert!(propose(&layout, WHOLE).is_empty());
}
