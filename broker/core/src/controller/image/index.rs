//! What of the image must be found without looking at all of it: a broker's replicas and reigns, the partitions on the
//! move, those without a leader, those not led by their first replica, those that lack a replica in sync. Follows every
//! change of a partition; says nothing that the partitions do not say.

use std::collections::BTreeMap;

use rpds::RedBlackTreeSetSync;
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::Partition;

/// One partition, by id.
pub type PartitionKey = (TopicId, PartitionIndex);

/// Partitions in the order of their keys.
pub(super) type Keys = RedBlackTreeSetSync<PartitionKey>;

/// What concerns one broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OnBroker {
    /// It holds a replica, or is about to.
    pub(super) replicas: Keys,
    /// It leads.
    pub(super) leads: Keys,
    /// It is the first replica but does not lead.
    pub(super) unpreferred: Keys,
    /// It leads, and not every replica is in sync.
    pub(super) lacking: Keys,
}

/// The whole index. Empty entries are taken out, so that equal images have equal indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) brokers: BTreeMap<BrokerId, OnBroker>,
    /// Replicas are being added or removed.
    pub(super) moving: Keys,
    /// Nobody leads.
    pub(super) leaderless: Keys,
    /// Fewer are in sync than the topic asks for, and others are eligible.
    pub(super) eligible: Keys,
}

impl Index {
    /// A partition has another state, has come, or has gone.
    pub(super) fn follow(&mut self, key: PartitionKey, old: Option<&Partition>, new: Option<&Partition>) {
        let replicas = |p: Option<&Partition>| p.map_or(&[] as &[BrokerId], |p| &p.replicas).to_vec();
        let (before, after) = (replicas(old), replicas(new));
        for gone in before.iter().filter(|b| !after.contains(b)) {
            self.on(*gone, |broker| set(&mut broker.replicas, key, false));
        }
        for come in after.iter().filter(|b| !before.contains(b)) {
            self.on(*come, |broker| set(&mut broker.replicas, key, true));
        }
        self.follow_one(key, leader(old), leader(new), |broker| &mut broker.leads);
        self.follow_one(key, unpreferred(old), unpreferred(new), |broker| &mut broker.unpreferred);
        self.follow_one(key, lacking(old), lacking(new), |broker| &mut broker.lacking);
        set(&mut self.moving, key, new.is_some_and(Partition::is_moving));
        set(&mut self.leaderless, key, new.is_some_and(|p| p.leader.is_none()));
        set(&mut self.eligible, key, new.is_some_and(|p| !p.elr.is_empty()));
    }

    fn follow_one(
        &mut self,
        key: PartitionKey,
        old: Option<BrokerId>,
        new: Option<BrokerId>,
        keys: fn(&mut OnBroker) -> &mut Keys,
    ) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.on(old, |broker| set(keys(broker), key, false));
        }
        if let Some(new) = new {
            self.on(new, |broker| set(keys(broker), key, true));
        }
    }

    fn on(&mut self, id: BrokerId, change: impl FnOnce(&mut OnBroker)) {
        let broker = self.brokers.entry(id).or_default();
        change(broker);
        // Whom it leads or prefers is a replica of it, so without replicas the rest is empty too.
        if broker.replicas.is_empty() && broker.leads.is_empty() && broker.unpreferred.is_empty() {
            self.brokers.remove(&id);
        }
    }
}

fn leader(partition: Option<&Partition>) -> Option<BrokerId> {
    partition?.leader
}

fn unpreferred(partition: Option<&Partition>) -> Option<BrokerId> {
    let partition = partition?;
    partition.replicas.first().copied().filter(|first| partition.leader != Some(*first))
}

fn lacking(partition: Option<&Partition>) -> Option<BrokerId> {
    let partition = partition?;
    partition.leader.filter(|_| partition.isr.len() < partition.replicas.len())
}

/// Touches the set only where it changes, so that clones go on sharing it.
fn set(keys: &mut Keys, key: PartitionKey, member: bool) {
    if member != keys.contains(&key) {
        if member {
            keys.insert_mut(key);
        } else {
            keys.remove_mut(&key);
        }
    }
}
