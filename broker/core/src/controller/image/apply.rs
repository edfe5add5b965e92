//! The only thing that changes the image. A record that contradicts it is an error: the log is damaged, or was
//! written by other rules, and going on would make brokers disagree.

use std::sync::Arc;

use thiserror::Error;
use weir_model::config::Pairs;
use weir_model::{BrokerId, PartitionIndex, TopicId, TopicName};

use super::{Broker, ByName, Image, Partition, Topic};
use crate::controller::record::{ConfigScope, Record, Registration};
use crate::controller::{METADATA_VERSION, METADATA_VERSION_SUPPORTED};

/// Why a record does not fit the image.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ApplyError {
    /// The cluster has an id already.
    #[error("the cluster is created twice")]
    ClusterExists,
    /// The name or the id is taken.
    #[error("topic {0} is created twice")]
    TopicExists(TopicName),
    /// There is no such topic.
    #[error("a record names topic {0}, which does not exist")]
    UnknownTopic(TopicId),
    /// Partitions are numbered without gaps.
    #[error("partition {1} of topic {0} is created before the ones below it")]
    PartitionGap(TopicId, PartitionIndex),
    /// Epochs only grow.
    #[error("an epoch of partition {1} of topic {0} goes back")]
    EpochWentBack(TopicId, PartitionIndex),
    /// There is no such broker.
    #[error("a record names broker {0}, which is not registered")]
    UnknownBroker(BrokerId),
    /// Some brokers may not understand it yet.
    #[error("a record needs {METADATA_VERSION} {needed}, finalised is {finalised}")]
    TooNew {
        /// The level it needs.
        needed: i16,
        /// The level the cluster has.
        finalised: i16,
    },
    /// The cluster has been upgraded beyond this broker.
    #[error("{METADATA_VERSION} is {0}, this broker supports up to {METADATA_VERSION_SUPPORTED}: upgrade it")]
    MetadataVersion(i16),
}

impl Image {
    /// Applies one record. On an error the image is as it was.
    pub fn apply(&mut self, record: &Record) -> Result<(), ApplyError> {
        let (needed, finalised) = (record.needs_version(), self.metadata_version());
        if needed > finalised {
            return Err(ApplyError::TooNew { needed, finalised });
        }
        match record {
            Record::ClusterCreated { .. } if self.cluster.is_some() => return Err(ApplyError::ClusterExists),
            Record::ClusterCreated { id } => self.cluster = Some(*id),
            Record::TopicCreated { id, name } => self.create_topic(*id, name)?,
            Record::PartitionChanged { topic, index, state } => {
                self.change_partition(*topic, *index, state)?
            }
            Record::TopicDeleted { id } => self.delete_topic(*id)?,
            Record::ConfigChanged { scope, name, value } => {
                self.change_config(*scope, name, value.as_deref())?
            }
            Record::BrokerRegistered(registration) => {
                let broker = Broker { registration: registration.clone() };
                self.brokers.insert(registration.id, Arc::new(broker));
                if self.unregistered.contains_key(&registration.id) {
                    Arc::make_mut(&mut self.unregistered).remove(&registration.id);
                }
            }
            Record::BrokerFencingChanged { id, fenced } => self.registered(*id)?.fenced = *fenced,
            Record::BrokerShuttingDown { id } => self.registered(*id)?.shutting_down = true,
            Record::BrokerDrainChanged { id, drained } => self.registered(*id)?.drained = *drained,
            Record::BrokerUnregistered { id, epoch } => {
                self.brokers.remove(id);
                Arc::make_mut(&mut self.unregistered).insert(*id, *epoch);
            }
            Record::ProducerIdsAllocated { next } => {
                self.next_producer_id = self.next_producer_id.max(*next);
            }
            Record::FeatureLevelChanged { name, level } => self.change_feature(name, *level)?,
        }
        Ok(())
    }

