//! The cluster's metadata as of one point of the log. Reading it is what Metadata, DescribeCluster and the drivers
//! do. A clone costs a few pointers however many topics there are, so every applied record can be published.

mod apply;
mod snapshot;

#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use uuid::Uuid;
use weir_model::config::{BrokerLayers, Pairs};
use weir_model::{BrokerId, LeaderEpoch, PartitionEpoch, PartitionIndex, ProducerId, TopicId, TopicName};

pub use apply::ApplyError;

use super::record::Registration;

/// The metadata. Only [`Image::apply`] changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub(super) cluster: Option<Uuid>,
    topics: RedBlackTreeMapSync<TopicId, Arc<Topic>>,
    names: RedBlackTreeMapSync<ByName, TopicId>,
    /// Names with a '.' or '_', by what they look like in a metric's name.
    lookalikes: RedBlackTreeMapSync<String, TopicName>,
    brokers: BTreeMap<BrokerId, Arc<Broker>>,
    broker_configs: BTreeMap<BrokerId, Arc<Pairs>>,
    all_brokers_config: Arc<Pairs>,
    next_producer_id: ProducerId,
    features: Arc<BTreeMap<String, i16>>,
    partitions: usize,
}

/// A name as a key that can be looked up by text, without making a name of the text first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ByName(TopicName);

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// Its partitions; the index is the position.
    pub partitions: Vec<Arc<Partition>>,
    /// Its own settings.
    pub config: Pairs,
}

/// One partition's replicas and reign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Every replica; the first is preferred as leader.
    pub replicas: Vec<BrokerId>,
    /// Those in sync.
    pub isr: Vec<BrokerId>,
    /// Those out of sync that still hold everything committed (KIP-966).
    pub elr: Vec<BrokerId>,
    /// Who leads, if anybody.
    pub leader: Option<BrokerId>,
    /// The reign; grows at every change of leader.
    pub leader_epoch: LeaderEpoch,
    /// The version of this state; grows at every change.
    pub partition_epoch: PartitionEpoch,
}

/// One broker, as it registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// What it said when it started; `fenced` is kept up to date.
    pub registration: Registration,
}

/// Whether a topic belongs to the broker itself.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

impl Image {
    /// The cluster's id, once it has been created.
    #[must_use]
    pub const fn cluster_id(&self) -> Option<Uuid> {
        self.cluster
    }

    /// The topic of that name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(self.names.get(name)?)
    }

    /// The topic of that id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(&id)
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, topic: TopicId, index: PartitionIndex) -> Option<&Arc<Partition>> {
        self.topics.get(&topic)?.partition(index)
    }

    /// Every topic, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.names.values().filter_map(|id| self.topics.get(id))
    }

    /// The topics from `name` on, sorted by name.
    pub fn topics_from<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Topic>> + 'a {
        let range = (Bound::Included(name), Bound::Unbounded);
        self.names.range::<str, _>(range).filter_map(|(_, id)| self.topics.get(id))
    }

    /// How many topics there are.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.size()
    }

    /// How many partitions there are.
    #[must_use]
    pub const fn partition_count(&self) -> usize {
        self.partitions
    }

    /// The existing name that `name` could be mistaken for in a metric's name.
    #[must_use]
    pub fn lookalike(&self, name: &TopicName) -> Option<&TopicName> {
        self.lookalikes.get(&name.collision_key()).filter(|other| *other != name)
    }

    /// One broker.
    #[must_use]
    pub fn broker(&self, id: BrokerId) -> Option<&Arc<Broker>> {
        self.brokers.get(&id)
    }

    /// Every broker, sorted by id.
    pub fn brokers(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.brokers.values()
    }

    /// Whether a broker may lead and be in sync.
    #[must_use]
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.brokers.get(&id).is_some_and(|b| !b.registration.fenced)
    }

    /// The dynamic settings of one broker.
    #[must_use]
    pub fn broker_config(&self, id: BrokerId) -> &Pairs {
        static NONE: Pairs = Pairs::new();
        self.broker_configs.get(&id).map_or(&NONE, |pairs| pairs)
    }

    /// The dynamic settings of all brokers.
    #[must_use]
    pub fn all_brokers_config(&self) -> &Pairs {
        &self.all_brokers_config
    }

    /// Every layer of one broker's settings, with its file and flags.
    #[must_use]
    pub fn layers<'a>(&'a self, id: BrokerId, file: &'a Pairs) -> BrokerLayers<'a> {
        BrokerLayers { this_broker: self.broker_config(id), all_brokers: &self.all_brokers_config, file }
    }

    /// The brokers that have dynamic settings of their own, sorted by id.
    pub fn configured_brokers(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.broker_configs.keys().copied()
    }

    /// The first producer id that is not given out.
    #[must_use]
    pub const fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// Every finalised feature with its level, sorted by name.
    pub fn features(&self) -> impl Iterator<Item = (&str, i16)> {
        self.features.iter().map(|(name, level)| (name.as_str(), *level))
    }
}

impl Topic {
    /// One partition.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index.0).ok()?)
    }

    /// The partitions with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (PartitionIndex, &Arc<Partition>)> {
        // A topic has at most a few thousand partitions.
        self.partitions.iter().enumerate().map(|(at, p)| (PartitionIndex(at as i32), p))
    }

    /// Replicas of its partitions, as the first one has them.
    #[must_use]
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |p| p.replicas.len())
    }

    /// Whether it belongs to the broker itself.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        is_internal(self.name.as_str())
    }
}
