//! Messages of nodes that do not belong to the quorum, or speak for others: nobody is deposed, nothing is voted for, and
//! nothing is appended.

use openraft::raft::{AppendEntriesRequest, VoteRequest};
use uuid::Uuid;
use weir_model::{BrokerId, Incarnation};

use super::world::World;
use crate::codec::{Ask, Question, Stand};
use crate::types::{LogId, Term, Vote};
use crate::{AnswerError, NodeId, State};

/// A term that nobody reaches by elections.
const FUTURE: u64 = 1 << 40;

fn stranger() -> NodeId {
    NodeId { broker: BrokerId(66), incarnation: Incarnation(Uuid::from_u128(66)) }
}

/// What can depose a leader, in the name of that node.
fn attacks(by: NodeId) -> [Ask; 4] {
    let last = LogId { leader_id: openraft::LeaderId::new(FUTURE, by), index: FUTURE };
    let append = |prev_log_id| AppendEntriesRequest {
        vote: Vote::new_committed(FUTURE, by),
        prev_log_id,
        entries: Vec::new(),
        leader_commit: Some(last),
    };
    [
        Ask::Vote(VoteRequest { vote: Vote::new(FUTURE, by), last_log_id: Some(last) }),
        Ask::Append(append(None)),
        Ask::Append(append(Some(last))),
        Ask::Stand(Stand { term: Term(FUTURE), successor: true }),
    ]
}

fn states(world: &World) -> Vec<State> {
    world.nodes.values().map(|node| node.quorum.state().borrow().clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stranger_with_a_future_term_deposes_nobody() {
    let world = World::of(3, 41).await;
    let leader = world.leader().await;
    world.create(leader, "before").await.unwrap();
    for broker in 0..3 {
        world.arrives(broker, "before").await;
    }
    let before = states(&world);
    for broker in 0..3 {
        let node = &world.nodes[&broker].quorum;
        for ask in attacks(stranger()) {
            let question = Question { from: stranger(), to: world.id(broker), ask }.encode();
            assert_eq!(node.answer(&question).await, Err(AnswerError::Stranger(stranger())));
        }
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(states(&world), before);
    world.create(leader, "after").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_speaks_for_a_node_that_it_is_not() {
    let world = World::of(3, 42).await;
    let leader = world.leader().await;
    let before = states(&world);
    let member = world.id((leader + 1) % 3);
    let node = &world.nodes[&leader].quorum;
    for ask in attacks(member) {
        let question = Question { from: member, to: world.id(leader), ask }.encode();
        let wanted = AnswerError::Impostor { from: stranger(), named: member };
        assert_eq!(node.answer_to(stranger(), &question).await, Err(wanted));
    }
    for ask in attacks(stranger()).into_iter().take(3) {
        let question = Question { from: member, to: world.id(leader), ask }.encode();
        let wanted = AnswerError::Impostor { from: member, named: stranger() };
        assert_eq!(node.answer_to(member, &question).await, Err(wanted));
    }
    // Another disk of a broker that is a member is no member.
    let other_disk = NodeId { incarnation: stranger().incarnation, ..member };
    for ask in attacks(other_disk) {
        let question = Question { from: other_disk, to: world.id(leader), ask }.encode();
        assert_eq!(node.answer_to(other_disk, &question).await, Err(AnswerError::Stranger(other_disk)));
    }
    assert_eq!(states(&world), before);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_missed_the_change_of_everybody_still_finds_its_leader() {
    let mut world = World::of(3, 43).await;
    let leader = world.leader().await;
    world.kill(0).await;
    let leader = if leader == 0 { world.leader().await } else { leader };
    for broker in [3, 4, 5] {
        world.start(broker).await.unwrap();
        let quorum = &world.nodes[&leader].quorum;
        quorum.add_learner(world.id(broker), super::world::address(broker)).await.unwrap();
    }
    let quorum = &world.nodes[&leader].quorum;
    quorum.change_voters([3, 4, 5].map(|broker| world.id(broker)).into()).await.unwrap();
    for broker in [1, 2] {
        world.kill(broker).await;
    }
    let leader = world.leader().await;
    assert!(leader >= 3, "{leader}");
    world.create(leader, "new").await.unwrap();
    world.start(0).await.unwrap();
    let quorum = &world.nodes[&leader].quorum;
    quorum.add_learner(world.id(0), super::world::address(0)).await.unwrap();
    world.arrives(0, "new").await;
}
