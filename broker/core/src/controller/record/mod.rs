//! What the metadata log holds: one kind of record for each kind of change. Says what a record means; how it is
//! written is in `codec`.

mod codec;
mod message;

#[cfg(test)]
mod tests;

use thiserror::Error;
use uuid::Uuid;
use weir_model::{BrokerId, Incarnation, PartitionIndex, ProducerId, TopicId, TopicName};

use super::image::Partition;

/// One change of the cluster's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The first record of a cluster.
    ClusterCreated {
        /// The cluster's id.
        id: Uuid,
    },
    /// A topic exists from here on, without partitions yet.
    TopicCreated {
        /// Its id.
        id: TopicId,
        /// Its name.
        name: TopicName,
    },
    /// A partition's whole state; the first of its kind creates it.
    PartitionChanged {
        /// The topic.
        topic: TopicId,
        /// The partition's number.
        index: PartitionIndex,
        /// Its state from here on.
        state: Partition,
    },
    /// A topic is gone, with its partitions and settings.
    TopicDeleted {
        /// Its id.
        id: TopicId,
    },
    /// A setting has this value from here on, or none.
    ConfigChanged {
        /// Whose setting.
        scope: ConfigScope,
        /// The setting.
        name: String,
        /// The value.
        value: Option<String>,
    },
    /// A broker has (re)started.
    BrokerRegistered(Registration),
    /// A broker may (not) lead or be in sync.
    BrokerFencingChanged {
        /// The broker.
        id: BrokerId,
        /// Whether it is fenced.
        fenced: bool,
    },
    /// Every producer id before this one is given out.
    ProducerIdsAllocated {
        /// The first one that is free.
        next: ProducerId,
    },
    /// A feature's level is finalised.
    FeatureLevelChanged {
        /// The feature.
        name: String,
        /// Its level; 0 for "off".
        level: i16,
    },
}

/// Whose setting it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigScope {
    /// One topic's.
    Topic(TopicId),
    /// One broker's.
    Broker(BrokerId),
    /// Every broker's.
    AllBrokers,
}

/// A broker's word about itself when it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its id.
    pub id: BrokerId,
    /// The identity of its disk.
    pub incarnation: Incarnation,
    /// Counts its registrations; requests of an older one are refused.
    pub epoch: i64,
    /// Where it stands.
    pub rack: Option<String>,
    /// Where it is reached.
    pub endpoints: Vec<BrokerEndpoint>,
    /// Whether it starts out fenced.
    pub fenced: bool,
}

/// One address of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerEndpoint {
    /// The listener's name.
    pub listener: String,
    /// The host that clients connect to.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why bytes are not a record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// Not what this format looks like.
    #[error("metadata record is damaged: {0}")]
    Damaged(String),
    /// A newer broker wrote it.
    #[error("metadata record has format version {0}, this broker reads up to 1: upgrade it")]
    Version(u32),
    /// A newer broker wrote it.
    #[error("metadata record is of a kind that this broker does not know: upgrade it")]
    UnknownKind,
    /// It holds a value that can not be.
    #[error("metadata record holds an impossible {0}")]
    Impossible(&'static str),
}
