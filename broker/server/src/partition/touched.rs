//! From the records of a round to the partitions of this broker that may have to follow it.

use std::collections::BTreeSet;

use weir_core::controller::{ConfigScope, PartitionKey, Record};
use weir_model::{BrokerId, TopicId};

/// What may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Anything: there was no list of changes, or a setting of all topics changed.
    Everything,
    These {
        /// Their settings changed, or they are gone.
        topics: BTreeSet<TopicId>,
        /// Their replicas or their reign changed, or they are new.
        partitions: BTreeSet<PartitionKey>,
    },
}

impl Touched {
    /// Looks through the records of a round.
    pub(crate) fn by(records: &[Record], me: BrokerId) -> Self {
        let (mut topics, mut partitions) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            match record {
                Record::TopicDeleted { id } | Record::ConfigChanged { scope: ConfigScope::Topic(id), .. } => {
                    topics.insert(*id);
                }
                Record::PartitionChanged { topic, index, .. } => {
                    partitions.insert((*topic, *index));
                }
                Record::ConfigChanged { scope: ConfigScope::Broker(id), .. } if *id != me => {}
                Record::ConfigChanged { .. } => return Self::Everything,
                Record::TopicCreated { .. }
                | Record::ClusterCreated { .. }
                | Record::BrokerRegistered(_)
                | Record::BrokerFencingChanged { .. }
                | Record::BrokerShuttingDown { .. }
                | Record::BrokerDrainChanged { .. }
                | Record::BrokerUnregistered { .. }
                | Record::ProducerIdsAllocated { .. }
                | Record::FeatureLevelChanged { .. } => {}
            }
        }
        Self::These { topics, partitions }
    }
}
