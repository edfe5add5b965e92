//! Whether replicas may move for the sake of balance: by mode, by what a person has approved, and by what was begun. Decides
//! which moves are ended when what was begun may not go on. Emptying brokers asks nobody here.

use weir_operator_api::{OperationKind, RebalanceMode};

use crate::observed::brokers::PartitionState;
use crate::plan::PartitionRef;
use crate::rebalance::Layout;
use crate::valid::{Before, ValidRebalance};

/// Whether what was begun is brought to its end. With Propose that is what was approved and nothing else: a broker that was
/// emptied meanwhile approves nothing.
pub(super) fn goes_on(rebalance: &ValidRebalance, before: &Before) -> bool {
    match rebalance.mode {
        RebalanceMode::Auto => before.operation == Some(OperationKind::Rebalance),
        RebalanceMode::Propose => before.balancing.is_some() && before.balancing == rebalance.approved,
        RebalanceMode::Never => false,
    }
}

/// Whether a proposal of this name may be carried out.
pub(super) fn is_given(rebalance: &ValidRebalance, before: &Before, hash: &str) -> bool {
    match rebalance.mode {
        RebalanceMode::Auto => true,
        RebalanceMode::Propose => {
            let approved = rebalance.approved.as_deref();
            let is_shown = approved == Some(hash) || approved == rebalance.proposed.as_deref();
            goes_on(rebalance, before) || (approved.is_some() && is_shown)
        }
        RebalanceMode::Never => false,
    }
}

/// What is being carried out, where it may be. `begins`: what does now, if anything. What was approved counts from then on,
/// so that waiting for calm does not lose it.
pub(super) fn carried_out(
    rebalance: &ValidRebalance,
    before: &Before,
    begins: Option<String>,
) -> Option<String> {
    match rebalance.mode {
        RebalanceMode::Auto => before.balancing.clone().or(begins),
        RebalanceMode::Propose => rebalance.approved.clone(),
        RebalanceMode::Never => None,
    }
}

/// What is still being carried out while brokers are emptied. What a person approved was for the brokers that there were.
pub(super) fn outlives_evacuation(rebalance: &ValidRebalance, before: &Before) -> Option<String> {
    before.balancing.clone().filter(|_| rebalance.mode == RebalanceMode::Auto)
}

/// Whether something was begun that may not go on: there is another mode, or the approval was taken back.
pub(super) fn is_withdrawn(rebalance: &ValidRebalance, before: &Before) -> bool {
    before.balancing.is_some() && rebalance.mode != RebalanceMode::Auto && !goes_on(rebalance, before)
}

/// What was begun, unless it may not go on.
pub(super) fn kept(rebalance: &ValidRebalance, before: &Before) -> Option<String> {
    before.balancing.clone().filter(|_| !is_withdrawn(rebalance, before))
}

/// Why it may not, for people.
pub(super) fn why_ended(rebalance: &ValidRebalance) -> &'static str {
    match rebalance.mode {
        RebalanceMode::Never => "spec.rebalance.mode is Never",
        RebalanceMode::Auto | RebalanceMode::Propose => "spec.rebalance.approved does not name them any more",
    }
}

/// Moves that are no more than balance: as many replicas come as go, and none of those that go must. A Topic that gets
/// another number of replicas, and a broker that is emptied, go on.
pub(super) fn unfinished(partitions: &[PartitionState], layout: &Layout) -> Vec<PartitionRef> {
    let balances = |partition: &&PartitionState| {
        !partition.adding.is_empty()
            && partition.adding.len() == partition.removing.len()
            && !layout.leaving().any(|id| partition.removing.contains(&id))
    };
    let reference = |partition: &PartitionState| PartitionRef {
        topic_id: partition.topic_id.clone(),
        number: partition.number,
    };
    partitions.iter().filter(balances).map(reference).collect()
}

#[cfg(test)]
mod tests {
    use weir_model::BrokerId;

    use super::*;
    use crate::rebalance::{Broker, Standing};

