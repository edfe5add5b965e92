//! Moves of partitions as the plan orders them. One that is refused because it has changed meanwhile is left to the next
//! pass; any other refusal is an error with the brokers' words.

use std::time::Duration;

use tracing::info;
use weir_admin::admin::v1;
use weir_operator_plan::observed::brokers::BrokerRef;
use weir_operator_plan::{MoveOrder, PartitionRef};

use super::dial::{self, BrokerError};
use super::session::Session;
use super::translate;

/// How long a batch may take: it is committed by a majority, and durable.
const CHANGE_MAX: Duration = Duration::from_secs(30);

impl Session {
    /// Tells the controller that the broker gets replicas again.
    pub(crate) async fn undrain(&self, cluster_id: &str, broker: BrokerRef) -> Result<(), BrokerError> {
        let mut client = self.writer()?;
        let broker = Some(translate::reference(broker));
        let request = v1::UndrainRequest { cluster_id: cluster_id.to_owned(), broker };
        dial::within(CHANGE_MAX, client.undrain(dial::request(request, CHANGE_MAX))).await.map(drop)
    }

    /// Begins moves.
    pub(crate) async fn begin_moves(&self, moves: &[MoveOrder]) -> Result<(), BrokerError> {
        let reply = self.move_partitions(moves.iter().map(order).collect()).await?;
        outcome(reply.results)
    }

    /// Ends moves.
    pub(crate) async fn cancel_moves(&self, partitions: &[PartitionRef]) -> Result<(), BrokerError> {
        let mut client = self.writer()?;
        let cluster_id = self.cluster_id()?;
        let partitions = partitions.iter().map(reference).collect();
        let request = v1::CancelMovesRequest { cluster_id, partitions };
        let called = dial::within(CHANGE_MAX, client.cancel_moves(dial::request(request, CHANGE_MAX)));
        outcome(called.await?.into_inner().results)
    }

    /// Lets the preferred replicas lead, where they can: one that can not now may later, by itself.
    pub(crate) async fn elect_preferred(&self, partitions: &[PartitionRef]) -> Result<(), BrokerError> {
        let mut client = self.writer()?;
        let cluster_id = self.cluster_id()?;
        let mut request = v1::ElectLeadersRequest {
            cluster_id,
            partitions: partitions.iter().map(reference).collect(),
            ..v1::ElectLeadersRequest::default()
        };
        request.set_kind(v1::ElectionKind::Preferred);
        let called = dial::within(CHANGE_MAX, client.elect_leaders(dial::request(request, CHANGE_MAX)));
        called.await.map(drop)
    }
}

fn order(order: &MoveOrder) -> v1::Move {
    let target = |broker: &BrokerRef| v1::MoveTarget {
        id: broker.id.0,
        incarnation: broker.incarnation.0.to_string(),
    };
    v1::Move {
        partition: Some(reference(&order.partition)),
        replicas: order.replicas.iter().map(target).collect(),
        throttle_bytes_per_second: order.throttle,
        partition_epoch: Some(order.epoch),
    }
}

fn reference(partition: &PartitionRef) -> v1::PartitionRef {
    v1::PartitionRef { topic_id: partition.topic_id.clone(), partition: partition.number }
}

/// The first refusal that the next look at the cluster does not heal.
fn outcome(results: Vec<v1::ItemResult>) -> Result<(), BrokerError> {
    let mut stale = 0_usize;
    for refusal in results.into_iter().filter_map(|result| result.refusal) {
        match refusal.reason() {
            v1::RefusalReason::StalePartition
            | v1::RefusalReason::UnknownTopic
            | v1::RefusalReason::UnknownPartition
            | v1::RefusalReason::WrongIncarnation => stale += 1,
            _ => {
                let message = format!("{}: {}", refusal.message, refusal.advice);
                return Err(BrokerError::Refused { message, retriable: refusal.retriable });
            }
        }
    }
    if stale > 0 {
        info!(partitions = stale, "partitions have changed since they were looked at");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: v1::RefusalReason) -> v1::ItemResult {
        let mut refusal = v1::Refusal { message: "m".to_owned(), ..v1::Refusal::default() };
        refusal.set_reason(reason);
        v1::ItemResult { refusal: Some(refusal), ..v1::ItemResult::default() }
    }

    #[test]
    fn what_has_changed_meanwhile_is_no_error_and_what_can_not_be_is() {
        assert_eq!(outcome(vec![v1::ItemResult::default()]), Ok(()));
        assert_eq!(outcome(vec![refused(v1::RefusalReason::StalePartition)]), Ok(()));
        let never = outcome(vec![refused(v1::RefusalReason::InvalidAssignment)]);
        assert!(matches!(never, Err(BrokerError::Refused { .. })));
    }
}
