//! Replicas that move: off brokers that are taken away, drained or lost, and onto those that have less than their share.
//! Nothing is remembered: what moves at the moment is seen at the brokers, the rest is planned anew in each pass. Must never
//! begin more moves than may be under way, nor disturb balance while anything else is.

mod consent;
pub(super) mod layout;
mod orders;

use std::collections::BTreeSet;

use weir_model::BrokerId;
use weir_operator_api::{OperationKind, RebalanceMode};

use super::scale_in::Leaving;
use super::{calm, tell};
use crate::observed::Observed;
use crate::observed::brokers::{BrokersView, PartitionState, Snapshot};
use crate::plan::{Balance, Left, Operation, PartitionRef, Plan, Step, Waiting};
use crate::rebalance::{Effort, Layout, Proposal, Settings, Standing, Why, propose};
use crate::valid::ValidCluster;

/// How long a broker that is only restarted is waited for.
const RESTARTING_MAX_S: i64 = 120;

/// What moves next, and what is going on.
#[derive(Debug, Default)]
pub(super) struct Moving {
    pub(super) steps: Vec<Step>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) operation: Option<Operation>,
    pub(super) balance: Option<Balance>,
    /// The proposal that is being carried out.
    pub(super) balancing: Option<String>,
    pub(super) left: Option<Left>,
}

/// `plan` is what was decided before: children, volumes and the roll.
pub(super) fn decide(cluster: &ValidCluster, observed: &Observed, leaving: &Leaving, plan: &Plan) -> Moving {
    let known = observed.brokers.known();
    let Some((seen, partitions)) = known.and_then(|seen| Some((seen, seen.partitions.as_deref()?))) else {
        return unknown(cluster, observed);
    };
    let lost = lost(cluster, observed, seen);
    let layout = layout::of(seen, partitions, &lost, leaving.emptied_from);
    let world = World { cluster, observed, seen, partitions, layout: &layout, lost: &lost };
    let moving = partitions.iter().filter(|partition| partition.is_moving()).count();
    let mut next = match world.unwanted() {
        Some(moves) => world.end(moves),
        None => world.go_on(leaving, plan, moving),
    };
    if leaving.steps.iter().any(|step| matches!(step, Step::CancelMoves(_))) {
        // What moves next is decided on what that leaves behind: an order made now would be refused.
        next.steps.clear();
    }
    if moving > 0 {
        next.waiting.push(Waiting::MovesInFlight { partitions: moving });
    }
    next
}

/// A rebalance goes on when the brokers can be asked again: they are behind for a moment again and again while they move.
fn unknown(cluster: &ValidCluster, observed: &Observed) -> Moving {
    let balancing = cluster.before.balancing.clone();
    if cluster.before.operation != Some(OperationKind::Rebalance) {
        return Moving { balancing, ..Moving::default() };
    }
    let waiting = match &observed.brokers {
        BrokersView::Unknown { why } => Waiting::BrokersUnknown { why: why.clone() },
        BrokersView::Known(_) => Waiting::IsrNotWhole { partitions: None },
    };
    let reason = "it is not known how far it is".to_owned();
    let operation = Some(Operation::new(OperationKind::Rebalance, reason));
    Moving { operation, waiting: vec![waiting], balancing, ..Moving::default() }
}

/// Whether a broker may become lost by time alone.
pub(super) fn next_loss(cluster: &ValidCluster) -> bool {
    cluster.rebalance.replace_after.is_some() && !cluster.before.unheard_since.is_empty()
}

/// Brokers that have not been heard of for so long that their replicas are made anew. Never half of them: whoever misses
/// that many is cut off himself.
pub(super) fn lost(cluster: &ValidCluster, observed: &Observed, seen: &Snapshot) -> BTreeSet<BrokerId> {
    let Some(after) = cluster.rebalance.replace_after else { return BTreeSet::new() };
    let now = observed.now.as_second();
    let gone = |id: &BrokerId| {
        let since = cluster.before.unheard_since.get(id).map(|since| since.as_second());
        since.is_some_and(|since| u64::try_from(now - since).is_ok_and(|gone| gone >= after.as_secs()))
    };
    let fenced = seen.brokers.iter().filter(|(id, broker)| broker.fenced && gone(id));
    let lost: BTreeSet<_> = fenced.map(|(id, _)| *id).collect();
    if lost.len() * 2 >= seen.brokers.len() { BTreeSet::new() } else { lost }
}

