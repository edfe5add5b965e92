use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use weir_core::controller::{Decision, Entropy, Image, Record};
use weir_log::MemoryDisk;
use weir_model::{TopicId, TopicName};

use super::world::{World, create, home};
use crate::{DecideError, InLine, LogIndex, Outcome, Quorum, QuorumConfig, Round, controller};

fn topic(n: u128, name: &str) -> Record {
    Record::TopicCreated { id: TopicId(Uuid::from_u128(n)), name: TopicName::new(name).unwrap() }
}

#[tokio::test(start_paused = true)]
async fn decisions_that_wait_together_share_a_round_and_see_each_other() {
    let world = World::of(3, 1).await;
    let leader = world.leader().await;
    let controller = &world.nodes[&leader].controller;
    let all: Vec<_> = (0..50)
        .map(|n| {
            let controller = controller.clone();
            tokio::spawn(async move {
                let count = move |image: &Image, _: &mut Entropy<'_>| {
                    let seen = image.topic_count();
                    Decision { records: vec![topic(n + 1, &format!("t{n}"))], reply: seen }
                };
                controller.decide(count).await.unwrap()
            })
        })
        .collect();
    let mut seen = Vec::new();
    for one in all {
        seen.push(one.await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    let rounds = world.nodes[&leader].followed.lock().unwrap().len();
    assert!(rounds <= 3, "{rounds} rounds");
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_contradicts_harms_nobody_else() {
    let world = World::of(1, 2).await;
    world.create(0, "a").await.unwrap();
    let bad = |_: &Image, _: &mut Entropy<'_>| Decision { records: vec![topic(9, "a")], reply: () };
    let (bad, good) = tokio::join!(world.nodes[&0].controller.decide(bad), world.create(0, "b"));
    assert!(matches!(bad, Err(DecideError::Contradiction(_))));
    assert_eq!((good, world.topics(0)), (Ok(()), vec!["a".to_owned(), "b".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_round_decided_on_an_older_image_is_stale_everywhere() {
    let world = World::of(3, 3).await;
    let leader = world.leader().await;
    world.create(leader, "a").await.unwrap();
    let raft = world.nodes[&leader].quorum.raft();
    let stale = Round { decided_at: LogIndex(0), records: [topic(7, "stale")].into() };
    assert_eq!(raft.client_write(stale).await.unwrap().data, Outcome::Stale);
    world.create(leader, "b").await.unwrap();
    for broker in 0..3 {
        world.arrives(broker, "b").await;
        assert_eq!(world.topics(broker), ["a", "b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_until_this_broker_has_followed() {
    let disk = MemoryDisk::new();
    let world = World::new(4);
    let config = QuorumConfig::new(world.id(0), 1);
    let (quorum, mut commits) =
        Quorum::start(config, home(&disk), Arc::new(Nobody), Arc::new(InLine)).await.unwrap();
    let (controller, decider) = controller(&quorum, Box::new(|| 0));
    let loop_task = tokio::spawn(decider.run(std::future::pending()));
    quorum.initialize([(world.id(0), super::world::address(0))].into()).await.unwrap();
    quorum.state().wait_for(|state| state.am_controller()).await.unwrap();
    let answer = {
        let controller = controller.clone();
        tokio::spawn(async move { create(&controller, "a").await })
    };
    let round = commits.next().await.unwrap();
    assert!(round.image.topic("a").is_some());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!answer.is_finished(), "it is committed, but nobody has followed it");
    assert!(tokio::time::timeout(Duration::from_secs(1), commits.next()).await.is_err());
    assert_eq!(answer.await.unwrap(), Ok(()));
    // Without a follower nobody is waited for.
    drop(commits);
    create(&controller, "b").await.unwrap();
    quorum.shutdown().await;
    assert!(matches!(create(&controller, "c").await, Err(DecideError::NotController(None))));
    loop_task.abort();
}

/// A network without anybody in it.
pub(super) struct Nobody;

impl crate::Peers for Nobody {
    fn ask(
        &self,
        _: crate::NodeId,
        _: &crate::PeerAddress,
        _: crate::Call,
        _: bytes::Bytes,
    ) -> crate::Answering {
        Box::pin(std::future::ready(Err(crate::PeerError::Unreachable("nobody".to_owned()))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_takes_deletions_and_recovers_by_itself() {
    let mut world = World::of(1, 5).await;
    world.create(0, "a").await.unwrap();
    let disk = world.disks[&0].clone();
    let used = u64::MAX - weir_log::Disk::space(&disk, std::path::Path::new("/")).unwrap().free;
    disk.set_capacity(used + 64);
    assert_eq!(world.create(0, "b").await, Ok(()), "the room that was kept takes the first");
    assert_eq!(world.create(0, "c").await, Err(DecideError::DiskFull));
    let delete = |image: &Image, _: &mut Entropy<'_>| {
        let id = image.topic("a").unwrap().id;
        Decision { records: vec![Record::TopicDeleted { id }], reply: () }
    };
    world.nodes[&0].controller.decide(delete).await.unwrap();
    disk.set_capacity(u64::MAX);
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.create(0, "c").await.unwrap();
    world.kill(0).await;
    world.start(0).await.unwrap();
    world.leader().await;
    assert_eq!(world.topics(0), ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_stops_the_node_and_the_others_go_on() {
    let world = World::of(3, 6).await;
    let leader = world.leader().await;
    world.create(leader, "a").await.unwrap();
    world.disks[&leader].fail_syncs(true);
    let refused = world.create(leader, "b").await;
    assert!(!matches!(refused, Ok(())), "{refused:?}");
    let mut state = world.nodes[&leader].quorum.state();
    state.wait_for(|state| state.failed.is_some()).await.unwrap();
    assert!(matches!(world.create(leader, "c").await, Err(DecideError::Failed(_))));
    let new = world.leader().await;
    assert_ne!(new, leader);
    world.create(new, "d").await.unwrap();
    assert!(world.topics(new).contains(&"a".to_owned()));
}
