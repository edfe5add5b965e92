//! `spec.rebalance`: who decides about moves, how fast and how many, and when a broker counts as lost.

use std::time::Duration;

use weir_operator_api::{Cluster, OperationKind, Rebalance};

use super::Invalid;
use super::duration::duration;
use crate::quantity::Bytes;
use crate::topics::MovesAllowed;
use crate::valid::ValidRebalance;

/// How many partitions move at once when nobody says.
const MOVES_AT_ONCE: usize = 10;

impl Default for MovesAllowed {
    fn default() -> Self {
        Self { at_once: MOVES_AT_ONCE, throttle: None, busy: None }
    }
}

/// What moves for the sake of a Topic may take. None begins while what the Cluster says of moves is wrong.
#[must_use]
pub fn moves_allowed(cluster: &Cluster) -> MovesAllowed {
    let mut wrong = Vec::new();
    let rebalance = read(cluster, &mut wrong);
    let operation = cluster.status.as_ref().and_then(|status| status.operation.as_ref());
    let disturbed = operation.filter(|operation| match operation.kind {
        OperationKind::Roll
        | OperationKind::ScaleIn
        | OperationKind::Rebalance
        | OperationKind::ReplaceBroker => true,
        OperationKind::Create | OperationKind::ScaleOut | OperationKind::GrowVolumes => false,
    });
    MovesAllowed {
        at_once: if wrong.is_empty() { rebalance.at_once } else { 0 },
        throttle: rebalance.throttle_each(),
        busy: disturbed.map(|operation| operation.kind.word().to_owned()),
    }
}
/// Below this, a broker that is only restarted would be replaced.
const REPLACE_AFTER_MIN: Duration = Duration::from_secs(60);

pub(super) fn read(cluster: &Cluster, wrong: &mut Vec<Invalid>) -> ValidRebalance {
    let Rebalance { mode, throttle, max_concurrent_moves, replace_lost_broker_after, approved } =
        &cluster.spec.rebalance;
    let throttle = throttle.as_ref().and_then(|text| match Bytes::parse(text) {
        Some(bytes) if bytes > Bytes(0) => Some(bytes),
        _ => {
            let message = format!("{:?} is no number of bytes a second: write one such as 50Mi", text.0);
            wrong.push(Invalid::at("spec.rebalance.throttle", message));
            None
        }
    });
    let at_once = match max_concurrent_moves.map(usize::try_from) {
        None => MOVES_AT_ONCE,
        Some(Ok(moves @ 1..=1000)) => moves,
        Some(_) => {
            let message = "say 1 to 1000".to_owned();
            wrong.push(Invalid::at("spec.rebalance.maxConcurrentMoves", message));
            MOVES_AT_ONCE
        }
    };
    let replace_after = replace_lost_broker_after.as_deref().and_then(|text| match duration(text) {
        Some(after) if after >= REPLACE_AFTER_MIN => Some(after),
        _ => {
            let message = format!("{text:?} is no time of a minute or more: write one such as 30m or 2h");
            wrong.push(Invalid::at("spec.rebalance.replaceLostBrokerAfter", message));
            None
        }
    });
    let status = cluster.status.as_ref();
    ValidRebalance {
        mode: *mode,
        throttle,
        at_once,
        replace_after,
        approved: approved.clone(),
        proposed: status.and_then(|status| status.proposal.as_ref()).map(|proposal| proposal.hash.clone()),
    }
}