/// What is being moved at the moment; none where nobody told of partitions.
pub(super) fn under_way(seen: &Snapshot) -> Option<Left> {
    let partitions = seen.partitions.as_deref()?;
    Some(Left {
        moves: partitions.iter().filter(|partition| partition.is_moving()).count() as u64,
        bytes: partitions.iter().map(bytes_under_way).fold(0, u64::saturating_add),
    })
}

fn bytes_under_way(partition: &PartitionState) -> u64 {
    partition.bytes.saturating_mul(u64::try_from(partition.adding.len()).unwrap_or(u64::MAX))
}

/// What all of it looks at.
struct World<'a> {
    cluster: &'a ValidCluster,
    observed: &'a Observed,
    seen: &'a Snapshot,
    partitions: &'a [PartitionState],
    layout: &'a Layout,
    lost: &'a BTreeSet<BrokerId>,
}

impl World<'_> {
    /// The moves of a rebalance that may not go on, if there are any left.
    fn unwanted(&self) -> Option<Vec<PartitionRef>> {
        if !consent::is_withdrawn(&self.cluster.rebalance, &self.cluster.before) {
            return None;
        }
        Some(consent::unfinished(self.partitions, self.layout)).filter(|moves| !moves.is_empty())
    }

    /// Partitions go back to where they were. It is remembered until it was seen to have happened.
    fn end(&self, moves: Vec<PartitionRef>) -> Moving {
        let reason = consent::why_ended(&self.cluster.rebalance);
        let note = format!("{} moves are ended: {reason}", moves.len());
        Moving {
            steps: vec![Step::CancelMoves(moves), tell("MovesEnd", "Rebalance", note)],
            operation: Some(Operation::new(
                OperationKind::Rebalance,
                format!("moves that have not finished are ended: {reason}"),
            )),
            balancing: self.cluster.before.balancing.clone(),
            ..Moving::default()
        }
    }

    fn go_on(&self, leaving: &Leaving, plan: &Plan, moving: usize) -> Moving {
        let evacuation = propose(self.layout, Settings::of(Effort::Evacuate));
        if evacuation.is_empty() && evacuation.stuck.is_empty() {
            self.balance(leaving, plan, moving)
        } else {
            self.evacuate(evacuation, plan, moving)
        }
    }

    /// Brokers are emptied. A roll goes first, unless it waits for one of them.
    fn evacuate(&self, proposal: Proposal, plan: &Plan, moving: usize) -> Moving {
        let left = self.left(&proposal, moving);
        let balancing = consent::outlives_evacuation(&self.cluster.rebalance, &self.cluster.before);
        let mut next = Moving { left: Some(left), balancing, ..Moving::default() };
        if self.cluster.rebalance.mode == RebalanceMode::Never {
            return next;
        }
        let gone = |id: &BrokerId| {
            self.seen.brokers.get(id).is_none_or(|broker| broker.fenced)
                || self.observed.pod(*id).is_none_or(|pod| !pod.ready)
        };
        let rolling = plan.operation.as_ref().is_some_and(|operation| operation.kind == OperationKind::Roll);
        if let Some(broker) = self.restarting() {
            next.waiting.push(Waiting::BrokerNotBack { broker });
        } else if !rolling || self.layout.leaving().any(|id| gone(&id)) {
            next.steps = self.begin(&proposal, moving);
        }
        if let Some(first) = proposal.stuck.first() {
            let partition = &self.partitions[first.partition];
            let why = match first.why {
                Why::TooFewBrokers { replicas, brokers } => {
                    format!("{replicas} replicas and {brokers} brokers")
                }
                Why::NoRoom { leaves } => format!("no broker takes what broker {leaves} holds"),
            };
            let example = format!("{}-{}: {why}", partition.topic, partition.number);
            next.waiting.push(Waiting::NowhereToGo { partitions: proposal.stuck.len(), example });
        }
        next.operation = Some(match self.lost.first() {
            Some(lost) => Operation {
                broker: Some(*lost),
                left: Some(left),
                ..Operation::new(
                    OperationKind::ReplaceBroker,
                    format!("broker {lost} is gone: its replicas are made anew"),
                )
            },
            None => Operation {
                left: Some(left),
                ..Operation::new(OperationKind::Rebalance, "brokers that are drained are emptied".to_owned())
            },
        });
        self.announce(&mut next);
        next
    }

    /// A broker that stays and is away, not for long yet: what is moved meanwhile would all go to the others.
    fn restarting(&self) -> Option<BrokerId> {
        let now = self.observed.now.as_second();
        let lately = |id: &BrokerId| {
            let since = self.cluster.before.unheard_since.get(id);
            since.is_none_or(|since| now - since.as_second() < RESTARTING_MAX_S)
        };
        let keeps = self.layout.brokers.iter().filter(|broker| broker.standing == Standing::Keeps);
        keeps.map(|broker| broker.id).find(lately)
    }

    /// Everybody gets his share, when nothing else is going on.
    fn balance(&self, leaving: &Leaving, plan: &Plan, moving: usize) -> Moving {
        let (rebalance, before) = (&self.cluster.rebalance, &self.cluster.before);
        let going_on = consent::goes_on(rebalance, before);
        let effort = if going_on { Effort::Whole } else { Effort::WhenSkewed };
        let proposal = propose(self.layout, Settings::of(effort));
        let mut balance = orders::balance(&proposal);
        let may = consent::is_given(rebalance, before, &balance.hash);
        balance.waits_for_approval = rebalance.mode == RebalanceMode::Propose && !may && !proposal.is_empty();
        let hash = balance.hash.clone();
        let mut next = Moving { balance: Some(balance), ..Moving::default() };
        let calm = leaving.operation.is_none() && plan.waiting.is_empty() && plan.operation.is_none();
        let calm = calm && self.is_calm();
        if !may || (proposal.is_empty() && !(going_on && moving > 0)) {
            if may && proposal.is_empty() && before.operation == Some(OperationKind::Rebalance) {
                next.steps = orders::prefer(self.partitions);
            }
            // While a broker is away, there may be nothing that the others can do.
            next.balancing = consent::kept(rebalance, before).filter(|_| !calm);
            return next;
        }
        next.balancing = consent::carried_out(rebalance, before, (calm || going_on).then_some(hash));
        if !calm && !going_on {
            return next;
        }
        if calm {
            next.steps = self.begin(&proposal, moving);
        }
        let left = self.left(&proposal, moving);
        let reason =
            format!("{} moves and {} changes of leaders are left", left.moves, proposal.leaderships.len());
        next.operation =
            Some(Operation { left: Some(left), ..Operation::new(OperationKind::Rebalance, reason) });
        next.left = Some(left);
        self.announce(&mut next);
        next
    }

    /// Tells that something begins, once.
    fn announce(&self, next: &mut Moving) {
        let Some(operation) = &next.operation else { return };
        if self.cluster.before.operation != Some(operation.kind) && !next.steps.is_empty() {
            next.steps.insert(0, tell("MovesBegin", "Rebalance", operation.reason.clone()));
        }
    }

    /// Every broker is there and takes part, and every replica that is not being moved is in sync.
    fn is_calm(&self) -> bool {
        let replicas = self.cluster.replicas;
        let whole = |partition: &PartitionState| {
            partition.is_moving() || partition.replicas.iter().all(|id| partition.in_sync.contains(id))
        };
        let brokers = calm::brokers(replicas, self.seen);
        self.cluster.extent == replicas
            && calm::pods(replicas, self.observed).is_empty()
            && !brokers.iter().any(|waiting| matches!(waiting, Waiting::BrokerNotBack { .. }))
            && self.partitions.iter().all(whole)
    }

    /// The next moves, as many as may be under way; before them leaders, which cost nothing.
    fn begin(&self, proposal: &Proposal, moving: usize) -> Vec<Step> {
        let room = self.cluster.rebalance.at_once.saturating_sub(moving);
        orders::steps(proposal, self.partitions, self.seen, self.cluster.rebalance.throttle_each(), room)
    }

    fn left(&self, proposal: &Proposal, moving: usize) -> Left {
        let under_way = self.partitions.iter().map(bytes_under_way);
        Left {
            moves: (moving + proposal.moves.len()) as u64,
            bytes: under_way.fold(proposal.bytes, u64::saturating_add),
        }
    }
}