    const AUTO: RebalanceMode = RebalanceMode::Auto;
    const PROPOSE: RebalanceMode = RebalanceMode::Propose;
    const NEVER: RebalanceMode = RebalanceMode::Never;

    fn said(mode: RebalanceMode, approved: Option<&str>, proposed: Option<&str>) -> ValidRebalance {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let (approved, proposed) = (text(approved), text(proposed));
        ValidRebalance { mode, approved, proposed, ..ValidRebalance::default() }
    }

    fn begun(balancing: Option<&str>) -> Before {
        Before { balancing: balancing.map(str::to_owned), ..Before::default() }
    }

    #[test]
    fn only_what_is_shown_or_was_begun_by_this_approval_is_carried_out() {
        let cases = [
            ("nobody is asked", AUTO, None, None, None, true),
            ("nobody has approved", PROPOSE, None, Some("now"), None, false),
            ("what would be done now", PROPOSE, Some("now"), None, None, true),
            ("what status shows", PROPOSE, Some("shown"), Some("shown"), None, true),
            ("what was shown before that", PROPOSE, Some("old"), Some("shown"), None, false),
            ("what was begun", PROPOSE, Some("begun"), None, Some("begun"), true),
            ("taken back", PROPOSE, None, None, Some("begun"), false),
            ("begun by Auto", PROPOSE, Some("old"), None, Some("begun"), false),
            ("never", NEVER, Some("now"), Some("now"), Some("now"), false),
        ];
        for (name, mode, approved, proposed, balancing, expected) in cases {
            let given = is_given(&said(mode, approved, proposed), &begun(balancing), "now");
            assert_eq!(given, expected, "{name}");
        }
    }

    #[test]
    fn a_broker_that_was_emptied_approves_nothing() {
        let emptied = Before { operation: Some(OperationKind::Rebalance), ..Before::default() };
        assert!(goes_on(&said(AUTO, None, None), &emptied));
        assert!(!goes_on(&said(PROPOSE, None, None), &emptied));
        assert_eq!(outlives_evacuation(&said(PROPOSE, Some("a"), None), &begun(Some("a"))), None);
    }

    #[test]
    fn what_was_begun_is_withdrawn_by_another_mode_or_approval_and_by_nothing_else() {
        let cases = [
            (AUTO, None, Some("a"), false),
            (PROPOSE, Some("a"), Some("a"), false),
            (PROPOSE, None, Some("a"), true),
            (PROPOSE, Some("b"), Some("a"), true),
            (NEVER, Some("a"), Some("a"), true),
            (PROPOSE, None, None, false),
            (NEVER, None, None, false),
        ];
        for (mode, approved, balancing, expected) in cases {
            let withdrawn = is_withdrawn(&said(mode, approved, None), &begun(balancing));
            assert_eq!(withdrawn, expected, "{mode:?} {approved:?} {balancing:?}");
        }
    }

    #[test]
    fn moves_that_topics_want_or_that_empty_a_broker_are_not_ended() {
        let broker =
            |id: i32, standing| Broker { id: BrokerId(id), rack: None, capacity_bytes: None, standing };
        let layout = Layout {
            brokers: vec![
                broker(0, Standing::Takes),
                broker(1, Standing::Takes),
                broker(2, Standing::Leaves),
            ],
            partitions: Vec::new(),
        };
        let moving = |number, adding: &[i32], removing: &[i32]| PartitionState {
            number,
            adding: adding.iter().copied().map(BrokerId).collect(),
            removing: removing.iter().copied().map(BrokerId).collect(),
            ..PartitionState::default()
        };
        let partitions = [
            moving(0, &[0], &[1]),
            moving(1, &[], &[]),
            moving(2, &[0], &[]),
            moving(3, &[], &[1]),
            moving(4, &[0], &[2]),
            moving(5, &[0, 1], &[3, 4]),
        ];
        let ended: Vec<_> =
            unfinished(&partitions, &layout).iter().map(|partition| partition.number).collect();
        assert_eq!(ended, [0, 5]);
    }
}
