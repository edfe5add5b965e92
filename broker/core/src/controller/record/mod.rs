//! What the metadata log holds: one kind of record for each kind of change. Says what a record means; how it is
//! written is in `codec`.

mod codec;
mod message;

#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;
use uuid::Uuid;
use weir_model::{BrokerId, Incarnation, PartitionIndex, ProducerId, TopicId, TopicName};

use super::image::Partition;
use super::{METADATA_VERSION_MANY_BROKERS, METADATA_VERSION_SUPPORTED};

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
    /// A broker has begun a controlled shutdown: it leads and joins nothing any more.
    BrokerShuttingDown {
        /// The broker.
        id: BrokerId,
    },
    /// A broker gets no new replicas from here on, or gets them again.
    BrokerDrainChanged {
        /// The broker.
        id: BrokerId,
        /// Whether it is drained.
        drained: bool,
    },
    /// A broker is no longer a member of the cluster.
    BrokerUnregistered {
        /// The broker.
        id: BrokerId,
        /// The epoch of its last registration: one that comes back counts on from there.
        epoch: i64,
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

impl Record {
    /// The least `metadata.version` at which brokers understand the record.
    #[must_use]
    pub const fn needs_version(&self) -> i16 {
        match self {
            Self::BrokerShuttingDown { .. }
            | Self::BrokerDrainChanged { .. }
            | Self::BrokerUnregistered { .. } => METADATA_VERSION_MANY_BROKERS,
            Self::PartitionChanged { state, .. } if state.is_moving() => METADATA_VERSION_MANY_BROKERS,
            // The newer fields of a registration, and who was last in sync, can be done without.
            Self::BrokerRegistered(_)
            | Self::ClusterCreated { .. }
            | Self::TopicCreated { .. }
            | Self::PartitionChanged { .. }
            | Self::TopicDeleted { .. }
            | Self::ConfigChanged { .. }
            | Self::BrokerFencingChanged { .. }
            | Self::ProducerIdsAllocated { .. }
            | Self::FeatureLevelChanged { .. } => 1,
        }
    }
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

/// A broker's word about itself when it starts, and what became of it since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Whether it may not lead or be in sync; kept up to date.
    pub fenced: bool,
    /// Whether it is in a controlled shutdown.
    pub shutting_down: bool,
    /// Whether it gets no new replicas because an operator said so. Outlives registrations.
    pub drained: bool,
    /// Where other brokers reach it.
    pub peer: Option<HostPort>,
    /// Where its admin service is.
    pub admin: Option<HostPort>,
    /// The levels of `metadata.version` that it understands.
    pub versions: VersionRange,
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Levels of a feature, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    /// The lowest.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

impl VersionRange {
    /// Whether a level is in the range.
    #[must_use]
    pub const fn contains(self, level: i16) -> bool {
        self.min <= level && level <= self.max
    }
}

/// What this code understands.
impl Default for VersionRange {
    fn default() -> Self {
        Self { min: 1, max: METADATA_VERSION_SUPPORTED }
    }
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
