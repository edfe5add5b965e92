//! What a log is told to do: sizes, ages and policies. Values are checked where settings are parsed, not here.

use weir_model::DurationMs;
use weir_model::config::{BrokerConfig, TopicConfig};

/// The settings of one log. It may be replaced while the log runs.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// A segment is closed before it would grow past this (`segment.bytes`). At most 2^31 - 1. Default 1 GiB.
    pub segment_bytes: u64,
    /// A segment is closed when its first record is this old (`segment.ms`). Default 7 days.
    pub segment_ms: DurationMs,
    /// Bytes between index entries (`index.interval.bytes`). Default 4096.
    pub index_interval_bytes: u64,
    /// Segments older than this are deleted (`retention.ms`). None: never.
    pub retention_ms: Option<DurationMs>,
    /// The oldest segments are deleted while the log is larger than this (`retention.bytes`). None: never.
    pub retention_bytes: Option<u64>,
    /// `cleanup.policy` holds `delete`. Default true.
    pub delete: bool,
    /// `cleanup.policy` holds `compact`. Default false.
    pub compact: bool,
    /// How long tombstones are kept after compaction saw them (`delete.retention.ms`). Default 1 day.
    pub delete_retention_ms: DurationMs,
    /// Compaction waits until this share of the log is dirty (`min.cleanable.dirty.ratio`). Default 0.5.
    pub min_cleanable_dirty_ratio: f64,
    /// Records younger than this are not compacted (`min.compaction.lag.ms`). Default 0.
    pub min_compaction_lag_ms: DurationMs,
    /// Records older than this are compacted whatever the ratio (`max.compaction.lag.ms`). None: no such promise.
    pub max_compaction_lag_ms: Option<DurationMs>,
    /// How long an idle producer's last batch outlives its records (`producer.id.expiration.ms`). Default 1 day.
    pub producer_expiration_ms: DurationMs,
    /// A sync writes a recovery checkpoint, too, once this many bytes came after the last one. Default 4 MiB.
    pub checkpoint_bytes: u64,
    /// A sync is due for the log's own sake once this many bytes came after the last checkpoint, though nobody waits for
    /// one. Bounds what a restart reads, whatever the durability. Default 256 MiB.
    pub recovery_bytes: u64,
    /// A segment that has grown this large goes on growing: room on the disk is kept for what comes next. Default 32 MiB.
    pub reserve_from: u64,
    /// So much of it, at most. Default 8 MiB.
    pub reserve_bytes: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: DurationMs(7 * DAY),
            index_interval_bytes: 4096,
            retention_ms: Some(DurationMs(7 * DAY)),
            retention_bytes: None,
            delete: true,
            compact: false,
            delete_retention_ms: DurationMs(DAY),
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: DurationMs(0),
            max_compaction_lag_ms: None,
            producer_expiration_ms: DurationMs(DAY),
            checkpoint_bytes: 4 << 20,
            recovery_bytes: 256 << 20,
            reserve_from: 32 << 20,
            reserve_bytes: 8 << 20,
        }
    }
}

impl LogConfig {
    /// Picks a log's settings out of the topic's and the broker's.
    #[must_use]
    pub fn new(topic: &TopicConfig, broker: &BrokerConfig) -> Self {
        Self {
            segment_bytes: u64::from(topic.segment_bytes),
            segment_ms: topic.segment_age,
            index_interval_bytes: u64::from(topic.index_interval_bytes),
            retention_ms: topic.retention,
            retention_bytes: topic.retention_bytes,
            delete: topic.cleanup_policy.delete,
            compact: topic.cleanup_policy.compact,
            delete_retention_ms: topic.delete_retention,
            min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
            min_compaction_lag_ms: topic.min_compaction_lag,
            max_compaction_lag_ms: Some(topic.max_compaction_lag).filter(|lag| *lag < DurationMs(i64::MAX)),
            producer_expiration_ms: broker.producer_id_expiration,
            ..Self::default()
        }
    }
}
