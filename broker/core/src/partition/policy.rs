//! The settings that a partition's decisions depend on, and nothing else of them, to keep an idle replica small.

use weir_model::DurationMs;
use weir_model::config::{BrokerConfig, Durability, TopicConfig};

/// A partition's part of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What acks=all promises.
    pub durability: Durability,
    /// In-sync replicas that acks=all needs.
    pub min_isr: u32,
    /// The largest batch.
    pub max_batch_bytes: u32,
    /// The largest segment.
    pub segment_bytes: u32,
    /// Sync after this many records.
    pub flush_messages: i64,
    /// Sync after this time.
    pub flush_interval: DurationMs,
    /// Leave a follower out of the ISR after it has been behind for so long.
    pub replica_lag_max: DurationMs,
    /// Whether DeleteRecords is allowed.
    pub deletable: bool,
    /// Forget a producer after this silence.
    pub producer_expiration: DurationMs,
    /// Remember at most this many producers.
    pub producers_max: u32,
}

impl Policy {
    /// Picks the partition's settings out of the topic's and the broker's.
    #[must_use]
    pub const fn new(topic: &TopicConfig, broker: &BrokerConfig) -> Self {
        Self {
            durability: topic.durability,
            min_isr: topic.min_insync_replicas,
            max_batch_bytes: topic.max_message_bytes,
            segment_bytes: topic.segment_bytes,
            flush_messages: topic.flush_messages,
            flush_interval: topic.flush_interval,
            replica_lag_max: broker.replication.lag_max,
            deletable: topic.cleanup_policy.delete,
            producer_expiration: broker.producer_id_expiration,
            producers_max: broker.producers_max,
        }
    }
}
