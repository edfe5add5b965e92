//! Where a client sends what: the newest reign that it has heard of, from whichever broker it asked.

use std::sync::Arc;
use std::time::Duration;

use weir_model::{BrokerId, LeaderEpoch, PartitionIndex};

use super::Part;
use crate::world::World;
use crate::world::message::{Key, Reply, Request};

const LIMIT: Duration = Duration::from_secs(1);

/// A partition as a client knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) key: Key,
    pub(super) leader: Option<BrokerId>,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) replicas: Vec<BrokerId>,
}

/// Asks a broker. Of one topic id, older news than what is known is ignored, as Kafka's clients do.
pub(super) async fn look_up(world: &Arc<World>, part: &Part, known: Option<Known>) -> Option<Known> {
    let to = {
        let brokers = u64::from(world.options.brokers.unsigned_abs());
        i32::try_from(world.chance().below(brokers)).unwrap_or(0)
    };
    let asked = Request::Metadata(part.topic.clone());
    let answer = world.net.call(world, part.place, to, asked, LIMIT).await;
    let Ok(Reply::Metadata(Some(topic))) = answer else { return known };
    world.checks.seen().promises(topic.id, world.promise_of(&part.topic));
    let Some(partition) = topic.partitions.get(part.partition) else { return known };
    let index = PartitionIndex(i32::try_from(part.partition).unwrap_or(0));
    let told = Known {
        key: (topic.id, index),
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        replicas: partition.replicas.clone(),
    };
    match known {
        Some(known) if known.key == told.key && known.leader_epoch > told.leader_epoch => Some(known),
        _ => Some(told),
    }
}
