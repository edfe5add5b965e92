use std::collections::BTreeSet;
use std::time::Duration;

use weir_core::controller::voters::Absences;
use weir_core::controller::{Decision, Entropy, HostPort, Image, Record, Registration, VersionRange};
use weir_model::{BrokerId, DurationMs, Millis};

use super::world::{World, address};
use crate::{Call, Change, LogIndex, MemberError, NodeId};

async fn voters(world: &World, brokers: &[i32]) -> Result<(), MemberError> {
    let leader = world.leader().await;
    let voters: BTreeSet<_> = brokers.iter().map(|broker| world.id(*broker)).collect();
    world.nodes[&leader].quorum.change_voters(voters).await
}

async fn learner(world: &World, broker: i32) {
    let leader = world.leader().await;
    world.nodes[&leader].quorum.add_learner(world.id(broker), address(broker)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_voter_becomes_three_and_loses_the_first() {
    let mut world = World::of(1, 1).await;
    world.create(0, "a").await.unwrap();
    for broker in 1..3 {
        world.start(broker).await.unwrap();
        learner(&world, broker).await;
        world.arrives(broker, "a").await;
    }
    voters(&world, &[0, 1, 2]).await.unwrap();
    world.kill(0).await;
    let leader = world.leader().await;
    world.create(leader, "b").await.unwrap();
    assert_eq!(world.topics(leader), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_learner_follows_and_never_votes() {
    let mut world = World::of(1, 2).await;
    world.start(1).await.unwrap();
    learner(&world, 1).await;
    world.create(0, "a").await.unwrap();
    world.arrives(1, "a").await;
    world.kill(0).await;
    world.nodes[&1].quorum.elect_now().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((world.leading(), world.asked(Call::Vote)), (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn a_wiped_voter_is_another_node_and_does_not_vote_as_the_old_one() {
    let mut world = World::of(3, 3).await;
    let leader = world.leader().await;
    world.create(leader, "a").await.unwrap();
    let others: Vec<i32> = (0..3).filter(|broker| *broker != leader).collect();
    // One of the two that hold "a" is wiped, and the other one is gone: nobody may lead without it.
    let old = world.id(others[0]);
    world.wipe(others[0]).await;
    assert_ne!(world.id(others[0]), old);
    world.kill(leader).await;
    world.nodes[&others[1]].quorum.elect_now().await;
    assert_eq!(world.leader_within(Duration::from_secs(5)).await, None);
    assert!(world.nodes[&others[0]].quorum.is_empty(), "the wiped disk took no vote of the old one");
    // With a majority of the old voters back, the new disk takes the old one's place.
    world.start(leader).await.unwrap();
    learner(&world, others[0]).await;
    world.arrives(others[0], "a").await;
    voters(&world, &[0, 1, 2]).await.unwrap();
    let leader = world.leader().await;
    world.nodes[&leader].quorum.remove_learner(old).await.unwrap();
    let members = world.nodes[&leader].quorum.members();
    assert_eq!(members.voters, (0..3).map(|broker| world.id(broker)).collect());
    assert_eq!((members.nodes.len(), members.changing), (3, false));
}

#[tokio::test(start_paused = true)]
async fn a_learner_far_behind_gets_a_snapshot_and_then_what_follows() {
    let mut world = World::new(4);
    world.tune = |config| {
        config.snapshot_entries = 20;
        config.kept_entries = 5;
    };
    world.found(1).await;
    for n in 0..100 {
        world.create(0, &format!("t{n:03}")).await.unwrap();
    }
    world.start(1).await.unwrap();
    learner(&world, 1).await;
    world.arrives(1, "t099").await;
    assert!(world.asked(Call::Snapshot) > 0);
    world.create(0, "u").await.unwrap();
    world.arrives(1, "u").await;
    assert_eq!(world.topics(1), world.topics(0));
    {
        let followed = world.nodes[&1].followed.lock().unwrap();
        assert_eq!(followed[0].change, Change::Everything);
        assert!(followed.is_sorted_by_key(|c| c.index) && followed[0].index > LogIndex(5));
    }
    // Both start from their snapshots.
    for broker in 0..2 {
        world.kill(broker).await;
        world.start(broker).await.unwrap();
    }
    world.leader().await;
    world.arrives(1, "u").await;
    assert_eq!(world.topics(0).len(), 101);
    world.create(0, "v").await.unwrap();
    world.arrives(1, "v").await;
}

#[tokio::test(start_paused = true)]
async fn a_node_must_be_a_member_before_it_votes_and_somebody_must_vote() {
    let world = World::of(1, 5).await;
    assert_eq!(voters(&world, &[0, 1]).await, Err(MemberError::Unknown(world.id(1))));
    assert_eq!(voters(&world, &[]).await, Err(MemberError::NoVoters));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_voters_that_lost_its_leader_is_finished_by_the_next() {
    let mut world = World::of(3, 6).await;
    world.start(3).await.unwrap();
    learner(&world, 3).await;
    let first = world.leader().await;
    let node = world.nodes[&first].quorum.clone();
    let goal: BTreeSet<_> = (1..4).map(|broker| world.id(broker)).collect();
    let changing = tokio::spawn(async move { node.change_voters(goal).await });
    // The first step is proposed, and its leader dies before the second.
    tokio::time::sleep(Duration::from_millis(2)).await;
    world.kill(first).await;
    let _ = changing.await;
    let next = world.leader().await;
    let members = world.nodes[&next].quorum.members();
    assert!(members.changing);
    voters(&world, &[1, 2, 3]).await.unwrap();
    let leader = world.leader().await;
    assert!(!world.nodes[&leader].quorum.members().changing);
    let leader = world.leader().await;
    world.create(leader, "a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_member_that_moved_is_found_at_its_new_address() {
    let mut world = World::of(1, 7).await;
    world.start(1).await.unwrap();
    let wrong = address(9);
    world.nodes[&0].quorum.add_learner(world.id(1), wrong).await.unwrap();
    world.create(0, "a").await.unwrap();
    assert!(world.topics(1).is_empty());
    learner(&world, 1).await;
    world.arrives(1, "a").await;
}

fn registered(world: &World, broker: i32) -> Record {
    Record::BrokerRegistered(Registration {
        id: BrokerId(broker),
        incarnation: world.id(broker).incarnation,
        epoch: 1,
        rack: None,
        endpoints: Vec::new(),
        fenced: false,
        shutting_down: false,
        drained: false,
        peer: Some(HostPort { host: address(broker).host, port: address(broker).port }),
        admin: None,
        versions: VersionRange { min: 1, max: 1 },
    })
}

/// Registers brokers, as they would themselves.
async fn register(world: &World, brokers: &[i32]) {
    let leader = world.leader().await;
    let records: Vec<_> = brokers.iter().map(|broker| registered(world, *broker)).collect();
    let decide = move |_: &Image, _: &mut Entropy<'_>| Decision { records, reply: () };
    world.nodes[&leader].controller.decide(decide).await.unwrap();
}

/// What the controller does every second.
async fn settle(world: &World) {
    for _ in 0..40 {
        let leader = world.leader().await;
        let quorum = &world.nodes[&leader].quorum;
        let absences = Absences::default();
        let changed = quorum.follow_voter_policy(&absences, DurationMs(60_000), Millis(0)).await;
        if changed == Ok(false) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the members never settle");
}

fn voting(world: &World, broker: i32) -> Vec<NodeId> {
    world.nodes[&broker].quorum.members().voters.into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_reign_does_not_judge_who_votes() {
    let world = World::of(3, 9).await;
    let leader = world.leader().await;
    let other = (0..3).find(|broker| *broker != leader).unwrap();
    let (quorum, absences) = (&world.nodes[&other].quorum, Absences::default());
    let asked = quorum.follow_voter_policy(&absences, DurationMs(60_000), Millis(0)).await;
    assert_eq!(asked, Err(MemberError::NotController(Some(world.id(leader)))));
}

#[tokio::test(start_paused = true)]
async fn brokers_that_register_become_voters_and_a_new_disk_takes_the_old_ones_place() {
    let mut world = World::of(1, 8).await;
    register(&world, &[0]).await;
    settle(&world).await;
    assert_eq!(voting(&world, 0), [world.id(0)]);
    for broker in 1..4 {
        world.start(broker).await.unwrap();
    }
    register(&world, &[1, 2, 3]).await;
    // Learners catch up while the policy is asked again.
    settle(&world).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    settle(&world).await;
    let leader = world.leader().await;
    assert_eq!(voting(&world, leader), [world.id(0), world.id(1), world.id(2)]);
    assert_eq!(world.nodes[&leader].quorum.members().nodes.len(), 4);
    let wiped = (0..3).find(|broker| *broker != leader).unwrap();
    let old = world.id(wiped);
    world.wipe(wiped).await;
    register(&world, &[wiped]).await;
    settle(&world).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    settle(&world).await;
    let leader = world.leader().await;
    let members = world.nodes[&leader].quorum.members();
    assert_eq!((members.voters.len(), members.nodes.len()), (3, 4));
    assert!(!members.nodes.contains_key(&old), "the lost disk is gone for good");
}
