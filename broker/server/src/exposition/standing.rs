//! How the cluster stands as this broker sees it, how busy this process is, and how far groups are behind.

use tokio::runtime::Handle;

use super::collect::GroupLags;
use super::families::{Families, real, records};
use super::lag::by_topic;
use crate::broker::Broker;
use crate::process;

/// The name and the help of what could not be found out.
pub(super) const LAG_UNKNOWN: (&str, &str) = (
    "weir_group_lag_unknown",
    "committed offsets of groups coordinated here whose lag could not be found out: no leader, or no answer in time",
);

/// What this process is and does.
pub(super) fn add_process(families: &Families) -> Result<(), prometheus::Error> {
    let version = [([env!("CARGO_PKG_VERSION").to_owned()], 1.0)];
    families.gauges("weir_build_info", "always 1, with the version that runs", ["version"], version)?;
    if let Some(seconds) = process::cpu_seconds() {
        families.counter("process_cpu_seconds_total", "user and system time spent", seconds)?;
    }
    let runtime = Handle::current().metrics();
    let workers = runtime.num_workers();
    let busy: f64 = (0..workers).map(|one| runtime.worker_total_busy_duration(one).as_secs_f64()).sum();
    families.float("weir_workers", "threads that serve requests", real(workers))?;
    families.counter(
        "weir_worker_busy_seconds_total",
        "time these threads spent working; the rest they waited",
        busy,
    )
}

/// How the cluster stands.
pub(super) fn add(families: &Families, broker: &Broker) -> Result<(), prometheus::Error> {
    let image = broker.image();
    let all = image.brokers().count();
    let active = image.brokers().filter(|registered| registered.is_active()).count();
    families.gauges(
        "weir_brokers",
        "registered brokers, by whether the cluster counts on them",
        ["state"],
        [("active", active), ("fenced", all - active)]
            .map(|(state, count)| ([state.to_owned()], real(count))),
    )?;
    families.float(
        "weir_leaderless_partitions",
        "partitions in the cluster that nobody leads: they take no reads and no writes",
        real(image.leaderless_count()),
    )?;
    families.float(
        "weir_moving_partitions",
        "partitions in the cluster whose replicas are being moved",
        real(image.moving_count()),
    )?;
    let lacking = image.led_by(broker.id).filter(|(topic, _, partition)| {
        partition.isr.len() < partition.replicas.len()
            && partition.isr.len() < image.min_isr(topic, &broker.file)
    });
    families.float(
        "weir_under_min_isr_partitions",
        "partitions led here with fewer replicas in sync than min.insync.replicas: acks=all writes are refused",
        real(lacking.count()),
    )
}

pub(super) fn add_lags(families: &Families, lags: &GroupLags) -> Result<(), prometheus::Error> {
    let sums = by_topic(&lags.lags);
    let labels = |(group, topic): &(&str, &str)| [(*group).to_owned(), (*topic).to_owned()];
    families.gauges(
        "weir_group_lag_records",
        "records between a group's committed offsets and the ends of a topic's partitions",
        ["group", "topic"],
        sums.iter().map(|(names, sum)| (labels(names), records(sum.records))),
    )?;
    families.gauges(
        "weir_group_lag_seconds",
        "how long the oldest record that a group has not committed yet has been in the topic, to within a batch",
        ["group", "topic"],
        sums.iter().filter_map(|(names, sum)| Some((labels(names), sum.waited?.as_secs_f64()))),
    )?;
    families.float(LAG_UNKNOWN.0, LAG_UNKNOWN.1, real(lags.unknown))
}
