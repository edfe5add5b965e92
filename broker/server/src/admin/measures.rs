//! What this broker measures of itself.

use std::time::Instant;

use weir_admin::admin::v1;

use super::rates::{Counters, Rates};
use super::rows;
use super::standing::latest;
use crate::api::describe_log_dirs;
use crate::broker::Broker;
use crate::clock;
use crate::metrics::Metrics;
use crate::process;

/// The counters as of now.
pub(super) fn counters(metrics: &Metrics) -> Counters {
    #[expect(clippy::cast_precision_loss, reason = "rates need no 53 bits")]
    let bytes = |counter: &prometheus::IntCounter| counter.get() as f64;
    Counters {
        bytes_in: bytes(&metrics.produced_bytes),
        bytes_out: bytes(&metrics.fetched_bytes),
        replication_out: bytes(&metrics.replication.bytes_out),
        replication_in: bytes(&metrics.replication.bytes_in),
        cpu_seconds: process::cpu_seconds().unwrap_or(0.0),
    }
}

pub(super) async fn of(broker: &Broker, rates: &Rates, started: Instant) -> v1::BrokerMeasures {
    let now = counters(&broker.metrics);
    let flow = rates.per_second(Instant::now(), now);
    process::observe(&broker.metrics);
    let space = describe_log_dirs::space(broker).await;
    let (opened, total) = broker.health.logs();
    let state = rows::own_state(broker);
    v1::BrokerMeasures {
        at_ms: clock::now().0,
        disk_used_bytes: u64::try_from(broker.metrics.log_bytes.get()).unwrap_or(0),
        disk_free_bytes: space.map_or(0, |space| space.free),
        disk_total_bytes: space.map_or(0, |space| space.total),
        disk_failed: broker.health.alive().is_err(),
        bytes_in_per_second: flow.bytes_in,
        bytes_out_per_second: flow.bytes_out,
        replication_bytes_out_per_second: flow.replication_out,
        replication_bytes_in_per_second: flow.replication_in,
        cpu_cores: flow.cpu_seconds,
        resident_bytes: u64::try_from(broker.metrics.resident_bytes.get()).unwrap_or(0),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: state.into(),
        recovery: (state == v1::BrokerState::Recovering)
            .then_some(v1::Recovery { logs_opened: opened as u64, logs_total: total as u64 }),
        metadata_index: latest(broker).0,
        uptime_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}
