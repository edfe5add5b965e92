//! Reminds partitions of what they do on their own account: retention at its interval, compaction at the cleaner's.
//! Keeps the gauges that are costly to know per event.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use weir_model::DurationMs;

use crate::broker::Broker;
use crate::groups::ShardHandle;
use crate::partition::Command;

/// How often sizes are counted.
const GAUGES_EVERY: Duration = Duration::from_secs(10);
/// The shortest interval that settings can ask for.
const LEAST: Duration = Duration::from_millis(100);

/// Runs until the broker stops. Interval settings are read at the start.
pub(crate) async fn run(broker: Arc<Broker>) {
    let config = broker.config();
    let mut retention = every(config.retention_check_interval);
    let mut cleaning = every(config.cleaner_backoff);
    let mut gauges = interval_at(Instant::now(), GAUGES_EVERY);
    loop {
        tokio::select! {
            () = broker.stop.cancelled() => return,
            _ = retention.tick() => remind(&broker, |_| true).await,
            _ = cleaning.tick() => remind(&broker, |compacted| compacted).await,
            _ = gauges.tick() => count(&broker).await,
        }
    }
}

fn every(span: DurationMs) -> tokio::time::Interval {
    let period = Duration::from_millis(u64::try_from(span.0).unwrap_or(u64::MAX)).clamp(LEAST, Duration::from_secs(86_400));
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn remind(broker: &Broker, which: impl Fn(bool) -> bool) {
    for partition in broker.partitions.running() {
        if which(partition.rules().require_keys) {
            let _ = partition.send(Command::Housekeep).await;
        }
    }
}

async fn count(broker: &Broker) {
    let metrics = &broker.metrics;
    let bytes: u64 = broker.partitions.running().iter().map(|partition| partition.bytes()).sum();
    metrics.log_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    metrics.budget_free_bytes.set(i64::try_from(broker.request_budget.free()).unwrap_or(i64::MAX));
    let mut groups = 0;
    for shard in broker.coordinators.shards().into_iter().filter(ShardHandle::is_loaded) {
        groups += shard.look(|groups| groups.list(&[], &[]).map_or(0, |list| list.len())).await.unwrap_or(0);
    }
    metrics.groups.set(i64::try_from(groups).unwrap_or(i64::MAX));
    let data = Arc::clone(&broker.data);
    if let Ok(Ok(space)) = tokio::task::spawn_blocking(move || data.space()).await {
        metrics.disk_free_bytes.set(i64::try_from(space.free).unwrap_or(i64::MAX));
        metrics.disk_total_bytes.set(i64::try_from(space.total).unwrap_or(i64::MAX));
    }
}
