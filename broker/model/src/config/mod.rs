//! Every setting Weir knows, once: names, types, defaults, legal values, precedence and documentation.
//! DescribeConfigs, AlterConfigs, the command line and the README all read these tables, so they can not
//! disagree. Decides what a value may be and which layer wins; must never read a file or an environment.

mod broker;
mod broker_table;
mod cluster;
mod describe;
mod error;
mod layers;
mod listener;
mod markdown;
mod setting;
mod similar;
mod throttled;
mod topic;
mod topic_rules;
mod topic_table;
mod validate;
mod voters;

#[cfg(test)]
mod tests;

pub use broker::BrokerConfig;
pub use broker_table::BROKER_SETTINGS;
pub use cluster::{ClusterConfig, ReplicationConfig};
pub use describe::{Described, Synonym, describe_broker, describe_topic};
pub use error::ConfigError;
pub use layers::{BrokerLayers, Pairs, Source};
pub use listener::{Endpoint, Listener};
pub use markdown::settings_as_markdown;
pub use setting::{BrokerSynonym, ConfigType, Kind, Range, Scope, Setting, Support, Value};
pub use throttled::ThrottledReplicas;
pub use topic::{CleanupPolicy, Durability, TimestampType, TopicCompression, TopicConfig};
pub use topic_rules::TopicRules;
pub use topic_table::TOPIC_SETTINGS;
pub use validate::{
    broker_setting, split_list, topic_setting, validate_broker_file, validate_dynamic_broker, validate_topic,
};
pub use voters::Voter;
