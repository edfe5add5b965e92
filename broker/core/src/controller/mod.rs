//! The controller: cluster metadata as an image that only records change, and one deciding function per command.
//!
//! `decide(&image, command, …) -> Decision { records, reply }` never changes anything. The caller appends the
//! records to the metadata log, gives each to [`Image::apply`], publishes the image, and sends the reply once the
//! records are committed. Restart and followers do nothing but apply. If the append fails the records are dropped.
//! Must never do I/O, read a clock or draw a random number of its own: see [`Entropy`].

pub mod alter_configs;
pub mod alter_partitions;
mod assignments;
pub mod bootstrap;
mod config_change;
pub mod controlled_shutdown;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod drain;
pub mod elect_leaders;
mod entropy;
mod error;
pub mod fence_broker;
mod gate;
mod image;
pub mod internal_topic;
pub mod lease;
pub mod list_reassignments;
pub mod may_stop;
mod placement;
pub mod producer_ids;
pub mod reassign;
pub mod rebalance_leaders;
mod record;
pub mod register_broker;
pub mod replace_configs;
pub mod sessions;
mod settle;
mod transition;
pub mod unregister_broker;
pub mod update_features;
pub mod voters;

#[cfg(test)]
mod tests;

pub use config_change::{ConfigResource, GivenSettings};
pub use entropy::Entropy;
pub use error::ControllerError;
pub use image::{ApplyError, Broker, Image, Partition, PartitionKey, Topic, is_internal};
pub use record::{BrokerEndpoint, ConfigScope, HostPort, Record, RecordError, Registration, VersionRange};

/// What a command comes to: what to write, and what to answer once it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<R> {
    /// To be written and applied together, or not at all.
    pub records: Vec<Record>,
    /// The answer.
    pub reply: R,
}

/// The feature whose level says which records may be written.
pub const METADATA_VERSION: &str = "metadata.version";
/// The highest level of it that this code understands.
pub const METADATA_VERSION_SUPPORTED: i16 = METADATA_VERSION_MANY_BROKERS;
/// The level from which on brokers can be drained, shut down in order and unregistered, and replicas be moved.
pub const METADATA_VERSION_MANY_BROKERS: i16 = 2;
/// The most partitions that one request may create, Kafka's limit.
pub const MOST_PARTITIONS_PER_REQUEST: usize = 10_000;
