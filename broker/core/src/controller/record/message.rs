//! The bytes of metadata records: protobuf messages. Tags are for ever; a changed meaning needs a new format
//! version. Nothing outside of `codec` sees these types.

use prost::{Message, Oneof};

/// The format version that is written. A reader refuses higher ones.
pub(super) const FORMAT_VERSION: u32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Envelope {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(oneof = "Body", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13")]
    pub(super) body: Option<Body>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Body {
    #[prost(message, tag = "2")]
    ClusterCreated(ClusterCreated),
    #[prost(message, tag = "3")]
    TopicCreated(TopicCreated),
    #[prost(message, tag = "4")]
    PartitionChanged(PartitionChanged),
    #[prost(message, tag = "5")]
    TopicDeleted(TopicDeleted),
    #[prost(message, tag = "6")]
    ConfigChanged(ConfigChanged),
    #[prost(message, tag = "7")]
    BrokerRegistered(BrokerRegistered),
    #[prost(message, tag = "8")]
    BrokerFencingChanged(BrokerFencingChanged),
    #[prost(message, tag = "9")]
    ProducerIdsAllocated(ProducerIdsAllocated),
    #[prost(message, tag = "10")]
    FeatureLevelChanged(FeatureLevelChanged),
    #[prost(message, tag = "11")]
    BrokerShuttingDown(BrokerShuttingDown),
    #[prost(message, tag = "12")]
    BrokerDrainChanged(BrokerDrainChanged),
    #[prost(message, tag = "13")]
    BrokerUnregistered(BrokerUnregistered),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ClusterCreated {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TopicCreated {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) id: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartitionChanged {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) topic: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub(super) index: i32,
    #[prost(int32, repeated, tag = "3")]
    pub(super) replicas: Vec<i32>,
    #[prost(int32, repeated, tag = "4")]
    pub(super) isr: Vec<i32>,
    #[prost(int32, repeated, tag = "5")]
    pub(super) elr: Vec<i32>,
    #[prost(int32, optional, tag = "6")]
    pub(super) leader: Option<i32>,
    #[prost(int32, tag = "7")]
    pub(super) leader_epoch: i32,
    #[prost(int32, tag = "8")]
    pub(super) partition_epoch: i32,
    #[prost(int32, repeated, tag = "9")]
    pub(super) adding: Vec<i32>,
    #[prost(int32, repeated, tag = "10")]
    pub(super) removing: Vec<i32>,
    #[prost(uint64, optional, tag = "11")]
    pub(super) throttle: Option<u64>,
    #[prost(int32, optional, tag = "12")]
    pub(super) last_known: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TopicDeleted {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigChanged {
    #[prost(oneof = "Scope", tags = "1, 2, 3")]
    pub(super) scope: Option<Scope>,
    #[prost(string, tag = "4")]
    pub(super) name: String,
    #[prost(string, optional, tag = "5")]
    pub(super) value: Option<String>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Scope {
    #[prost(bytes, tag = "1")]
    Topic(Vec<u8>),
    #[prost(int32, tag = "2")]
    Broker(i32),
    #[prost(bool, tag = "3")]
    AllBrokers(bool),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BrokerRegistered {
    #[prost(int32, tag = "1")]
    pub(super) id: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) incarnation: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) epoch: i64,
    #[prost(string, optional, tag = "4")]
    pub(super) rack: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(super) endpoints: Vec<Endpoint>,
    #[prost(bool, tag = "6")]
    pub(super) fenced: bool,
    #[prost(bool, tag = "7")]
    pub(super) shutting_down: bool,
    #[prost(bool, tag = "8")]
    pub(super) drained: bool,
    #[prost(message, optional, tag = "9")]
    pub(super) peer: Option<Address>,
    #[prost(message, optional, tag = "10")]
    pub(super) admin: Option<Address>,
    #[prost(message, optional, tag = "11")]
    pub(super) versions: Option<Versions>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Address {
    #[prost(string, tag = "1")]
    pub(super) host: String,
    #[prost(uint32, tag = "2")]
    pub(super) port: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Versions {
    #[prost(int32, tag = "1")]
    pub(super) min: i32,
    #[prost(int32, tag = "2")]
    pub(super) max: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Endpoint {
    #[prost(string, tag = "1")]
    pub(super) listener: String,
    #[prost(string, tag = "2")]
    pub(super) host: String,
    #[prost(uint32, tag = "3")]
    pub(super) port: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BrokerFencingChanged {
    #[prost(int32, tag = "1")]
    pub(super) id: i32,
    #[prost(bool, tag = "2")]
    pub(super) fenced: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProducerIdsAllocated {
    #[prost(int64, tag = "1")]
    pub(super) next: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FeatureLevelChanged {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    pub(super) level: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BrokerShuttingDown {
    #[prost(int32, tag = "1")]
    pub(super) id: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BrokerDrainChanged {
    #[prost(int32, tag = "1")]
    pub(super) id: i32,
    #[prost(bool, tag = "2")]
    pub(super) drained: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BrokerUnregistered {
    #[prost(int32, tag = "1")]
    pub(super) id: i32,
    #[prost(int64, tag = "2")]
    pub(super) epoch: i64,
}
