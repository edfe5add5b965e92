//! The same seed gives the same run; and the real disk, the real clock and threads give the same answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, RngSeed};
use weir_log::{Home, RealDisk};

use super::controlling::Nobody;
use super::world::{World, address, create, names};
use crate::{OnThreads, Quorum, QuorumConfig, controller};

/// Elections, a cut, decisions: when and where each round was followed.
fn history(seed: u64) -> Vec<String> {
    let seeded = RngSeed::from_bytes(&seed.to_be_bytes());
    let runtime =
        Builder::new_current_thread().enable_time().start_paused(true).rng_seed(seeded).build().unwrap();
    runtime.block_on(async move {
        let begun = tokio::time::Instant::now();
        let world = World::of(3, seed).await;
        let mut history = Vec::new();
        for n in 0..10 {
            let leader = world.leader().await;
            let term = world.nodes[&leader].quorum.describe().term;
            let created = world.create(leader, &format!("t{n}")).await;
            history.push(format!("{:?}: {leader} in {term}: {created:?}", begun.elapsed()));
            if n % 3 == 2 {
                world.isolate(leader);
                tokio::time::sleep(Duration::from_secs(2)).await;
                world.heal();
            }
        }
        for (broker, node) in &world.nodes {
            let rounds: Vec<_> = node.followed.lock().unwrap().iter().map(|c| c.index.0).collect();
            history.push(format!("{broker} followed {rounds:?}"));
        }
        history
    })
}

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in 1..6 {
        assert_eq!(history(seed), history(seed));
    }
    assert_ne!(history(1), history(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_alone_on_a_real_disk_remembers_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for start in 0..3 {
        let home = Home::new(RealDisk, dir.path());
        let config = QuorumConfig::new(World::new(0).id(0), 1);
        let (quorum, mut commits) =
            Quorum::start(config, home, Arc::new(Nobody), Arc::new(OnThreads)).await.unwrap();
        let (controller, decider) = controller(&quorum, Box::new(|| 7));
        let deciding = tokio::spawn(decider.run(std::future::pending()));
        let following = tokio::spawn(async move { while commits.next().await.is_some() {} });
        if start == 0 {
            quorum.initialize([(quorum.me(), address(0))].into()).await.unwrap();
        }
        let reigning = quorum.state().wait_for(|state| state.am_controller()).await.is_ok();
        assert!(reigning);
        create(&controller, &format!("t{start}")).await.unwrap();
        assert_eq!(names(&quorum.latest().borrow().image).len(), start + 1);
        quorum.shutdown().await;
        deciding.abort();
        following.await.unwrap();
    }
}
