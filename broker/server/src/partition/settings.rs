//! A topic's settings, as the partition machine and its log want them.

use std::sync::Arc;

use weir_core::controller::{Image, Topic};
use weir_core::partition::Policy;
use weir_log::LogConfig;
use weir_model::config::{
    BrokerConfig, ConfigError, Pairs, ThrottledReplicas, TimestampType, TopicCompression, TopicConfig,
};
use weir_model::{BrokerId, DurationMs};

use super::command::Configured;

/// Everything that settings are resolved from on this broker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettingsOf<'a> {
    pub(crate) image: &'a Image,
    pub(crate) me: BrokerId,
    pub(crate) file: &'a Pairs,
}

impl SettingsOf<'_> {
    /// The topic's effective settings.
    pub(crate) fn topic(&self, topic: &Topic) -> Result<TopicConfig, ConfigError> {
        TopicConfig::resolve(&topic.config, self.image.layers(self.me, self.file))
    }

    /// The broker's effective settings.
    pub(crate) fn broker(&self) -> Result<BrokerConfig, ConfigError> {
        BrokerConfig::resolve(self.image.layers(self.me, self.file))
    }

    /// What a partition of the topic is to obey.
    pub(crate) fn partition(&self, topic: &Topic) -> Result<Configured, ConfigError> {
        let (settings, broker) = (self.topic(topic)?, self.broker()?);
        Ok(Configured {
            policy: Policy::new(&settings, &broker),
            log: LogConfig::new(&settings, &broker),
            rules: BatchRules::of(&settings),
            throttled: Throttled::of(&settings),
        })
    }
}

/// Which replicas of a topic are held back while they are not in sync, on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Throttled {
    pub(crate) leading: ThrottledReplicas,
    pub(crate) following: ThrottledReplicas,
}

impl Throttled {
    /// Most topics name none, and keep nothing for that.
    fn of(topic: &TopicConfig) -> Option<Arc<Self>> {
        let throttled =
            Self { leading: topic.leader_throttled.clone(), following: topic.follower_throttled.clone() };
        (throttled != Self::default()).then(|| Arc::new(throttled))
    }
}

/// What a topic asks of the batches that clients send, checked before they reach the partition's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchRules {
    pub(crate) max_bytes: u32,
    pub(crate) require_keys: bool,
    pub(crate) compression: TopicCompression,
    pub(crate) timestamp_type: TimestampType,
    pub(crate) timestamp_before_max: DurationMs,
    pub(crate) timestamp_after_max: DurationMs,
}

impl BatchRules {
    /// Rules that let everything pass.
    #[cfg(test)]
    pub(crate) const LAX: Self = Self {
        max_bytes: 1 << 20,
        require_keys: false,
        compression: TopicCompression::Producer,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max: DurationMs(i64::MAX),
        timestamp_after_max: DurationMs(i64::MAX),
    };

    fn of(topic: &TopicConfig) -> Self {
        Self {
            max_bytes: topic.max_message_bytes,
            require_keys: topic.cleanup_policy.compact,
            compression: topic.compression,
            timestamp_type: topic.timestamp_type,
            timestamp_before_max: topic.timestamp_before_max,
            timestamp_after_max: topic.timestamp_after_max,
        }
    }
}
