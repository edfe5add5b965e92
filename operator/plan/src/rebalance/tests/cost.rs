//! What planning costs: counted, so that no busy machine makes it fail; and, when asked for, by the clock.

use super::super::*;
use super::rates::loads;
use super::{MIB, WHEN_SKEWED, WHOLE, after, brokers, partition};

/// Three racks in turn, three replicas of every partition, on all but the last `empty` brokers.
fn large(count: usize, partitions: usize, empty: usize) -> Layout {
    let racks: String = (0..count).map(|at| ['a', 'b', 'c'][at % 3]).collect();
    let used = count - empty;
    let of = |number: usize| {
        // As long a stride as there are brokers in turn: neighbours do not always share partitions.
        let first = number * 3 % used + number / used % 3;
        let replicas = [0, 1, 2].map(|next| i32::try_from((first + next) % used).unwrap());
        partition(number, &replicas, (1 + number as u64 * 7 % 13) * MIB)
    };
    Layout { brokers: brokers(&racks), partitions: (0..partitions).map(of).collect() }
}

/// All on a few: the worst case.
fn piled(count: usize, partitions: usize) -> Layout {
    let mut layout = large(count, partitions, 0);
    for partition in &mut layout.partitions {
        for id in &mut partition.replicas {
            id.0 %= 9;
        }
        partition.replicas.sort_unstable();
        partition.replicas.dedup();
    }
    layout
}

/// The first third of the brokers is written four times as much as the others, and as much more is read from every third.
fn rated(mut layout: Layout) -> Layout {
    let third = i32::try_from(layout.brokers.len()).unwrap() / 3;
    for (number, partition) in layout.partitions.iter_mut().enumerate() {
        let leads = number / 7 % partition.replicas.len();
        partition.replicas.rotate_left(leads);
        let times = |hot: bool| if hot { 4 } else { 1 };
        let rate = (1 + number as u64 * 5 % 11) * MIB / 8;
        partition.bytes_in = rate * times(partition.replicas.iter().all(|id| id.0 < third));
        partition.bytes_out = rate * times(partition.replicas[0].0 % 3 == 0);
    }
    layout
}

/// However little each of many partitions brings.
#[test]
fn many_small_rates_are_evened_out_as_a_few_large_ones_are() {
    let layout = rated(large(102, 10_000, 0));
    let planned = after(&layout, &propose(&layout, WHEN_SKEWED));
    let (written, read) = loads(&planned);
    for (loads, what) in [(written, "written"), (read, "read")] {
        let share = loads.iter().sum::<u64>() / loads.len() as u64;
        let worst = loads.into_iter().max().unwrap();
        assert!(worst <= share * 5 / 4, "{what}: {worst} of {share}");
    }
}

#[test]
fn work_grows_with_replicas_and_not_faster() {
    for (layout, what) in [
        (large(24, 4_000, 3), "a rack of newcomers"),
        (piled(24, 4_000), "all on nine"),
        (rated(large(24, 4_000, 0)), "a third of them too hot"),
    ] {
        let replicas: usize = layout.partitions.iter().map(|partition| partition.replicas.len()).sum();
        let proposal = propose(&layout, WHEN_SKEWED);
        assert!(!proposal.is_empty());
        assert!(
            proposal.work <= replicas as u64 * 40,
            "{what}: {} looks at {replicas} replicas",
            proposal.work
        );
    }
}

/// `cargo test --release -p weir-operator-plan -- --ignored --nocapture hundred_brokers`
#[test]
#[ignore = "measures time: run it in release, on a machine at rest"]
fn a_hundred_brokers_with_a_hundred_thousand_replicas_are_planned_in_a_second() {
    for (layout, what) in [
        (large(100, 33_334, 1), "one newcomer"),
        (large(102, 33_334, 3), "a newcomer in each rack"),
        (large(102, 33_334, 0), "nothing to do"),
        (piled(102, 33_334), "everything on nine brokers"),
        (rated(large(102, 33_334, 0)), "a third of the brokers written and read too much"),
        (rated(piled(102, 33_334)), "everything on nine brokers, a third of them too much"),
    ] {
        let before = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let proposal = propose(&layout, WHOLE);
        let after = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let ms = (after.tv_sec - before.tv_sec) * 1_000 + (after.tv_nsec - before.tv_nsec) / 1_000_000;
        // What newcomers hold then has to be copied to them, whatever the plan: the least that there is to move.
        let came = |account: &&Account| account.before.replicas == 0;
        let least: u64 = proposal.brokers.iter().filter(came).map(|account| account.after.bytes).sum();
        println!(
            "{what}: {ms} ms, {} looks, {} moves, {} MiB moved, {} MiB of them onto newcomers",
            proposal.work,
            proposal.moves.len(),
            proposal.bytes / MIB,
            least / MIB
        );
        assert!(ms < 1_000, "{what}: {ms} ms");
    }
}
