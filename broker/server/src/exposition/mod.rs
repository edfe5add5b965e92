//! What is found out when somebody looks at the metrics, beside the counters that are always kept: how far groups are
//! behind (`collect` asks, `lag` counts), how the cluster stands (`standing`), each partition by name (`detailed`), and the
//! names that dashboards for Kafka ask for (`kafka_names`). Changes nothing, and costs nothing while nobody looks.

mod collect;
mod detailed;
mod families;
mod kafka_names;
mod lag;
mod standing;

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;
use tokio::sync::Mutex;

use self::collect::{GroupLags, group_lags};
use self::families::Families;
use crate::broker::Broker;
use crate::clock;
use crate::metrics::Metrics;
use crate::process;

/// For how long what groups' lag was found to be is shown again: several who scrape cost as much as one.
const FRESH: Duration = Duration::from_secs(2);
/// How long finding out may take; the rest of the metrics does not wait for it any longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the metrics endpoints show.
#[derive(Debug)]
pub(crate) struct Exposition {
    metrics: Arc<Metrics>,
    broker: OnceLock<Weak<Broker>>,
    seen: Mutex<Option<(Instant, Arc<GroupLags>)>>,
}

impl Exposition {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, broker: OnceLock::new(), seen: Mutex::default() }
    }

    /// From now on there is a broker to look at.
    pub(crate) fn is_about(&self, broker: &Arc<Broker>) {
        let _ = self.broker.set(Arc::downgrade(broker));
    }

    /// What every Prometheus may scrape: a series more for each group and topic it reads, and nothing for each partition.
    pub(crate) async fn summary(&self) -> Result<String, prometheus::Error> {
        process::observe(&self.metrics);
        let families = Families::default();
        standing::add_process(&families)?;
        if let Some(broker) = self.broker() {
            standing::add(&families, &broker)?;
            kafka_names::add(&families, &broker)?;
            match self.lags(&broker).await {
                Some(lags) => standing::add_lags(&families, &lags)?,
                None => families.gauge(standing::LAG_UNKNOWN.0, standing::LAG_UNKNOWN.1, 1)?,
            }
        }
        let mut found = self.metrics.gather();
        found.extend(families.gather());
        encode(&found)
    }

    /// Each partition that is led here, and each one that a group coordinated here reads.
    pub(crate) async fn detailed(&self) -> Result<String, prometheus::Error> {
        let Some(broker) = self.broker() else { return Ok(String::new()) };
        let families = Families::default();
        detailed::add_partitions(&families, &broker).await?;
        if let Some(lags) = self.lags(&broker).await {
            detailed::add_lags(&families, &lags)?;
        }
        encode(&families.gather())
    }

    fn broker(&self) -> Option<Arc<Broker>> {
        self.broker.get()?.upgrade()
    }

    /// Found out once for all who ask at the same time; nothing when that takes too long.
    async fn lags(&self, broker: &Broker) -> Option<Arc<GroupLags>> {
        let mut seen = self.seen.lock().await;
        if let Some((at, lags)) = &*seen
            && at.elapsed() < FRESH
        {
            return Some(Arc::clone(lags));
        }
        let found = tokio::time::timeout(PATIENCE, group_lags(broker, clock::now())).await.ok()?;
        let found = Arc::new(found);
        *seen = Some((Instant::now(), Arc::clone(&found)));
        Some(found)
    }
}

fn encode(families: &[MetricFamily]) -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(families)
}
