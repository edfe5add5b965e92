//! From what the planner proposes to what the brokers are told. Pure translation; decides how much is told at once.

use serde_json::json;

use crate::hash;
use crate::observed::brokers::{BrokerRef, PartitionState, Snapshot};
use crate::plan::{Balance, MoveOrder, PartitionRef, Step};
use crate::rebalance::{Change, Proposal};

/// How many partitions get another leader at once.
const LEADERS_AT_ONCE: usize = 1_000;

/// Changes of leaders first, then as many moves as there is room for.
pub(super) fn steps(
    proposal: &Proposal,
    partitions: &[PartitionState],
    seen: &Snapshot,
    throttle: Option<u64>,
    room: usize,
) -> Vec<Step> {
    let order = |change: &Change, throttle: Option<u64>| {
        let partition = &partitions[change.partition];
        let replicas = change.replicas.iter().map(|id| {
            let incarnation = seen.brokers.get(id).map(|broker| broker.incarnation).unwrap_or_default();
            BrokerRef { id: *id, incarnation }
        });
        MoveOrder {
            partition: reference(partition),
            epoch: partition.epoch,
            replicas: replicas.collect(),
            throttle,
        }
    };
    let leaders = proposal.leaderships.iter().take(LEADERS_AT_ONCE);
    let leaders: Vec<_> = leaders.map(|change| order(change, None)).collect();
    let moves: Vec<_> = proposal.moves.iter().take(room).map(|change| order(change, throttle)).collect();
    let mut steps = Vec::new();
    if !leaders.is_empty() {
        let elected = leaders.iter().map(|order| order.partition.clone()).collect();
        steps.push(Step::Move(leaders));
        steps.push(Step::ElectPreferred(elected));
    }
    if !moves.is_empty() {
        steps.push(Step::Move(moves));
    }
    steps
}

/// Everybody who is preferred and does not lead, now that nothing moves any more.
pub(super) fn prefer(partitions: &[PartitionState]) -> Vec<Step> {
    let other = |partition: &&PartitionState| {
        partition.replicas.first().is_some_and(|preferred| {
            partition.leader != Some(*preferred)
                && partition.in_sync.contains(preferred)
                && !partition.is_moving()
        })
    };
    let others: Vec<_> = partitions.iter().filter(other).take(LEADERS_AT_ONCE).map(reference).collect();
    if others.is_empty() { Vec::new() } else { vec![Step::ElectPreferred(others)] }
}

/// The proposal as people see it.
pub(super) fn balance(proposal: &Proposal) -> Balance {
    let outcome = proposal.brokers.iter().map(|account| {
        let (before, after) = (account.before, account.after);
        json!([account.id.0, before.replicas, after.replicas, before.leaders, after.leaders])
    });
    Balance {
        hash: hash::of(&outcome.collect()),
        moves: proposal.moves.len(),
        leaderships: proposal.leaderships.len(),
        bytes: proposal.bytes,
        brokers: proposal.brokers.clone(),
        waits_for_approval: false,
    }
}

fn reference(partition: &PartitionState) -> PartitionRef {
    PartitionRef { topic_id: partition.topic_id.clone(), number: partition.number }
}
