//! The number of brokers was changed back while brokers were being taken away: those that stay after all get replicas
//! again, and moves away from them end. Only what the operator itself began is taken back, and status tells what that was:
//! a broker that a person has drained stays drained.

use weir_operator_api::OperationKind;

use super::scale_in::{Leaving, is_beyond};
use super::tell;
use crate::observed::Observed;
use crate::observed::brokers::BrokerRef;
use crate::plan::{Operation, PartitionRef, Step, Waiting};
use crate::valid::ValidCluster;

/// `there`: how many brokers there are or shall be.
pub(super) fn decide(cluster: &ValidCluster, observed: &Observed, there: u32, leaving: &mut Leaving) {
    let Some(target) = cluster.before.scaling_in_to else { return };
    let Some(seen) = observed.brokers.known() else { return };
    let stays = |id| is_beyond(id, target) && !is_beyond(id, cluster.replicas.min(there));
    let kept: Vec<_> = seen.brokers.iter().filter(|(id, broker)| stays(**id) && broker.drained).collect();
    if kept.is_empty() {
        return;
    }
    let partitions = seen.partitions.as_deref().unwrap_or_default().iter();
    let ended = partitions.filter(|partition| partition.removing.iter().any(|id| stays(*id)));
    let ended: Vec<_> = ended
        .map(|partition| PartitionRef { topic_id: partition.topic_id.clone(), number: partition.number })
        .collect();
    for (id, broker) in kept {
        leaving.steps.push(tell(
            "BrokerStays",
            "ScaleIn",
            format!("broker {id} is not taken away after all"),
        ));
        leaving.steps.push(Step::Undrain(BrokerRef { id: *id, incarnation: broker.incarnation }));
        leaving.waiting.push(Waiting::BrokerNotBack { broker: *id });
    }
    if !ended.is_empty() {
        leaving.steps.push(Step::CancelMoves(ended));
    }
    // Remembered until it was seen to have happened.
    leaving.scaling_in_to = Some(target.min(cluster.replicas));
    if leaving.operation.is_none() {
        let reason = format!("back to {} brokers", cluster.replicas);
        leaving.operation = Some(Operation::new(OperationKind::ScaleIn, reason));
    }
}
