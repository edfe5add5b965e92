//! The settings that the group coordinator obeys, already validated by the server.

use weir_model::DurationMs;

/// Broker-wide limits and delays of groups, under the names of Kafka's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`: the shortest session a member may ask for. Default 6000.
    pub min_session_timeout: DurationMs,
    /// `group.max.session.timeout.ms`: the longest session a member may ask for. Default 1800000.
    pub max_session_timeout: DurationMs,
    /// `group.initial.rebalance.delay.ms`: how long a first rebalance waits for more members. Default 3000.
    pub initial_rebalance_delay: DurationMs,
    /// `group.max.size`: the most members of one group. Default unlimited.
    pub max_size: usize,
    /// How long a member that waits in its first JoinGroup is kept without a sign of life. Kafka's constant, 5 minutes.
    pub new_member_join_timeout: DurationMs,
    /// The most member ids, per shard, that were handed out but not joined with yet. Default 2000. Ours:
    /// Kafka has no such bound.
    pub max_pending_members: usize,
    /// `offset.metadata.max.bytes`: the longest note beside a committed offset, in UTF-16 units as Kafka counts. Default 4096.
    pub max_offset_metadata: usize,
    /// `offsets.retention.minutes`: how long offsets outlive their use. Default 7 days.
    pub offsets_retention: DurationMs,
    /// `offsets.retention.check.interval.ms`: the time between two searches for expired offsets. Default 600000.
    pub retention_check_interval: DurationMs,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            min_session_timeout: DurationMs(6_000),
            max_session_timeout: DurationMs(1_800_000),
            initial_rebalance_delay: DurationMs(3_000),
            max_size: i32::MAX as usize,
            new_member_join_timeout: DurationMs(300_000),
            max_pending_members: 2_000,
            max_offset_metadata: 4_096,
            offsets_retention: DurationMs(7 * 24 * 3_600_000),
            retention_check_interval: DurationMs(600_000),
        }
    }
}
