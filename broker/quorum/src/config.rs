//! What a node of the quorum is told, and the one rule between the times: a follower must miss several heartbeats
//! before it stands for election.

use std::time::Duration;

use thiserror::Error;

use crate::types::NodeId;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// The leader shows that it lives this often (`weir.quorum.heartbeat.ms`). Also how long a follower may take to
    /// answer before it is asked again. Default 100 ms, at least 5 ms.
    pub heartbeat: Duration,
    /// A voter that heard nothing for this long stands for election, if a majority heard nothing either
    /// (`weir.quorum.election.timeout.ms`); the wait is drawn between this and twice this, so that two seldom stand at
    /// once. Default 300 ms, more than two heartbeats.
    pub election: Duration,
    /// Sending one piece of a snapshot, and installing the last one. Default 10 s.
    pub snapshot: Duration,
    /// A decision that is proposed but neither committed nor lost for this long is given up; nobody is told that it
    /// happened. Default 10 s.
    pub decision: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election: Duration::from_millis(300),
            snapshot: Duration::from_secs(10),
            decision: Duration::from_secs(10),
        }
    }
}

/// The settings of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumConfig {
    /// This node.
    pub me: NodeId,
    /// Times.
    pub timings: Timings,
    /// A snapshot is taken after this many entries. Default 10,000.
    pub snapshot_entries: u64,
    /// A snapshot is taken when the log is larger than this many bytes. Default 32 MiB.
    pub snapshot_bytes: u64,
    /// Entries that are kept behind a snapshot, for followers that are a little late. Default 1,000.
    pub kept_entries: u64,
    /// The seed of this node's chances: its election timeout. Of the time in a broker, of the run in a simulation.
    pub seed: u64,
}

impl QuorumConfig {
    /// The defaults for one node.
    #[must_use]
    pub fn new(me: NodeId, seed: u64) -> Self {
        Self {
            me,
            timings: Timings::default(),
            snapshot_entries: 10_000,
            snapshot_bytes: 32 << 20,
            kept_entries: 1_000,
            seed,
        }
    }
}

/// Times that can not work together.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BadTimings {
    /// Below what makes sense.
    #[error("the quorum's heartbeat of {0:?} is shorter than 5 ms")]
    Heartbeat(Duration),
    /// A single lost heartbeat would depose the leader.
    #[error("the election timeout of {election:?} must be more than two heartbeats of {heartbeat:?}")]
    Election {
        /// The election timeout.
        election: Duration,
        /// The heartbeat.
        heartbeat: Duration,
    },
}

impl QuorumConfig {
    /// The library's settings. It refuses votes for an election timeout after it heard a leader; when to stand is not
    /// its business.
    pub(crate) fn to_raft(&self) -> Result<openraft::Config, BadTimings> {
        let Timings { heartbeat, election, snapshot, .. } = self.timings;
        if heartbeat < Duration::from_millis(5) {
            return Err(BadTimings::Heartbeat(heartbeat));
        }
        if election <= heartbeat * 2 {
            return Err(BadTimings::Election { election, heartbeat });
        }
        Ok(openraft::Config {
            cluster_name: "weir".to_owned(),
            heartbeat_interval: millis(heartbeat),
            election_timeout_min: millis(election),
            election_timeout_max: millis(election) + 1,
            enable_elect: false,
            install_snapshot_timeout: millis(snapshot),
            max_payload_entries: 256,
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.snapshot_entries),
            max_in_snapshot_log_to_keep: self.kept_entries,
            // Below the message size that the peers' channel takes.
            snapshot_max_chunk_size: 1 << 20,
            ..openraft::Config::default()
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One step of splitmix64: neighbouring seeds give distant numbers.
pub(crate) fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(heartbeat: u64, election: u64, seed: u64) -> QuorumConfig {
        let mut config = QuorumConfig::new(NodeId::default(), seed);
        config.timings.heartbeat = Duration::from_millis(heartbeat);
        config.timings.election = Duration::from_millis(election);
        config
    }

    #[test]
    fn times_that_can_not_work_are_refused() {
        assert_eq!(config(4, 300, 0).to_raft().unwrap_err(), BadTimings::Heartbeat(Duration::from_millis(4)));
        assert!(matches!(config(100, 200, 0).to_raft(), Err(BadTimings::Election { .. })));
        assert!(config(100, 201, 0).to_raft().is_ok_and(|raft| raft.validate().is_ok()));
    }
}
