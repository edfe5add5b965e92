//! A broker's settings after all layers have spoken, parsed once. The defaults of topic settings are not here:
//! they are read through [`super::TopicConfig`].

use super::cluster::{self, ClusterConfig, ReplicationConfig};
use super::layers::BrokerLayers;
use super::listener::{Endpoint, Listener, parse_listeners};
use super::setting::Value;
use super::{ConfigError, broker_setting};
use crate::{BrokerId, DurationMs};

/// A broker's effective settings. The fields carry Kafka's names; see the table for their meaning.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is a row of the settings table, which documents it")]
pub struct BrokerConfig {
    pub node_id: BrokerId,
    pub rack: Option<String>,
    pub listeners: Vec<Listener>,
    /// What clients are told; the listeners themselves where not set.
    pub advertised_listeners: Vec<Listener>,
    pub data_dir: String,
    /// `None`: no HTTP.
    pub http_listener: Option<Endpoint>,
    pub json_log: bool,
    pub cluster: ClusterConfig,
    pub replication: ReplicationConfig,

    pub auto_create_topics: bool,
    pub delete_topics: bool,
    pub num_partitions: u32,
    pub default_replication_factor: u32,

    /// `None`: never closed for idling.
    pub connections_max_idle: Option<DurationMs>,
    pub max_connections: u32,
    pub max_connections_per_ip: u32,
    pub max_connection_creation_rate: u32,
    pub socket_request_max_bytes: u32,
    /// `None`: no limit.
    pub queued_max_request_bytes: Option<u64>,
    pub connection_request_max_bytes: u64,
    pub fetch_max_bytes: u32,
    pub fetch_session_slots: u32,
    pub request_partition_limit: u32,

    pub group_initial_rebalance_delay: DurationMs,
    pub group_min_session_timeout: DurationMs,
    pub group_max_session_timeout: DurationMs,
    pub group_max_size: u32,
    pub offset_metadata_max_bytes: u32,
    pub offsets_retention: DurationMs,
    pub offsets_retention_check_interval: DurationMs,
    pub offsets_topic_partitions: u32,
    pub offsets_topic_replication_factor: u32,
    pub offsets_topic_segment_bytes: u32,

    pub producer_id_expiration: DurationMs,
    pub transactional_id_expiration: DurationMs,
    pub producers_max: u32,

    pub cleaner_enabled: bool,
    pub cleaner_backoff: DurationMs,
    pub cleaner_dedupe_buffer_bytes: u64,
    pub cleaner_bytes_per_second: f64,
    pub retention_check_interval: DurationMs,
    /// Negative for never.
    pub scrub_interval: DurationMs,
    pub scrub_bytes_per_second: u64,
}

impl BrokerConfig {
    /// Reads every broker setting through the layers, and checks that they do not contradict each other.
    pub fn resolve(layers: BrokerLayers<'_>) -> Result<Self, ConfigError> {
        let read = Reader { layers };
        let listeners = read.listeners("listeners")?;
        let advertised = read.listeners("advertised.listeners")?;
        let node_id = BrokerId(i32::try_from(read.whole("node.id")?).unwrap_or(0));
        let config = Self {
            node_id,
            cluster: ClusterConfig::read(&read, node_id, &listeners)?,
            replication: ReplicationConfig::read(&read)?,
            rack: Some(read.text("broker.rack")?).filter(|rack| !rack.is_empty()),
            advertised_listeners: if advertised.is_empty() { listeners.clone() } else { advertised },
            listeners,
            data_dir: read.data_dir()?,
            http_listener: read.endpoint("weir.http.listener")?,
            json_log: read.text("weir.log.format")? == "json",
            auto_create_topics: read.truth("auto.create.topics.enable")?,
            delete_topics: read.truth("delete.topic.enable")?,
            num_partitions: read.narrow("num.partitions")?,
            default_replication_factor: read.narrow("default.replication.factor")?,
            connections_max_idle: Some(read.span("connections.max.idle.ms")?).filter(|span| span.0 >= 0),
            max_connections: read.narrow("max.connections")?,
            max_connections_per_ip: read.narrow("max.connections.per.ip")?,
            max_connection_creation_rate: read.narrow("max.connection.creation.rate")?,
            socket_request_max_bytes: read.narrow("socket.request.max.bytes")?,
            queued_max_request_bytes: Some(read.wide("queued.max.request.bytes")?).filter(|n| *n > 0),
            connection_request_max_bytes: read.wide("weir.connection.request.max.bytes")?,
            fetch_max_bytes: read.narrow("fetch.max.bytes")?,
            fetch_session_slots: read.narrow("max.incremental.fetch.session.cache.slots")?,
            request_partition_limit: read.narrow("max.request.partition.size.limit")?,
            group_initial_rebalance_delay: read.span("group.initial.rebalance.delay.ms")?,
            group_min_session_timeout: read.span("group.min.session.timeout.ms")?,
            group_max_session_timeout: read.span("group.max.session.timeout.ms")?,
            group_max_size: read.narrow("group.max.size")?,
            offset_metadata_max_bytes: read.narrow("offset.metadata.max.bytes")?,
            offsets_retention: DurationMs(read.whole("offsets.retention.minutes")?.saturating_mul(60_000)),
            offsets_retention_check_interval: read.span("offsets.retention.check.interval.ms")?,
            offsets_topic_partitions: read.narrow("offsets.topic.num.partitions")?,
            offsets_topic_replication_factor: read.narrow("offsets.topic.replication.factor")?,
            offsets_topic_segment_bytes: read.narrow("offsets.topic.segment.bytes")?,
            producer_id_expiration: read.span("producer.id.expiration.ms")?,
            transactional_id_expiration: read.span("transactional.id.expiration.ms")?,
            producers_max: read.narrow("weir.producers.max")?,
            cleaner_enabled: read.truth("log.cleaner.enable")?,
            cleaner_backoff: read.span("log.cleaner.backoff.ms")?,
            cleaner_dedupe_buffer_bytes: read.wide("log.cleaner.dedupe.buffer.size")?,
            cleaner_bytes_per_second: read.fraction("log.cleaner.io.max.bytes.per.second")?,
            retention_check_interval: read.span("log.retention.check.interval.ms")?,
            scrub_interval: read.span("weir.log.scrub.interval.ms")?,
            scrub_bytes_per_second: read.wide("weir.log.scrub.max.bytes.per.second")?,
        };
        config.check()
    }

