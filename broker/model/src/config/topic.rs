//! A topic's settings after all layers have spoken, parsed once. Nothing reads the texts after this.

use super::layers::{BrokerLayers, Pairs};
use super::setting::Value;
use super::throttled::ThrottledReplicas;
use super::{ConfigError, topic_setting};
use crate::DurationMs;

/// What to do with old segments. Neither: keep everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Delete by age and size.
    pub delete: bool,
    /// Compact to the last value of each key.
    pub compact: bool,
}

/// The codec a topic's batches are stored with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicCompression {
    /// As they come.
    Producer,
    /// Not compressed.
    Uncompressed,
    /// gzip at a level; -1 is the codec's default.
    Gzip(i32),
    /// snappy.
    Snappy,
    /// lz4 at a level.
    Lz4(i32),
    /// zstd at a level.
    Zstd(i32),
}

/// Whose clock stamps a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The client's.
    CreateTime,
    /// The broker's.
    LogAppendTime,
}

/// What an acks=all acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On the disk of every in-sync replica.
    Fsync,
    /// In the memory of every in-sync replica.
    Replicated,
}

/// A topic's effective settings. The fields carry Kafka's names; see the table for their meaning.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is a row of the settings table, which documents it")]
pub struct TopicConfig {
    pub cleanup_policy: CleanupPolicy,
    pub compression: TopicCompression,
    pub delete_retention: DurationMs,
    pub file_delete_delay: DurationMs,
    pub flush_messages: i64,
    pub flush_interval: DurationMs,
    pub index_interval_bytes: u32,
    pub max_compaction_lag: DurationMs,
    pub max_message_bytes: u32,
    pub timestamp_after_max: DurationMs,
    pub timestamp_before_max: DurationMs,
    pub timestamp_type: TimestampType,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag: DurationMs,
    pub min_insync_replicas: u32,
    /// `None`: no limit.
    pub retention_bytes: Option<u64>,
    /// `None`: for ever.
    pub retention: Option<DurationMs>,
    pub segment_bytes: u32,
    pub segment_index_bytes: u32,
    pub segment_jitter: DurationMs,
    pub segment_age: DurationMs,
    pub unclean_leader_election: bool,
    pub durability: Durability,
    pub leader_throttled: ThrottledReplicas,
    pub follower_throttled: ThrottledReplicas,
}

impl TopicConfig {
    /// Reads every topic setting through the layers. Fails only when a stored value is not legal (any more).
    pub fn resolve(topic: &Pairs, broker: BrokerLayers<'_>) -> Result<Self, ConfigError> {
        let read = Reader { topic, broker };
        let words = read.words("cleanup.policy")?;
        let has = |word: &str| words.iter().any(|w| w == word);
        Ok(Self {
            cleanup_policy: CleanupPolicy { delete: has("delete"), compact: has("compact") },
            compression: compression(&read)?,
            delete_retention: read.span("delete.retention.ms")?,
            file_delete_delay: read.span("file.delete.delay.ms")?,
            flush_messages: read.whole("flush.messages")?,
            flush_interval: read.span("flush.ms")?,
            index_interval_bytes: read.narrow("index.interval.bytes")?,
            max_compaction_lag: read.span("max.compaction.lag.ms")?,
            max_message_bytes: read.narrow("max.message.bytes")?,
            timestamp_after_max: read.span("message.timestamp.after.max.ms")?,
            timestamp_before_max: read.span("message.timestamp.before.max.ms")?,
            timestamp_type: match read.text("message.timestamp.type")?.as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: read.fraction("min.cleanable.dirty.ratio")?,
            min_compaction_lag: read.span("min.compaction.lag.ms")?,
            min_insync_replicas: read.narrow("min.insync.replicas")?,
            retention_bytes: u64::try_from(read.whole("retention.bytes")?).ok(),
            retention: Some(read.span("retention.ms")?).filter(|span| span.0 >= 0),
            segment_bytes: read.narrow("segment.bytes")?,
            segment_index_bytes: read.narrow("segment.index.bytes")?,
            segment_jitter: read.span("segment.jitter.ms")?,
            segment_age: read.span("segment.ms")?,
            unclean_leader_election: read.truth("unclean.leader.election.enable")?,
            durability: read.durability()?,
            leader_throttled: ThrottledReplicas::of(&read.words("leader.replication.throttled.replicas")?),
            follower_throttled: ThrottledReplicas::of(
                &read.words("follower.replication.throttled.replicas")?,
            ),
        })
    }

    /// The settings of a topic that sets nothing, on a broker that sets nothing.
    pub fn built_in() -> Result<Self, ConfigError> {
        let none = Pairs::new();
        Self::resolve(&none, BrokerLayers { this_broker: &none, all_brokers: &none, file: &none })
    }
}

fn compression(read: &Reader<'_>) -> Result<TopicCompression, ConfigError> {
    let level = |name| read.whole(name).map(|n| i32::try_from(n).unwrap_or(-1));
    Ok(match read.text("compression.type")?.as_str() {
        "uncompressed" => TopicCompression::Uncompressed,
        "gzip" => TopicCompression::Gzip(level("compression.gzip.level")?),
        "snappy" => TopicCompression::Snappy,
        "lz4" => TopicCompression::Lz4(level("compression.lz4.level")?),
        "zstd" => TopicCompression::Zstd(level("compression.zstd.level")?),
        _ => TopicCompression::Producer,
    })
}

pub(super) struct Reader<'a> {
    pub(super) topic: &'a Pairs,
    pub(super) broker: BrokerLayers<'a>,
}

impl Reader<'_> {
    fn value(&self, name: &'static str) -> Result<Value, ConfigError> {
        let setting = topic_setting(name)?;
        match self.broker.topic_candidates(setting, self.topic).next() {
            Some(strongest) => strongest.value(setting),
            None => setting.check(setting.default.unwrap_or_default()),
        }
    }

    fn whole(&self, name: &'static str) -> Result<i64, ConfigError> {
        self.value(name).map(|v| v.whole())
    }

    pub(super) fn narrow(&self, name: &'static str) -> Result<u32, ConfigError> {
        self.value(name).map(|v| v.narrow())
    }

    fn span(&self, name: &'static str) -> Result<DurationMs, ConfigError> {
        self.whole(name).map(DurationMs)
    }

    pub(super) fn truth(&self, name: &'static str) -> Result<bool, ConfigError> {
        self.value(name).map(|v| v.truth())
    }

    pub(super) fn durability(&self) -> Result<Durability, ConfigError> {
        Ok(match self.text("weir.durability")?.as_str() {
            "replicated" => Durability::Replicated,
            _ => Durability::Fsync,
        })
    }

    fn fraction(&self, name: &'static str) -> Result<f64, ConfigError> {
        self.value(name).map(|v| v.fraction())
    }

    fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.value(name).map(Value::into_text)
    }

    fn words(&self, name: &'static str) -> Result<Vec<String>, ConfigError> {
        self.value(name).map(Value::into_words)
    }
}
