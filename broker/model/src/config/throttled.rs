//! Which replicas of a topic are throttled while they catch up, as the topic's settings say.

use crate::{BrokerId, PartitionIndex};

/// A value of `leader.replication.throttled.replicas` or of the follower's twin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ThrottledReplicas {
    /// None.
    #[default]
    Nobody,
    /// Every replica.
    Everybody,
    /// These.
    These(Vec<(PartitionIndex, BrokerId)>),
}

impl ThrottledReplicas {
    /// Reads the words of a checked value; ones that are not pairs of numbers name nobody.
    pub(super) fn of(words: &[String]) -> Self {
        if words.iter().any(|word| word == "*") {
            return Self::Everybody;
        }
        let pairs = words.iter().filter_map(|word| {
            let (partition, broker) = word.split_once(':')?;
            Some((PartitionIndex(partition.parse().ok()?), BrokerId(broker.parse().ok()?)))
        });
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        if pairs.is_empty() { Self::Nobody } else { Self::These(pairs) }
    }

    /// Whether this replica is throttled.
    #[must_use]
    pub fn contains(&self, partition: PartitionIndex, broker: BrokerId) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::These(pairs) => pairs.binary_search(&(partition, broker)).is_ok(),
        }
    }
}
