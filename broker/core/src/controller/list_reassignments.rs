//! ListPartitionReassignments: which partitions are on the move.

use std::sync::Arc;

use weir_model::PartitionIndex;

use super::image::{Image, Partition, Topic};

/// One partition on the move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// Its topic.
    pub topic: Arc<Topic>,
    /// Its number.
    pub index: PartitionIndex,
    /// Its state: replicas, those being added and removed, and the move's throttle.
    pub state: Arc<Partition>,
}

/// The moves among `partitions`, by topic name, in their order; all of them for `None`. What does not exist or does
/// not move is left out.
#[must_use]
pub fn list(image: &Image, partitions: Option<&[(String, PartitionIndex)]>) -> Vec<Reassignment> {
    let found = |(topic, index, state): (&Arc<Topic>, PartitionIndex, &Arc<Partition>)| Reassignment {
        topic: Arc::clone(topic),
        index,
        state: Arc::clone(state),
    };
    match partitions {
        None => image.moving().map(found).collect(),
        Some(asked) => {
            let there = asked.iter().filter_map(|(name, index)| {
                let topic = image.topic(name)?;
                Some((topic, *index, topic.partition(*index)?))
            });
            there.filter(|(_, _, partition)| partition.is_moving()).map(found).collect()
        }
    }
}
