//! The topics of a cluster in the plan's words. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use weir_model::BrokerId;
use weir_operator_plan::topics::{
    MovesAllowed, PartitionSeen, Refused, TopicBroker, TopicSeen, TopicsSnapshot,
};

use crate::brokers::{PartitionView, TopicView, View};

/// What the brokers say, and what they refused before.
pub(super) fn of<'a>(
    view: &'a View,
    declared: usize,
    moves: MovesAllowed,
    refused: &'a BTreeMap<String, Refused>,
) -> TopicsSnapshot<'a> {
    let brokers = view.brokers.iter().map(|(id, told)| {
        let broker = TopicBroker { rack: told.rack.clone(), fenced: told.fenced, drained: told.drained };
        (BrokerId(*id), broker)
    });
    let topics = view.topics.iter().map(|(id, topic)| (Cow::Borrowed(&*topic.name), seen(id, topic)));
    TopicsSnapshot {
        brokers: brokers.collect(),
        declared,
        moves,
        topics: topics.collect(),
        refused: Cow::Borrowed(refused),
    }
}

fn seen<'a>(id: &'a str, topic: &'a TopicView) -> TopicSeen<'a> {
    TopicSeen {
        id: Cow::Borrowed(id),
        internal: topic.internal,
        config: Cow::Borrowed(&topic.config),
        partitions: topic.partitions.values().map(partition).collect(),
    }
}

fn partition(partition: &PartitionView) -> PartitionSeen {
    let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    PartitionSeen {
        replicas: brokers(&partition.replicas),
        adding: brokers(&partition.adding),
        removing: brokers(&partition.removing),
        epoch: partition.epoch,
    }
}
