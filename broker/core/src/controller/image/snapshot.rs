//! The image as the shortest list of records that makes it: what a snapshot of the metadata log holds.

use super::Image;
use crate::controller::record::{ConfigScope, Record};
use weir_model::ProducerId;

impl Image {
    /// Records that turn an empty image into this one. Features come first: they say what may follow.
    #[must_use]
    pub fn to_records(&self) -> Vec<Record> {
        let mut records = Vec::with_capacity(self.topic_count() + self.partition_count() + 16);
        let features = self.features.iter();
        records.extend(
            features.map(|(name, level)| Record::FeatureLevelChanged { name: name.clone(), level: *level }),
        );
        records.extend(self.cluster.map(|id| Record::ClusterCreated { id }));
        records.extend(self.brokers().map(|b| Record::BrokerRegistered(b.registration.clone())));
        let gone = self.unregistered.iter();
        records.extend(gone.map(|(id, epoch)| Record::BrokerUnregistered { id: *id, epoch: *epoch }));
        configs(&mut records, ConfigScope::AllBrokers, &self.all_brokers_config);
        for (id, pairs) in &self.broker_configs {
            configs(&mut records, ConfigScope::Broker(*id), pairs);
        }
        for topic in self.topics() {
            records.push(Record::TopicCreated { id: topic.id, name: topic.name.clone() });
            configs(&mut records, ConfigScope::Topic(topic.id), &topic.config);
            records.extend(topic.numbered().map(|(index, state)| Record::PartitionChanged {
                topic: topic.id,
                index,
                state: (**state).clone(),
            }));
        }
        if self.next_producer_id != ProducerId::default() {
            records.push(Record::ProducerIdsAllocated { next: self.next_producer_id });
        }
        records
    }
}

fn configs(records: &mut Vec<Record>, scope: ConfigScope, pairs: &weir_model::config::Pairs) {
    records.extend(pairs.iter().map(|(name, value)| Record::ConfigChanged {
        scope,
        name: name.clone(),
        value: Some(value.clone()),
    }));
}
