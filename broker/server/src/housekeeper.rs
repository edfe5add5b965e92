//! Reminds partitions of what they do on their own account: retention at its interval, compaction at the cleaner's. Keeps
//! the gauges that nobody changes as things happen, and the rates of partitions. Only retention asks every partition, and
//! only rates look at each of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use weir_model::DurationMs;

use crate::broker::Broker;
use crate::clock;
use crate::groups::ShardHandle;
use crate::partition::{Command, PartitionHandle};

/// How often sizes are counted.
const GAUGES_EVERY: Duration = Duration::from_secs(10);
/// The shortest interval that settings can ask for.
const LEAST: Duration = Duration::from_millis(100);
/// And the longest; what is longer is as good as never.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Runs until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let started = Instant::now();
    let (mut retention, mut cleaning, mut gauges) = (started, started, started);
    loop {
        // The intervals are read anew each time: the cleaner's can be changed while the broker runs.
        let config = broker.config();
        let retention_due = retention + period(config.retention_check_interval);
        let cleaning_due = cleaning + period(config.cleaner_backoff);
        tokio::select! {
            () = broker.stop.cancelled() => return,
            () = sleep_until(retention_due) => {
                remind(broker.partitions.running()).await;
                retention = Instant::now();
            }
            () = sleep_until(cleaning_due) => {
                remind(broker.partitions.compacted()).await;
                cleaning = Instant::now();
            }
            () = sleep_until(gauges) => {
                count(&broker).await;
                gauges = Instant::now() + GAUGES_EVERY;
            }
        }
    }
}

fn period(span: DurationMs) -> Duration {
    Duration::from_millis(u64::try_from(span.0).unwrap_or(0)).clamp(LEAST, LONGEST)
}

async fn remind(partitions: Vec<PartitionHandle>) {
    for partition in partitions {
        let _ = partition.send(Command::Housekeep).await;
    }
}

async fn count(broker: &Broker) {
    let metrics = &broker.metrics;
    let lag = broker.partitions.lagging().most();
    metrics.replication.lag_max.set(i64::try_from(lag).unwrap_or(i64::MAX));
    count_replicas(broker);
    broker.partitions.glance(|running| broker.flows.look(clock::steady(), running));
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

fn count_replicas(broker: &Broker) {
    let image = broker.image();
    let leaders = image.leader_count(broker.id);
    let lacking = image.under_replicated_count(broker.id);
    broker.metrics.replication.leaders.set(i64::try_from(leaders).unwrap_or(i64::MAX));
    broker.metrics.replication.under_replicated.set(i64::try_from(lacking).unwrap_or(i64::MAX));
}
