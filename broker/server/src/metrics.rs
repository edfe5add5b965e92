//! Every metric of the broker, registered in one place. Children with labels are resolved once, never per request.

use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::net::admission::Refusal;

/// What is wrong with input we refused; the label of `weir_bad_input_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadInput {
    Frame,
    Header,
    UnknownApi,
    UnsupportedVersion,
    Body,
    Records,
}

impl BadInput {
    const ALL: [Self; 6] =
        [Self::Frame, Self::Header, Self::UnknownApi, Self::UnsupportedVersion, Self::Body, Self::Records];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Header => "header",
            Self::UnknownApi => "unknown_api",
            Self::UnsupportedVersion => "unsupported_version",
            Self::Body => "body",
            Self::Records => "records",
        }
    }
}

/// The broker's metrics. Made once, shared behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) connections: IntGauge,
    pub(crate) connections_total: IntCounter,
    pub(crate) connections_refused: IntCounterVec,
    pub(crate) bad_input: IntCounterVec,
    pub(crate) peers_refused: IntCounterVec,
    pub(crate) active_controller: IntGauge,
    pub(crate) fenced: IntGauge,
    pub(crate) requests: IntCounterVec,
    pub(crate) request_seconds: HistogramVec,
    pub(crate) produced_bytes: IntCounter,
    pub(crate) produced_batches: IntCounter,
    pub(crate) produced_records: IntCounter,
    pub(crate) fetched_bytes: IntCounter,
    pub(crate) replication: Replication,
    pub(crate) sync_seconds: Histogram,
    pub(crate) shared_syncs: IntCounter,
    pub(crate) shared_sync_jobs: IntCounter,
    pub(crate) topics: IntGauge,
    pub(crate) partitions: IntGauge,
    pub(crate) offline_partitions: IntGauge,
    pub(crate) groups: IntGauge,
    pub(crate) log_dir_failed: IntGauge,
    pub(crate) damage: Damage,
    pub(crate) log_bytes: IntGauge,
    pub(crate) disk_free_bytes: IntGauge,
    pub(crate) disk_total_bytes: IntGauge,
    pub(crate) budget_free_bytes: IntGauge,
    pub(crate) resident_bytes: IntGauge,
    pub(crate) ready: IntGauge,
    pub(crate) recovery_seconds: Gauge,
}

/// What tells of following and being followed.
#[derive(Debug)]
pub(crate) struct Replication {
    pub(crate) bytes_in: IntCounter,
    pub(crate) bytes_out: IntCounter,
    pub(crate) lag_max: IntGauge,
    pub(crate) leaders: IntGauge,
    pub(crate) under_replicated: IntGauge,
    pub(crate) isr_shrinks: IntCounter,
    pub(crate) isr_expands: IntCounter,
}

impl Replication {
    fn register(at: &Registrar) -> Result<Self, prometheus::Error> {
        Ok(Self {
            bytes_in: at
                .counter("weir_replication_bytes_in_total", "bytes of record batches fetched from leaders")?,
            bytes_out: at
                .counter("weir_replication_bytes_out_total", "bytes of record batches sent to followers")?,
            lag_max: at.gauge(
                "weir_replication_lag_max_records",
                "the most committed records that a replica here has yet to fetch",
            )?,
            leaders: at.gauge("weir_leaders", "partitions that this broker leads")?,
            under_replicated: at.gauge(
                "weir_under_replicated_partitions",
                "partitions led here with a replica that is not in sync",
            )?,
            isr_shrinks: at.counter(
                "weir_isr_shrinks_total",
                "proposals of leaders here to take replicas out of their ISR",
            )?,
            isr_expands: at.counter(
                "weir_isr_expands_total",
                "proposals of leaders here to add replicas to their ISR",
            )?,
        })
    }
}

/// What tells of data that is not what was written.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) scrubbed_bytes: IntCounter,
    pub(crate) found: IntCounter,
    pub(crate) partitions: IntGauge,
    pub(crate) repaired: IntCounter,
}

impl Damage {
    fn register(at: &Registrar) -> Result<Self, prometheus::Error> {
        Ok(Self {
            scrubbed_bytes: at.counter(
                "weir_log_scrubbed_bytes_total",
                "bytes of closed segments that were read again to check them",
            )?,
            found: at.counter("weir_log_damage_found_total", "damaged stretches found in logs here")?,
            partitions: at
                .gauge("weir_log_damaged_partitions", "replicas here with a damaged stretch in their log")?,
            repaired: at.counter(
                "weir_log_damage_repaired_total",
                "logs that were cut below what was damaged, to be fetched from their leader again",
            )?,
        })
    }
}

/// Latency buckets from a tenth of a millisecond to ten seconds.
const SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The words of `weir_peers_refused_total`: who did not come right, and what was wrong with a call.
const PEERS_REFUSED: [&str; 11] = [
    "bad_header",
    "other_cluster",
    "other_target",
    "other_incarnation",
    "not_http2",
    "silent",
    "too_many",
    "copied_disk",
    "bad_message",
    "not_a_member",
    "impostor",
];

