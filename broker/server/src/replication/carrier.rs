//! Puts the ISR changes that leaders here propose to the controller, in the controller's words.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;
use weir_core::controller::Image;
use weir_core::controller::alter_partitions::{self, AlterPartitions, IsrMember};
use weir_core::partition::IsrChange;
use weir_model::BrokerId;

use super::isr::Outcome;
use super::roster::Key;
use crate::broker::Broker;

/// How long the controller may take, with finding it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let ask = |changes| ask(Arc::clone(&broker), changes);
    broker.partitions.proposals().carry(ask, broker.stop.clone()).await;
}

async fn ask(broker: Arc<Broker>, changes: Vec<(Key, IsrChange)>) -> Vec<Outcome> {
    let Some(command) = command(&broker.image(), broker.id, changes) else { return Vec::new() };
    match broker.link.alter_partitions(&command, &broker.duties, PATIENCE).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            debug!(%error, "the controller took no ISR changes from this broker");
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
        cause: change.cause,
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
