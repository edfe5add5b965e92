//! Power cuts under whole nodes.

use std::collections::BTreeSet;

use weir_log::CrashStyle;

use super::world::World;

const STYLES: [CrashStyle; 3] = [CrashStyle::LoseUnsynced, CrashStyle::Scatter, CrashStyle::KeepAll];

/// Creates topics at the leader until one fails; gives those that were acknowledged.
async fn create_until_failure(world: &World, leader: i32) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    for n in 0..40 {
        let name = format!("t{n:02}");
        if world.create(leader, &name).await.is_err() {
            break;
        }
        acknowledged.insert(name);
    }
    acknowledged
}

async fn power_cycle(world: &mut World, brokers: &[i32], style: CrashStyle, seed: u64) {
    for broker in brokers {
        world.disappear(*broker).await;
        world.disks[broker].crash(style, seed);
    }
    for broker in brokers {
        world.start(*broker).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_power_goes_at_any_write_loses_nothing_acknowledged() {
    for cut in 1..60 {
        let mut world = World::new(cut);
        world.tune = |config| (config.snapshot_entries, config.kept_entries) = (8, 2);
        world.found(3).await;
        let leader = world.leader().await;
        let disk = world.disks[&leader].clone();
        disk.cut_at(disk.changes() + cut);
        let acknowledged = create_until_failure(&world, leader).await;
        power_cycle(&mut world, &[leader], STYLES[cut as usize % 3], cut).await;
        let next = world.leader().await;
        world.create(next, "last").await.unwrap();
        for broker in 0..3 {
            world.arrives(broker, "last").await;
            let kept: BTreeSet<_> = world.topics(broker).into_iter().collect();
            assert!(kept.is_superset(&acknowledged), "cut {cut}: {acknowledged:?} of {kept:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_loses_power_at_once_and_nothing_acknowledged_is_lost() {
    for seed in 0..30 {
        let mut world = World::new(500 + seed);
        world.tune = |config| (config.snapshot_entries, config.kept_entries) = (8, 2);
        world.found(3).await;
        let leader = world.leader().await;
        let mut acknowledged = BTreeSet::new();
        for n in 0..seed {
            world.create(leader, &format!("t{n:02}")).await.unwrap();
            acknowledged.insert(format!("t{n:02}"));
        }
        power_cycle(&mut world, &[0, 1, 2], STYLES[seed as usize % 2], seed).await;
        let leader = world.leader().await;
        let kept: BTreeSet<_> = world.topics(leader).into_iter().collect();
        assert_eq!(kept, acknowledged);
        world.create(leader, "last").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_whose_power_goes_while_it_installs_a_snapshot_gets_it_again() {
    for cut in 1..30 {
        let mut world = World::new(900 + cut);
        world.tune = |config| (config.snapshot_entries, config.kept_entries) = (8, 2);
        world.found(1).await;
        for n in 0..30 {
            world.create(0, &format!("t{n:02}")).await.unwrap();
        }
        world.start(1).await.unwrap();
        let disk = world.disks[&1].clone();
        disk.cut_at(disk.changes() + cut);
        world.nodes[&0].quorum.add_learner(world.id(1), super::world::address(1)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        power_cycle(&mut world, &[1], STYLES[cut as usize % 3], cut).await;
        world.create(0, "last").await.unwrap();
        world.arrives(1, "last").await;
        assert_eq!(world.topics(1), world.topics(0));
    }
}
