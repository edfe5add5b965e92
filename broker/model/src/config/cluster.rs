//! The settings of a broker as a member of a cluster, and as a replica of its partitions.

use super::broker::{Reader, unfit};
use super::listener::{Endpoint, Listener};
use super::voters::{Voter, parse_voters};
use super::{BrokerConfig, ConfigError};
use crate::{BrokerId, DurationMs};

/// How a broker finds the others, and how long it waits for them.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is a row of the settings table, which documents it")]
pub struct ClusterConfig {
    /// Empty: a broker alone.
    pub voters: Vec<Voter>,
    /// `None`: nobody can join this broker.
    pub peer_listener: Option<Endpoint>,
    /// What other brokers are told; the listener itself where not set.
    pub peer_advertised: Option<Endpoint>,
    /// `None`: no admin service.
    pub admin_listener: Option<Endpoint>,
    pub inter_broker_listener: String,
    pub session_timeout: DurationMs,
    pub heartbeat_interval: DurationMs,
    pub quorum_heartbeat: DurationMs,
    pub quorum_election_timeout: DurationMs,
    pub voter_replace: DurationMs,
    pub auto_leader_rebalance: bool,
    pub leader_rebalance_interval: DurationMs,
    pub controlled_shutdown: bool,
    pub controlled_shutdown_max: DurationMs,
}

/// How a broker follows the leaders of its partitions, and is followed.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is a row of the settings table, which documents it")]
pub struct ReplicationConfig {
    pub lag_max: DurationMs,
    pub fetch_max_bytes: u32,
    pub fetch_response_max_bytes: u32,
    pub fetch_wait_max: DurationMs,
    /// Whether consumers are sent to a replica in their own rack.
    pub rack_aware_reads: bool,
    /// Bytes in a second for the throttled replicas that are led here; `None`: no limit.
    pub leader_throttle: Option<u64>,
    /// Bytes in a second for the throttled replicas that follow here; `None`: no limit.
    pub follower_throttle: Option<u64>,
}

/// The words that switch reads from the nearest replica on: Kafka's class.
pub(super) const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
/// Kafka's way to say that everybody reads from the leader.
pub(super) const FROM_LEADER: &str = "org.apache.kafka.common.replica.LeaderSelector";

impl ClusterConfig {
    pub(super) fn read(read: &Reader<'_>, id: BrokerId, listeners: &[Listener]) -> Result<Self, ConfigError> {
        let voters = parse_voters(&read.words("controller.quorum.voters")?.join(","))
            .ok_or_else(|| unfit("controller.quorum.voters", "ids must differ".to_owned()))?;
        let own = voters.iter().find(|voter| voter.id == id).map(|voter| &voter.peer);
        let everywhere = own.map(|own| Endpoint { host: String::new(), port: own.port });
        let first = || listeners.first().map_or_else(String::new, |listener| listener.name.clone());
        let named = read.text("inter.broker.listener.name")?.to_ascii_uppercase();
        Ok(Self {
            peer_listener: read.endpoint("weir.peer.listener")?.or(everywhere),
            peer_advertised: read.endpoint("weir.peer.advertised")?.or_else(|| own.cloned()),
            admin_listener: read.endpoint("weir.admin.listener")?,
            inter_broker_listener: if named.is_empty() { first() } else { named },
            session_timeout: read.span("broker.session.timeout.ms")?,
            heartbeat_interval: read.span("broker.heartbeat.interval.ms")?,
            quorum_heartbeat: read.span("weir.quorum.heartbeat.ms")?,
            quorum_election_timeout: read.span("weir.quorum.election.timeout.ms")?,
            voter_replace: read.span("weir.quorum.voter.replace.ms")?,
            auto_leader_rebalance: read.truth("auto.leader.rebalance.enable")?,
            leader_rebalance_interval: DurationMs(
                read.whole("leader.imbalance.check.interval.seconds")?.saturating_mul(1_000),
            ),
            controlled_shutdown: read.truth("controlled.shutdown.enable")?,
            controlled_shutdown_max: read.span("weir.controlled.shutdown.max.ms")?,
            voters,
        })
    }

    /// Whether this broker is alone: no voters are named, and nobody can join it.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.voters.is_empty() && self.peer_listener.is_none()
    }
}

impl ReplicationConfig {
    pub(super) fn read(read: &Reader<'_>) -> Result<Self, ConfigError> {
        let throttle = |name| read.wide(name).map(|rate| Some(rate).filter(|rate| *rate < i64::MAX as u64));
        Ok(Self {
            lag_max: read.span("replica.lag.time.max.ms")?,
            fetch_max_bytes: read.narrow("replica.fetch.max.bytes")?,
            fetch_response_max_bytes: read.narrow("replica.fetch.response.max.bytes")?,
            fetch_wait_max: read.span("replica.fetch.wait.max.ms")?,
            rack_aware_reads: read.text("replica.selector.class")? == RACK_AWARE,
            leader_throttle: throttle("leader.replication.throttled.rate")?,
            follower_throttle: throttle("follower.replication.throttled.rate")?,
        })
    }
}

/// What must hold between these settings and others.
pub(super) fn check(config: &BrokerConfig) -> Result<(), ConfigError> {
    let cluster = &config.cluster;
    if !cluster.voters.is_empty() && cluster.peer_listener.is_none() {
        let problem = "a broker that is not among controller.quorum.voters needs an address for the others";
        return Err(unfit("weir.peer.listener", problem.to_owned()));
    }
    let between_brokers = &cluster.inter_broker_listener;
    if !config.listeners.iter().any(|listener| listener.name == *between_brokers) {
        let problem = format!("{between_brokers} is not among the names in listeners");
        return Err(unfit("inter.broker.listener.name", problem));
    }
    not_above(
        ("broker.heartbeat.interval.ms", DurationMs(cluster.heartbeat_interval.0.saturating_mul(2))),
        ("broker.session.timeout.ms", cluster.session_timeout),
    )?;
    not_above(
        ("weir.quorum.heartbeat.ms", DurationMs(cluster.quorum_heartbeat.0.saturating_mul(2))),
        ("weir.quorum.election.timeout.ms", cluster.quorum_election_timeout),
    )
}

/// Two beats must fit into the time that one of them may be missed.
fn not_above(low: (&'static str, DurationMs), high: (&'static str, DurationMs)) -> Result<(), ConfigError> {
    if low.1 <= high.1 {
        return Ok(());
    }
    Err(unfit(low.0, format!("must not exceed half of {} ({})", high.0, high.1.0)))
}
