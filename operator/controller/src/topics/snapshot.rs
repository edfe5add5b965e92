//! The topics of a cluster in the plan's words. Pure.

use std::collections::BTreeMap;

use weir_model::BrokerId;
use weir_operator_api::Topic;
use weir_operator_plan::topics::{
    MovesAllowed, PartitionSeen, Refused, TopicBroker, TopicSeen, TopicsSnapshot,
};

use crate::brokers::{PartitionView, TopicView, View};
use crate::key::ClusterKey;

/// Whether the Topic names that cluster.
pub(super) fn names(topic: &Topic, key: &ClusterKey) -> bool {
    topic.spec.cluster_ref.name == key.name && topic.metadata.namespace.as_deref() == Some(&*key.namespace)
}

/// What the brokers say, and what they refused before.
pub(super) fn of(
    view: &View,
    declared: usize,
    moves: MovesAllowed,
    refused: &BTreeMap<String, Refused>,
) -> TopicsSnapshot {
    let brokers = view.brokers.iter().map(|(id, told)| {
        let broker = TopicBroker { rack: told.rack.clone(), fenced: told.fenced, drained: told.drained };
        (BrokerId(*id), broker)
    });
    let topics = view.topics.iter().map(|(id, topic)| (topic.name.clone(), seen(id, topic)));
    TopicsSnapshot {
        brokers: brokers.collect(),
        declared,
        moves,
        topics: topics.collect(),
        refused: refused.clone(),
    }
}

fn seen(id: &str, topic: &TopicView) -> TopicSeen {
    TopicSeen {
        id: id.to_owned(),
        internal: topic.internal,
        config: topic.config.clone(),
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
