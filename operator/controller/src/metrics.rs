//! Every metric of the operator, registered in one place. Decides nothing.

mod scaling;

use std::time::Duration;

use http::StatusCode;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use k8s_openapi::jiff::Timestamp;
use weir_operator_api::{ClusterSpec, ClusterStatus, OperationKind};
use weir_operator_plan::Left;
use weir_operator_plan::scaling::Judgement;

use self::scaling::Scaling;

use crate::client::Verb;
use crate::key::ClusterKey;

/// How a call to the API server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Refused,
    Failed,
    Unreachable,
    Fenced,
}

impl Outcome {
    /// By the status that was answered, if any was.
    pub(crate) fn of(status: Option<StatusCode>) -> Self {
        match status {
            None => Self::Unreachable,
            Some(status) if status.is_client_error() => Self::Refused,
            Some(status) if status.is_server_error() => Self::Failed,
            Some(_) => Self::Ok,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Fenced => "fenced",
        }
    }
}

/// Why a reconciliation failed; the label of `weir_operator_reconcile_errors_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The user has to change something.
    Invalid,
    /// The API server refused.
    Refused,
    /// Somebody else wrote at the same moment.
    Conflict,
    /// The API server was out of reach or had a failure of its own.
    Api,
    /// The lease was lost meanwhile.
    NotLeading,
    /// The brokers refused or were out of reach.
    Brokers,
}

impl Failure {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Api => "api",
            Self::NotLeading => "not_leading",
            Self::Brokers => "brokers",
        }
    }
}

/// The operator's metrics. Made once, shared behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) leader: IntGauge,
    pub(crate) reconciliations: IntCounterVec,
    pub(crate) errors: IntCounterVec,
    pub(crate) reconcile_seconds: Histogram,
    pub(crate) last_success: GaugeVec,
    pub(crate) operation_since: GaugeVec,
    pub(crate) brokers_desired: IntGaugeVec,
    pub(crate) brokers_ready: IntGaugeVec,
    pub(crate) topics: IntGaugeVec,
    api_calls: IntCounterVec,
    scaling: Scaling,
    resident_bytes: IntGauge,
    cpu_seconds: Gauge,
}

/// Registers one metric after another.
struct Registrar<'a>(&'a Registry);

impl Registrar<'_> {
    fn keep<M: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: M,
    ) -> Result<M, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn times(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.keep(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::new(name, help)?)
    }
}

const OBJECT: [&str; 3] = ["kind", "namespace", "name"];
const CLUSTER: [&str; 2] = ["namespace", "cluster"];

