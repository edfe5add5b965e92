//! Puts the ISR changes that leaders here propose to the controller, in the controller's words, and its verdicts back into
//! the words of leaders.

use std::sync::Arc;

use tracing::{debug, warn};
use weir_core::controller::alter_partitions::{self, AlterPartitions, IsrError, IsrMember};
use weir_core::controller::{Image, Partition};
use weir_core::partition::{IsrChange, IsrRefusal};
use weir_model::BrokerId;

use super::isr::Outcome;
use super::roster::Key;
use crate::broker::Broker;

/// Runs until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let ask = |changes| ask(Arc::clone(&broker), changes);
    broker.partitions.proposals().carry(ask, broker.stop.clone()).await;
}

async fn ask(broker: Arc<Broker>, changes: Vec<(Key, IsrChange)>) -> Vec<Outcome> {
    let Some(command) = command(&broker.image(), broker.id, changes) else { return Vec::new() };
    let defaults = Arc::clone(&broker.file);
    let decided =
        broker.controller.decide(move |image, _| alter_partitions::decide(image, &command, &defaults)).await;
    match decided {
        Ok(Ok(outcomes)) => outcomes.into_iter().map(|(key, outcome)| verdict(key, outcome)).collect(),
        Ok(Err(error)) => {
            warn!(%error, "the controller takes no ISR changes from this broker");
            Vec::new()
        }
        Err(error) => {
            debug!(%error, "the controller can not be asked for ISR changes");
            Vec::new()
        }
    }
}

/// `None` while this broker is not registered.
fn command(image: &Image, me: BrokerId, changes: Vec<(Key, IsrChange)>) -> Option<AlterPartitions> {
    let broker_epoch = epoch_of(image, me)?;
    let partitions = changes.into_iter().map(|((topic, index), change)| alter_partitions::IsrChange {
        topic,
        index,
        leader_epoch: change.leader_epoch,
        partition_epoch: change.partition_epoch,
        isr: change.isr.into_iter().map(|(broker, epoch)| member(image, broker, epoch)).collect(),
    });
    Some(AlterPartitions { broker: me, broker_epoch, partitions: partitions.collect() })
}

/// A leader names no registration for itself, nor for a member that stays without having been heard of in its reign: then
/// the one that is known here is meant.
fn member(image: &Image, broker: BrokerId, epoch: i64) -> IsrMember {
    let epoch = if epoch >= 0 { epoch } else { epoch_of(image, broker).unwrap_or(epoch) };
    IsrMember { broker, epoch }
}

fn epoch_of(image: &Image, broker: BrokerId) -> Option<i64> {
    Some(image.broker(broker)?.registration.epoch)
}

fn verdict((topic, index): Key, outcome: Result<Arc<Partition>, IsrError>) -> Outcome {
    outcome.map(|state| state.partition_epoch).map_err(|why| {
        debug!(%topic, partition = %index, %why, "an ISR change was not made");
        match why {
            IsrError::UnknownTopic
            | IsrError::UnknownPartition
            | IsrError::FencedLeaderEpoch(_)
            | IsrError::NotLeader
            | IsrError::InvalidUpdateVersion(_) => IsrRefusal::Stale,
            IsrError::Ineligible(_) => IsrRefusal::Ineligible,
            IsrError::Ahead | IsrError::Invalid(_) => IsrRefusal::Unknown,
        }
    })
}
