//! A small Kafka client on tokio: connections, routing to leaders and coordinators, a producer, a consumer by
//! assignment, and admin calls. The command line, follower fetches and load generators use it.
//!
//! Every public call has a deadline, every buffer and retry a bound. Bytes from a broker are checked, never trusted:
//! bad ones are errors. It must never know the broker's own crates.

mod address;
mod admin;
mod client;
mod connection;
mod consumer;
mod deadline;
mod error;
mod metadata;
mod offsets;
mod options;
mod producer;
mod retry;
mod route;
mod versions;

pub use address::{Address, AddressError, DEFAULT_PORT, parse_bootstrap};
pub use admin::cluster::{ClusterBroker, ClusterDescription};
pub use admin::committed::CommittedOffset;
pub use admin::configs::{ConfigChange, ConfigEntry, ConfigSource, Resource};
pub use admin::groups::{GroupDescription, GroupListing, GroupMember};
pub use admin::leaders::Acted;
pub use admin::quorum::{QuorumDescription, QuorumReplica};
pub use admin::topics::{CreatedTopic, NewTopic};
pub use client::Client;
pub use connection::Connection;
pub use consumer::{ConsumedRecord, RecordHeader};
pub use consumer::{Consumer, ConsumerOptions, Isolation, Position};
pub use deadline::Deadline;
pub use error::{Attempt, ClientError};
pub use metadata::{Broker, Metadata, PartitionInfo, TopicInfo};
pub use offsets::{At, Found, Place};
pub use options::ClientOptions;
pub use producer::{Delivered, Producer, ProducerOptions, ToProduce, partition_for_key};
pub use route::Route;
pub use versions::Versions;
pub use weir_wire::{ApiKey, ErrorCode};