    fn registered(&mut self, id: BrokerId) -> Result<&mut Registration, ApplyError> {
        let broker = self.brokers.get_mut(&id).ok_or(ApplyError::UnknownBroker(id))?;
        Ok(&mut Arc::make_mut(broker).registration)
    }

    fn create_topic(&mut self, id: TopicId, name: &TopicName) -> Result<(), ApplyError> {
        if self.names.contains_key(name.as_str()) || self.topics.contains_key(&id) {
            return Err(ApplyError::TopicExists(name.clone()));
        }
        let topic = Topic { id, name: name.clone(), partitions: Vec::new(), config: Pairs::new() };
        self.topics.insert_mut(id, Arc::new(topic));
        self.names.insert_mut(ByName(name.clone()), id);
        if may_look_alike(name) {
            self.lookalikes.insert_mut(name.collision_key(), name.clone());
        }
        Ok(())
    }

    fn change_partition(
        &mut self,
        id: TopicId,
        index: PartitionIndex,
        state: &Partition,
    ) -> Result<(), ApplyError> {
        let topic = self.topics.get_mut(&id).ok_or(ApplyError::UnknownTopic(id))?;
        let at = usize::try_from(index.0).map_err(|_| ApplyError::PartitionGap(id, index))?;
        match topic.partitions.get(at) {
            Some(old) => {
                let backwards =
                    state.leader_epoch < old.leader_epoch || state.partition_epoch <= old.partition_epoch;
                if backwards {
                    return Err(ApplyError::EpochWentBack(id, index));
                }
                self.index.follow((id, index), Some(old), Some(state));
                Arc::make_mut(topic).partitions[at] = Arc::new(state.clone());
            }
            None if at == topic.partitions.len() => {
                Arc::make_mut(topic).partitions.push(Arc::new(state.clone()));
                self.index.follow((id, index), None, Some(state));
                self.partitions += 1;
            }
            None => return Err(ApplyError::PartitionGap(id, index)),
        }
        Ok(())
    }

    fn delete_topic(&mut self, id: TopicId) -> Result<(), ApplyError> {
        let topic = self.topics.get(&id).cloned().ok_or(ApplyError::UnknownTopic(id))?;
        self.topics.remove_mut(&id);
        self.names.remove_mut(topic.name.as_str());
        if may_look_alike(&topic.name) {
            self.lookalikes.remove_mut(&topic.name.collision_key());
        }
        for (index, partition) in topic.numbered() {
            self.index.follow((id, index), Some(partition), None);
        }
        self.partitions -= topic.partitions.len();
        Ok(())
    }

    fn change_config(
        &mut self,
        scope: ConfigScope,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), ApplyError> {
        match scope {
            ConfigScope::Topic(id) => {
                let topic = self.topics.get_mut(&id).ok_or(ApplyError::UnknownTopic(id))?;
                put(&mut Arc::make_mut(topic).config, name, value);
            }
            ConfigScope::AllBrokers => put(Arc::make_mut(&mut self.all_brokers_config), name, value),
            ConfigScope::Broker(id) => {
                let pairs = self.broker_configs.entry(id).or_default();
                put(Arc::make_mut(pairs), name, value);
                if pairs.is_empty() {
                    self.broker_configs.remove(&id);
                }
            }
        }
        Ok(())
    }

    fn change_feature(&mut self, name: &str, level: i16) -> Result<(), ApplyError> {
        if name == METADATA_VERSION && level > METADATA_VERSION_SUPPORTED {
            return Err(ApplyError::MetadataVersion(level));
        }
        let features = Arc::make_mut(&mut self.features);
        if level == 0 {
            features.remove(name);
        } else {
            features.insert(name.to_owned(), level);
        }
        Ok(())
    }
}

fn may_look_alike(name: &TopicName) -> bool {
    name.as_str().contains(['.', '_'])
}

fn put(pairs: &mut Pairs, name: &str, value: Option<&str>) {
    match value {
        Some(value) => pairs.insert(name.to_owned(), value.to_owned()),
        None => pairs.remove(name),
    };
}