impl Metrics {
    pub(crate) fn register() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let at = Registrar(&registry);
        let info = at.gauges("weir_operator_build_info", "1, with the version as a label", &["version"])?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let seconds = HistogramOpts::new("weir_operator_reconcile_seconds", "How long reconciliations take")
            .buckets(prometheus::exponential_buckets(0.002, 2.5, 10)?);
        Ok(Self {
            leader: at.gauge("weir_operator_leader", "1 while this process holds the lease")?,
            reconciliations: at.counters(
                "weir_operator_reconciliations_total",
                "Reconciliations, by kind of object",
                &["kind"],
            )?,
            errors: at.counters(
                "weir_operator_reconcile_errors_total",
                "Reconciliations that failed, by kind of object and reason",
                &["kind", "reason"],
            )?,
            reconcile_seconds: at.keep(Histogram::with_opts(seconds)?)?,
            last_success: at.times(
                "weir_operator_last_success_timestamp_seconds",
                "When an object was last reconciled without an error",
                &OBJECT,
            )?,
            operation_since: at.times(
                "weir_operator_operation_started_timestamp_seconds",
                "Since when an operation is in progress; absent when none is",
                &["namespace", "cluster", "operation"],
            )?,
            brokers_desired: at.gauges(
                "weir_operator_brokers_desired",
                "Brokers that are wanted",
                &CLUSTER,
            )?,
            brokers_ready: at.gauges("weir_operator_brokers_ready", "Brokers that are ready", &CLUSTER)?,
            topics: at.gauges(
                "weir_operator_topics",
                "Topics of a cluster, by whether they are as declared",
                &["namespace", "cluster", "ready"],
            )?,
            api_calls: api_calls(&at)?,
            scaling: Scaling::register(&at)?,
            resident_bytes: at.gauge("process_resident_memory_bytes", "Memory that the process holds")?,
            cpu_seconds: at.keep(Gauge::new("process_cpu_seconds_total", "Processor time that was used")?)?,
            registry,
        })
    }

    /// Notes how one reconciliation went.
    pub(crate) fn reconciled(&self, kind: &str, key: &ClusterKey, took: Duration, failure: Option<Failure>) {
        self.reconciliations.with_label_values(&[kind]).inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
        match failure {
            Some(failure) => self.errors.with_label_values(&[kind, failure.as_str()]).inc(),
            None => {
                let now = Timestamp::now().as_duration().as_secs_f64();
                self.last_success.with_label_values(&[kind, &key.namespace, &key.name]).set(now);
            }
        }
    }

    /// Notes how many of a cluster's Topics are as declared.
    pub(crate) fn topics(&self, key: &ClusterKey, ready: usize, others: usize) {
        for (label, count) in [("true", ready), ("false", others)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.topics.with_label_values(&[&*key.namespace, &*key.name, label]).set(count);
        }
    }

    /// Notes what is wanted of a cluster, what there is, and what is being done about it.
    pub(crate) fn cluster(&self, key: &ClusterKey, spec: &ClusterSpec, status: &ClusterStatus) {
        let names = [&*key.namespace, &*key.name];
        let desired = status.autoscaling.as_ref().map_or(spec.replicas, |chosen| chosen.replicas);
        self.brokers_desired.with_label_values(&names).set(desired.into());
        self.brokers_ready.with_label_values(&names).set(status.ready_replicas.into());
        let operation = status.operation.as_ref();
        for kind in OperationKind::ALL {
            let labels = [names[0], names[1], kind.word()];
            match operation.filter(|operation| operation.kind == kind) {
                Some(operation) => {
                    let since = operation.started_at.as_ref().map_or_else(Timestamp::now, |at| at.0);
                    self.operation_since.with_label_values(&labels).set(since.as_duration().as_secs_f64());
                }
                // An error says that there was no such series.
                None => drop(self.operation_since.remove_label_values(&labels)),
            }
        }
    }

    /// Notes what is thought of the number of a cluster's brokers, and what moves.
    pub(crate) fn judged(&self, key: &ClusterKey, judgement: Option<&Judgement>, moving: Option<Left>) {
        self.scaling.judged(key, judgement, moving);
    }

    pub(crate) fn api_call(&self, verb: Verb, outcome: Outcome) {
        self.api_calls.with_label_values(&[verb.as_str(), outcome.as_str()]).inc();
    }

    /// Notes what the process uses now.
    pub(crate) fn observe_process(&self, resident_bytes: i64, cpu: Duration) {
        self.resident_bytes.set(resident_bytes);
        self.cpu_seconds.set(cpu.as_secs_f64());
    }

    /// Forgets the object, which is gone: its series end.
    pub(crate) fn forget(&self, kind: &str, namespace: &str, name: &str) {
        // An error says that there was no such series.
        let _ = self.last_success.remove_label_values(&[kind, namespace, name]);
        if kind == "Cluster" {
            self.scaling.forget([namespace, name]);
            let _ = self.brokers_desired.remove_label_values(&[namespace, name]);
            let _ = self.brokers_ready.remove_label_values(&[namespace, name]);
            for operation in OperationKind::ALL {
                let labels = [namespace, name, operation.word()];
                let _ = self.operation_since.remove_label_values(&labels);
            }
            for ready in ["true", "false"] {
                let _ = self.topics.remove_label_values(&[namespace, name, ready]);
            }
        }
    }

    /// The text that Prometheus reads.
    pub(crate) fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Every verb has its series from the start, so that a rate of nothing is 0 and not absent.
fn api_calls(at: &Registrar<'_>) -> Result<IntCounterVec, prometheus::Error> {
    let calls = at.counters(
        "weir_operator_api_calls_total",
        "Calls to the API server, by verb and outcome",
        &["verb", "outcome"],
    )?;
    for verb in Verb::ALL {
        calls.with_label_values(&[verb.as_str(), Outcome::Ok.as_str()]);
    }
    Ok(calls)
}
