use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use weir_core::controller::{Decision, Record};
use weir_model::{TopicId, TopicName};

use super::world::{World, create};
use crate::{Call, Change, DecideError, QuorumConfig};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_broker_alone_decides_and_remembers_over_a_restart() {
    let mut world = World::of(1, 1).await;
    world.create(0, "a").await.unwrap();
    world.create(0, "b").await.unwrap();
    world.kill(0).await;
    world.start(0).await.unwrap();
    world.leader().await;
    assert_eq!(world.topics(0), ["a", "b"]);
    world.create(0, "c").await.unwrap();
    assert_eq!(world.topics(0), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_leader_decides_reaches_everybody_in_log_order() {
    let world = World::of(3, 2).await;
    let leader = world.leader().await;
    for name in ["a", "b", "c"] {
        world.create(leader, name).await.unwrap();
    }
    for broker in 0..3 {
        world.arrives(broker, "c").await;
        let followed = world.nodes[&broker].followed.lock().unwrap();
        let sizes: Vec<_> = followed.iter().map(|c| c.image.topic_count()).collect();
        assert_eq!(sizes, [1, 2, 3]);
        assert!(followed.iter().all(|c| matches!(&c.change, Change::Records(r) if r.len() == 1)));
        assert!(followed.is_sorted_by_key(|c| c.index));
    }
}

/// As the fencing of a broker with thousands of partitions, on a busy machine.
#[tokio::test(start_paused = true)]
async fn a_round_that_takes_longer_than_a_heartbeat_to_write_is_committed_all_the_same() {
    let mut world = World::of(3, 12).await;
    let leader = world.leader().await;
    let other = (0..3).find(|broker| *broker != leader).unwrap();
    world.kill(other).await;
    world.net.slow(1_000, 3 * QuorumConfig::new(world.id(0), 0).timings.heartbeat);
    let decided = world.nodes[&leader].controller.decide(|_, _| {
        let name = |n| TopicName::new(&format!("topic-{n}")).unwrap();
        let records =
            (0..100).map(|n| Record::TopicCreated { id: TopicId(Uuid::from_u128(n + 1)), name: name(n) });
        Decision { records: records.collect(), reply: () }
    });
    // Whoever asked may be told that the controller was in doubt meanwhile.
    let _ = tokio::time::timeout(2 * SECOND, decided).await;
    let arrived = tokio::time::timeout(SECOND, world.arrives(leader, "topic-99")).await;
    assert!(arrived.is_ok(), "it is sent again and again, and no answer counts");
}

#[tokio::test(start_paused = true)]
async fn nobody_but_the_leader_decides() {
    let world = World::of(3, 3).await;
    let leader = world.leader().await;
    let follower = (0..3).find(|broker| *broker != leader).unwrap();
    let refused = world.create(follower, "a").await;
    assert_eq!(refused, Err(DecideError::NotController(Some(world.id(leader)))));
}

#[tokio::test(start_paused = true)]
async fn everybody_restarts_and_nothing_is_forgotten() {
    for seed in 0..10 {
        let mut world = World::of(3, seed).await;
        let leader = world.leader().await;
        world.create(leader, "a").await.unwrap();
        for broker in 0..3 {
            world.kill(broker).await;
        }
        for broker in 0..3 {
            world.start(broker).await.unwrap();
        }
        let leader = world.leader().await;
        assert_eq!(world.topics(leader), ["a"], "a controller has everything that was committed");
        world.create(leader, "b").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_a_majority_decides_nothing_and_the_others_go_on() {
    for seed in 0..10 {
        let world = World::of(3, 100 + seed).await;
        let old = world.leader().await;
        world.create(old, "a").await.unwrap();
        world.isolate(old);
        let asked = Instant::now();
        let refused = world.create(old, "lost").await;
        assert!(matches!(refused, Err(DecideError::NotController(_))), "{refused:?}");
        assert!(asked.elapsed() < SECOND, "{:?}", asked.elapsed());
        let new = world.leader().await;
        assert_ne!(new, old);
        world.create(new, "b").await.unwrap();
        world.heal();
        world.arrives(old, "b").await;
        assert_eq!(world.topics(old), ["a", "b"], "its divergent tail is cut");
        assert_eq!(world.leading(), [new]);
    }
}

#[tokio::test(start_paused = true)]
async fn not_even_that_there_is_nothing_to_do_is_said_without_a_majority() {
    let world = World::of(3, 9).await;
    let old = world.leader().await;
    world.create(old, "a").await.unwrap();
    world.create(old, "a").await.unwrap();
    world.isolate(old);
    assert_eq!(world.leading(), [old], "it does not know yet");
    let refused = world.create(old, "a").await;
    assert!(matches!(refused, Err(DecideError::NotController(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_leader_is_followed_within_two_election_timeouts_and_a_step() {
    let mut slowest = Duration::ZERO;
    for seed in 0..50 {
        let world = World::of(3, 1_000 + seed).await;
        let old = world.leader().await;
        world.isolate(old);
        let lost = Instant::now();
        let mut new = old;
        while new == old {
            new = world.leader_within(10 * SECOND).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        slowest = slowest.max(lost.elapsed());
    }
    // 600 ms of silence, up to 50 ms until they are counted, and at most 100 ms that one waits for who does not answer.
    assert!(slowest < Duration::from_millis(750), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_word_arrives_and_that_hears_no_answer_is_followed_too() {
    let mut slowest = Duration::ZERO;
    for seed in 0..20 {
        let world = World::of(3, 3_000 + seed).await;
        let old = world.leader().await;
        world.create(old, "before").await.unwrap();
        world.deafen(old);
        let lost = Instant::now();
        let new = loop {
            match world.leading()[..] {
                [new] if new != old => break new,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
            assert!(lost.elapsed() < 30 * SECOND, "nobody else leads, seed {seed}");
        };
        slowest = slowest.max(lost.elapsed());
        world.create(new, "meanwhile").await.unwrap();
        // It shows itself again and again, and deposes nobody.
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(world.leading(), [new], "seed {seed}");
        world.heal();
        world.create(world.leader().await, "after").await.unwrap();
        world.arrives(old, "after").await;
    }
    // Until it knows that nobody answers, until it is silent, and what a silent leader's followers wait.
    assert!(slowest < 2 * SECOND, "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_known_to_be_dead_is_followed_at_once() {
    let mut slowest = Duration::ZERO;
    for seed in 0..50 {
        let mut world = World::of(3, 2_000 + seed).await;
        let old = world.leader().await;
        world.create(old, "a").await.unwrap();
        world.kill(old).await;
        let lost = Instant::now();
        // The others notice one after the other.
        for (late, node) in world.nodes.values().enumerate() {
            let quorum = node.quorum.clone();
            let wait = Duration::from_millis(late as u64 * (seed % 5));
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                quorum.elect_now().await;
            });
        }
        let new = world.leader().await;
        slowest = slowest.max(lost.elapsed());
        assert_eq!(world.topics(new), ["a"]);
    }
    assert!(slowest < Duration::from_millis(200), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn standing_for_election_does_nothing_to_a_leader() {
    let world = World::of(3, 4).await;
    let leader = world.leader().await;
    let term = world.nodes[&leader].quorum.describe().term;
    world.nodes[&leader].quorum.elect_now().await;
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(world.nodes[&leader].quorum.describe().term, term);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_hands_over() {
    let mut slowest = Duration::ZERO;
    for seed in 0..50 {
        let mut world = World::of(3, 3_000 + seed).await;
        let old = world.leader().await;
        world.create(old, "a").await.unwrap();
        let node = world.nodes.remove(&old).unwrap();
        let left = Instant::now();
        node.quorum.shutdown().await;
        let new = world.leader().await;
        slowest = slowest.max(left.elapsed());
        assert_eq!(world.topics(new), ["a"]);
        assert_eq!(create(&node.controller, "b").await, Err(DecideError::NotController(None)));
    }
    assert!(slowest < Duration::from_millis(50), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_was_cut_off_comes_back_without_deposing_anybody() {
    let world = World::of(3, 5).await;
    let leader = world.leader().await;
    let term = world.nodes[&leader].quorum.describe().term;
    let cut_off = (0..3).find(|broker| *broker != leader).unwrap();
    world.isolate(cut_off);
    for n in 0..20 {
        world.create(leader, &format!("t{n:02}")).await.unwrap();
    }
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(world.leading(), [leader]);
    world.heal();
    world.arrives(cut_off, "t19").await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(world.leading(), [leader]);
    assert_eq!(world.nodes[&leader].quorum.describe().term, term);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_paused_reads_its_messages_before_it_stands() {
    let world = World::of(3, 8).await;
    let leader = world.leader().await;
    let term = world.nodes[&leader].quorum.describe().term;
    // For everybody at once: nothing runs while the clock moves.
    for _ in 0..20 {
        tokio::time::advance(3 * SECOND).await;
        tokio::time::sleep(SECOND).await;
    }
    let leader = world.leader().await;
    assert_eq!(world.nodes[&leader].quorum.describe().term, term);
}

#[tokio::test(start_paused = true)]
async fn the_quorum_is_described() {
    let world = World::of(3, 6).await;
    let leader = world.leader().await;
    world.create(leader, "a").await.unwrap();
    world.isolate((0..3).find(|broker| *broker != leader).unwrap());
    tokio::time::sleep(5 * SECOND).await;
    world.create(leader, "b").await.unwrap();
    let seen = world.nodes[&leader].quorum.describe();
    assert_eq!(seen.leader, Some(world.id(leader)));
    assert_eq!(seen.committed, seen.last);
    assert_eq!(seen.replicas.iter().filter(|r| r.votes).count(), 3);
    assert_eq!(seen.replicas.iter().filter(|r| r.matched == seen.last).count(), 2);
    assert_eq!(seen.replicas.iter().filter(|r| r.since_heard.is_some_and(|s| s < SECOND)).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_begins_once_and_only_on_empty_disks() {
    let mut world = World::new(7);
    world.start(0).await.unwrap();
    assert!(world.nodes[&0].quorum.is_empty());
    tokio::time::sleep(10 * SECOND).await;
    assert!(world.nodes[&0].quorum.is_empty(), "it waits to be told");
    let me = [(world.id(0), super::world::address(0))];
    world.nodes[&0].quorum.initialize(me.clone().into()).await.unwrap();
    world.leader().await;
    assert!(!world.nodes[&0].quorum.is_empty());
    assert!(world.nodes[&0].quorum.initialize(me.into()).await.is_err());
    world.kill(0).await;
    world.start(0).await.unwrap();
    assert!(!world.nodes[&0].quorum.is_empty());
    assert_eq!(world.asked(Call::Vote), 0, "alone there is nobody to ask");
}
