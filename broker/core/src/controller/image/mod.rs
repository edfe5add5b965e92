//! The cluster's metadata as of one point of the log. Reading it is what Metadata, DescribeCluster and the drivers
//! do. A clone costs a few pointers however many topics there are, so every applied record can be published.

mod apply;
mod index;
mod rules;
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

use index::Index;

pub use apply::ApplyError;
pub use index::PartitionKey;

use super::record::Registration;
use super::{METADATA_VERSION, METADATA_VERSION_SUPPORTED};

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
    index: Index,
    /// Brokers that have left, with the epoch of their last registration.
    unregistered: Arc<BTreeMap<BrokerId, i64>>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Every replica; the first is preferred as leader.
    pub replicas: Vec<BrokerId>,
    /// Those in sync.
    pub isr: Vec<BrokerId>,
    /// Those out of sync that still hold everything committed (KIP-966). While there is one, fewer than min ISR are
    /// in sync and a leader must not advance its high watermark: that is what makes these electable.
    pub elr: Vec<BrokerId>,
    /// Who leads, if anybody.
    pub leader: Option<BrokerId>,
    /// The reign; grows at every change of leader.
    pub leader_epoch: LeaderEpoch,
    /// The version of this state; grows at every change.
    pub partition_epoch: PartitionEpoch,
    /// Replicas that a running move adds. They are among `replicas`.
    pub adding: Vec<BrokerId>,
    /// Replicas that the running move takes away when it ends. They are among `replicas` till then.
    pub removing: Vec<BrokerId>,
    /// The most bytes a second that the running move may copy.
    pub throttle: Option<u64>,
    /// The last one in sync, when it has lost the proof that its log is whole: what an unclean election tries first.
    pub last_known: Option<BrokerId>,
}

impl Partition {
    /// Whether its replicas are being changed.
    #[must_use]
    pub const fn is_moving(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// The replicas it will have once no move runs any more.
    #[must_use]
    pub fn target(&self) -> Vec<BrokerId> {
        self.replicas.iter().copied().filter(|b| !self.removing.contains(b)).collect()
    }

    /// The replicas it had before the running move.
    #[must_use]
    pub fn origin(&self) -> Vec<BrokerId> {
        self.replicas.iter().copied().filter(|b| !self.adding.contains(b)).collect()
    }
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
        self.brokers.get(&id).is_some_and(|b| b.is_active())
    }

    /// The epoch that the broker's next registration gets.
    #[must_use]
    pub fn next_broker_epoch(&self, id: BrokerId) -> i64 {
        let last = self.brokers.get(&id).map(|b| b.registration.epoch);
        last.or_else(|| self.unregistered.get(&id).copied()).map_or(0, |epoch| epoch.saturating_add(1))
    }

    /// The finalised `metadata.version`. Before a cluster is begun nothing holds a record back.
    #[must_use]
    pub fn metadata_version(&self) -> i16 {
        self.features.get(METADATA_VERSION).copied().unwrap_or(METADATA_VERSION_SUPPORTED)
    }

    /// The partitions that have, or are about to have, a replica on the broker. Costs as much as they are many.
    pub fn partitions_on(
        &self,
        id: BrokerId,
    ) -> impl Iterator<Item = (&Arc<Topic>, PartitionIndex, &Arc<Partition>)> {
        self.found(self.index.brokers.get(&id).into_iter().flat_map(|broker| &broker.replicas))
    }

    /// The partitions that the broker leads.
    pub fn led_by(
        &self,
        id: BrokerId,
    ) -> impl Iterator<Item = (&Arc<Topic>, PartitionIndex, &Arc<Partition>)> {
        let keys = self.index.brokers.get(&id).map(|broker| &broker.leads);
        self.found(keys.into_iter().flat_map(|keys| keys.iter()))
    }

    /// The partitions whose first replica is the broker but which it does not lead, after `after`.
    pub fn unpreferred_of(
        &self,
        id: BrokerId,
        after: Option<PartitionKey>,
    ) -> impl Iterator<Item = (&Arc<Topic>, PartitionIndex, &Arc<Partition>)> {
        let keys = self.index.brokers.get(&id).map(|broker| &broker.unpreferred);
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        self.found(keys.into_iter().flat_map(move |keys| keys.range::<PartitionKey, _>(range)))
    }

    /// The partitions whose replicas are being changed.
    pub fn moving(&self) -> impl Iterator<Item = (&Arc<Topic>, PartitionIndex, &Arc<Partition>)> {
        self.found(self.index.moving.iter())
    }

    /// The partitions that nobody leads.
    pub fn leaderless(&self) -> impl Iterator<Item = (&Arc<Topic>, PartitionIndex, &Arc<Partition>)> {
        self.found(self.index.leaderless.iter())
    }

    /// The partitions with eligible replicas, that is with fewer in sync than their topic asks for.
    pub fn eligible(&self) -> impl Iterator<Item = (&Arc<Topic>, PartitionIndex, &Arc<Partition>)> {
        self.found(self.index.eligible.iter())
    }

    /// How many replicas a broker has, or is about to have.
    #[must_use]
    pub fn replica_count(&self, id: BrokerId) -> usize {
        self.index.brokers.get(&id).map_or(0, |broker| broker.replicas.size())
    }

    /// How many partitions a broker leads.
    #[must_use]
    pub fn leader_count(&self, id: BrokerId) -> usize {
        self.index.brokers.get(&id).map_or(0, |broker| broker.leads.size())
    }

    /// How many of the partitions that a broker leads have a replica that is not in sync.
    #[must_use]
    pub fn under_replicated_count(&self, id: BrokerId) -> usize {
        self.index.brokers.get(&id).map_or(0, |broker| broker.lacking.size())
    }

    /// How many partitions' replicas are being changed.
    #[must_use]
    pub fn moving_count(&self) -> usize {
        self.index.moving.size()
    }

    /// How many partitions nobody leads.
    #[must_use]
    pub fn leaderless_count(&self) -> usize {
        self.index.leaderless.size()
    }

    fn found<'a>(
        &'a self,
        keys: impl Iterator<Item = &'a PartitionKey>,
    ) -> impl Iterator<Item = (&'a Arc<Topic>, PartitionIndex, &'a Arc<Partition>)> {
        keys.filter_map(|(topic, index)| {
            let topic = self.topics.get(topic)?;
            Some((topic, *index, topic.partition(*index)?))
        })
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

impl Broker {
    /// Whether it may lead and be in sync.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        !self.registration.fenced && !self.registration.shutting_down
    }

    /// Whether it may be given new replicas.
    #[must_use]
    pub const fn takes_replicas(&self) -> bool {
        self.is_active() && !self.registration.drained
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
