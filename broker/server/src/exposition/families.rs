//! Families that are made when somebody looks, from rows. Decides names and labels; the encoding is the library's.

use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, GaugeVec, IntGauge, Opts, Registry};

/// Families of one look.
#[derive(Debug, Default)]
pub(super) struct Families {
    registry: Registry,
}

impl Families {
    pub(super) fn gauge(&self, name: &str, help: &str, value: i64) -> Result<(), prometheus::Error> {
        let gauge = IntGauge::new(name, help)?;
        gauge.set(value);
        self.registry.register(Box::new(gauge))
    }

    pub(super) fn float(&self, name: &str, help: &str, value: f64) -> Result<(), prometheus::Error> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        self.registry.register(Box::new(gauge))
    }

    pub(super) fn counter(&self, name: &str, help: &str, value: f64) -> Result<(), prometheus::Error> {
        let counter = Counter::new(name, help)?;
        counter.inc_by(value);
        self.registry.register(Box::new(counter))
    }

    /// A row for each set of labels. Of two rows with the same labels the last one counts.
    pub(super) fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        rows: impl IntoIterator<Item = ([String; N], f64)>,
    ) -> Result<(), prometheus::Error> {
        let family = GaugeVec::new(Opts::new(name, help), &labels)?;
        for (values, value) in rows {
            family.get_metric_with_label_values(&values)?.set(value);
        }
        self.registry.register(Box::new(family))
    }

    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// Counts as Prometheus keeps them.
#[expect(clippy::cast_precision_loss, reason = "Prometheus keeps 53 bits of everything")]
pub(super) fn records(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus keeps 53 bits of everything")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}
