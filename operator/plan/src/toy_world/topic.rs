//! The Topic of the toy world: another decider moves the same partitions, by the same limits, when it declares another
//! replication factor.

use weir_model::BrokerId;

use super::World;
use crate::observed::brokers::{BrokerSeen, BrokersView, PartitionState};
use crate::topics::{
    Declaration, PartitionSeen, TopicBroker, TopicSeen, TopicsOnBrokers, TopicsSnapshot, decide,
};
use crate::validate::moves_allowed;

impl World {
    /// The Topic declares so many replicas from now on.
    pub(crate) fn declare_factor(&mut self, factor: i32) {
        let spec = format!("partitions: {}\nreplicationFactor: {factor}", self.partitions.all().len());
        self.topic = Some(crate::fixtures::topic("t", 0, &spec));
    }

    /// One pass over the Topic; whether it is as it declares.
    pub(crate) fn pass_over_topic(&mut self) -> bool {
        let Some(topic) = self.topic.clone() else { return true };
        let BrokersView::Known(seen) = self.ask() else { return false };
        let broker = |(id, broker): (&BrokerId, &BrokerSeen)| {
            let rack = broker.rack.clone();
            (*id, TopicBroker { rack, fenced: broker.fenced, drained: broker.drained })
        };
        let there = TopicSeen {
            id: "T".into(),
            partitions: self.partitions.all().iter().map(partition).collect(),
            ..TopicSeen::default()
        };
        let snapshot = TopicsSnapshot {
            brokers: seen.brokers.iter().map(broker).collect(),
            declared: usize::try_from(self.cluster.spec.replicas).unwrap(),
            moves: moves_allowed(&self.cluster),
            topics: [("t".into(), there)].into(),
            ..TopicsSnapshot::default()
        };
        let batch =
            decide(&[Declaration::from(topic.clone())], &TopicsOnBrokers::Known(snapshot), self.now());
        for order in &batch.moves {
            self.partitions.refactor(order.partition, order.partition_epoch, &order.replicas, &self.brokers);
        }
        let wants = topic.spec.replication_factor.and_then(|factor| usize::try_from(factor).ok());
        self.partitions.all().iter().all(|p| !p.is_moving() && Some(p.replicas.len()) == wants)
    }
}

fn partition(partition: &PartitionState) -> PartitionSeen {
    PartitionSeen {
        replicas: partition.replicas.clone(),
        adding: partition.adding.clone(),
        removing: partition.removing.clone(),
        epoch: partition.epoch,
    }
}