    fn check(self) -> Result<Self, ConfigError> {
        if self.group_min_session_timeout > self.group_max_session_timeout {
            return Err(ConfigError::Conflict {
                name: "group.min.session.timeout.ms",
                value: self.group_min_session_timeout.0,
                limit_name: "group.max.session.timeout.ms",
                limit: self.group_max_session_timeout.0,
            });
        }
        if self.listeners.is_empty() {
            return Err(unfit("listeners", "at least one is needed".to_owned()));
        }
        for told in &self.advertised_listeners {
            if !self.listeners.iter().any(|l| l.name == told.name) {
                let problem = format!("{} is not among the names in listeners", told.name);
                return Err(unfit("advertised.listeners", problem));
            }
        }
        cluster::check(&self)?;
        Ok(self)
    }
}

pub(super) const fn unfit(name: &'static str, problem: String) -> ConfigError {
    ConfigError::Unfit { name, problem }
}

/// Reads settings as the types their rows have.
pub(super) struct Reader<'a> {
    layers: BrokerLayers<'a>,
}

impl Reader<'_> {
    /// `None` where neither a layer nor the table has a value.
    fn value(&self, name: &'static str) -> Result<Option<Value>, ConfigError> {
        let setting = broker_setting(name)?;
        self.layers.broker_candidates(setting).next().map(|strongest| strongest.value(setting)).transpose()
    }

    pub(super) fn whole(&self, name: &'static str) -> Result<i64, ConfigError> {
        Ok(self.value(name)?.map_or(0, |v| v.whole()))
    }

    pub(super) fn narrow(&self, name: &'static str) -> Result<u32, ConfigError> {
        Ok(self.value(name)?.map_or(0, |v| v.narrow()))
    }

    pub(super) fn wide(&self, name: &'static str) -> Result<u64, ConfigError> {
        Ok(u64::try_from(self.whole(name)?).unwrap_or(0))
    }

    pub(super) fn span(&self, name: &'static str) -> Result<DurationMs, ConfigError> {
        self.whole(name).map(DurationMs)
    }

    pub(super) fn truth(&self, name: &'static str) -> Result<bool, ConfigError> {
        Ok(self.value(name)?.is_some_and(|v| v.truth()))
    }

    fn fraction(&self, name: &'static str) -> Result<f64, ConfigError> {
        Ok(self.value(name)?.map_or(0.0, |v| v.fraction()))
    }

    pub(super) fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        Ok(self.value(name)?.map_or_else(String::new, Value::into_text))
    }

    fn listeners(&self, name: &'static str) -> Result<Vec<Listener>, ConfigError> {
        parse_listeners(&self.words(name)?.join(","))
            .ok_or_else(|| unfit(name, "names must differ, and each be NAME://host:port".to_owned()))
    }

    fn data_dir(&self) -> Result<String, ConfigError> {
        let dirs = self.text("log.dirs")?;
        if dirs.contains(',') {
            return Err(unfit("log.dirs", "one directory, not several: run more brokers".to_owned()));
        }
        if dirs.is_empty() { self.text("log.dir") } else { Ok(dirs) }
    }

    pub(super) fn words(&self, name: &'static str) -> Result<Vec<String>, ConfigError> {
        Ok(self.value(name)?.map_or_else(Vec::new, Value::into_words))
    }

    /// An address, or nothing where the text is empty.
    pub(super) fn endpoint(&self, name: &'static str) -> Result<Option<Endpoint>, ConfigError> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Ok(None);
        }
        Endpoint::parse(&text).map(Some).ok_or_else(|| unfit(name, "must be host:port or empty".to_owned()))
    }
}