impl Metrics {
    pub(crate) fn register() -> Result<Self, prometheus::Error> {
        let at = Registrar { registry: Registry::new() };
        Ok(Self {
            connections: at.gauge("weir_connections", "client connections open now")?,
            connections_total: at.counter("weir_connections_total", "client connections accepted")?,
            connections_refused: at.counters(
                "weir_connections_refused_total",
                "connections closed at once, by the setting that bounds them",
                "limit",
                Refusal::ALL.map(Refusal::as_str),
            )?,
            bad_input: at.counters(
                "weir_bad_input_total",
                "requests refused or connections closed for malformed input",
                "kind",
                BadInput::ALL.map(BadInput::as_str),
            )?,
            peers_refused: at.counters(
                "weir_peers_refused_total",
                "connections and calls refused on the peer and admin listeners, by what was wrong with them",
                "why",
                PEERS_REFUSED,
            )?,
            active_controller: at.gauge("weir_active_controller", "1 on the broker that decides")?,
            fenced: at.gauge("weir_fenced", "1 while the cluster does not count on this broker")?,
            requests: at.counters("weir_requests_total", "requests answered", "api", [])?,
            request_seconds: at.histograms(
                "weir_request_seconds",
                "time from a request's last byte to its answer's hand-over to the socket",
                "api",
            )?,
            produced_bytes: at.counter("weir_produced_bytes_total", "bytes of record batches appended")?,
            produced_batches: at.counter("weir_produced_batches_total", "record batches appended")?,
            produced_records: at.counter("weir_produced_records_total", "records appended")?,
            fetched_bytes: at
                .counter("weir_fetched_bytes_total", "bytes of record batches sent to consumers")?,
            replication: Replication::register(&at)?,
            sync_seconds: at.histogram(
                "weir_log_sync_seconds",
                "time from when a partition wants its log synced until it is",
            )?,
            shared_syncs: at.counter(
                "weir_log_shared_syncs_total",
                "syncs of the whole file system, in place of those of many partitions",
            )?,
            shared_sync_jobs: at.counter(
                "weir_log_shared_sync_jobs_total",
                "syncs of partitions that were done by one of the whole file system",
            )?,
            topics: at.gauge("weir_topics", "topics in the cluster's metadata")?,
            partitions: at.gauge("weir_partitions", "partition replicas on this broker")?,
            offline_partitions: at
                .gauge("weir_offline_partitions", "replicas whose log could not be opened")?,
            groups: at.gauge("weir_groups", "consumer groups this broker coordinates")?,
            log_dir_failed: at
                .gauge("weir_log_dir_failed", "1 after an I/O error stopped the data directory")?,
            damage: Damage::register(&at)?,
            log_bytes: at.gauge("weir_log_bytes", "bytes of all partition logs")?,
            disk_free_bytes: at
                .gauge("weir_disk_free_bytes", "bytes free on the data directory's file system")?,
            disk_total_bytes: at
                .gauge("weir_disk_total_bytes", "size of the data directory's file system")?,
            budget_free_bytes: at
                .gauge("weir_request_budget_free_bytes", "bytes of queued.max.request.bytes not in use")?,
            resident_bytes: at.gauge("process_resident_memory_bytes", "resident memory")?,
            ready: at.gauge("weir_ready", "1 when the broker serves clients")?,
            recovery_seconds: at
                .float("weir_recovery_seconds", "time the last start took to open all logs")?,
            registry: at.registry,
        })
    }

    /// All of them as they are now.
    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

struct Registrar {
    registry: Registry,
}

impl Registrar {
    fn keep<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: C,
    ) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::new(name, help)?)
    }

    fn float(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::new(name, help)?)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::new(name, help)?)
    }

    /// Those whose words are known count from nothing: a series that begins with its first event shows no increase.
    fn counters<const N: usize>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        words: [&str; N],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let counters = self.keep(IntCounterVec::new(Opts::new(name, help), &[label])?)?;
        for word in words {
            counters.get_metric_with_label_values(&[word])?;
        }
        Ok(counters)
    }

    fn histogram(&self, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
        self.keep(Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()))?)
    }

    fn histograms(&self, name: &str, help: &str, label: &str) -> Result<HistogramVec, prometheus::Error> {
        self.keep(HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), &[label])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_registers_once() {
        let metrics = Metrics::register().unwrap();
        metrics.bad_input.with_label_values(&[BadInput::Frame.as_str()]).inc();
        let found = metrics.gather();
        let refused = found.iter().find(|family| family.name() == "weir_bad_input_total").unwrap();
        let frames = refused.get_metric().iter().find(|m| m.get_label()[0].value() == "frame").unwrap();
        assert_eq!(frames.get_counter().get_value(), 1.0, "its children come in no order");
    }
}
