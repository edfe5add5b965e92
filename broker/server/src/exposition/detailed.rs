//! A series for each partition: for whoever wants to know which one. Too many for a scrape every few seconds of a large
//! cluster, which is why they are apart.

use weir_model::Offset;

use super::collect::GroupLags;
use super::families::{Families, real, records};
use super::lag::Lag;
use crate::broker::Broker;
use crate::peers::{StandsAt, measure_here};

pub(super) async fn add_partitions(families: &Families, broker: &Broker) -> Result<(), prometheus::Error> {
    let image = broker.image();
    let led: Vec<_> = image.led_by(broker.id).collect();
    let labels = |row: usize| {
        let (topic, index, _) = led[row];
        [topic.name.to_string(), index.to_string()]
    };
    let stands = led.iter().map(|(topic, index, _)| StandsAt {
        topic: topic.id,
        index: *index,
        offset: Offset(i64::MAX),
    });
    let ends = measure_here(&broker.partitions, stands.collect()).await;
    let known = ends.iter().enumerate().filter_map(|(row, end)| Some((row, end.as_ref()?.end)));
    families.gauges(
        "kafka_topic_partition_current_offset",
        "the end of a partition that is led here, as far as it may be read",
        ["topic", "partition"],
        known.map(|(row, end)| (labels(row), records(u64::try_from(end.0).unwrap_or(0)))),
    )?;
    families.gauges(
        "kafka_topic_partition_in_sync_replica",
        "replicas in sync of a partition that is led here",
        ["topic", "partition"],
        led.iter().enumerate().map(|(row, (_, _, partition))| (labels(row), real(partition.isr.len()))),
    )?;
    families.gauges(
        "kafka_topic_partition_under_replicated_partition",
        "1 for a partition led here with a replica that is not in sync",
        ["topic", "partition"],
        led.iter().enumerate().map(|(row, (_, _, partition))| {
            (labels(row), f64::from(u8::from(partition.isr.len() < partition.replicas.len())))
        }),
    )?;
    let logs = broker.partitions.running();
    let named = logs.iter().filter_map(|log| {
        let topic = image.topic_by_id(log.topic)?;
        Some(([topic.name.to_string(), log.partition.to_string()], records(log.bytes())))
    });
    families.gauges(
        "weir_partition_bytes",
        "bytes of a replica's log on this broker",
        ["topic", "partition"],
        named,
    )
}

pub(super) fn add_lags(families: &Families, lags: &GroupLags) -> Result<(), prometheus::Error> {
    let names = ["consumergroup", "topic", "partition"];
    let labels = |lag: &Lag| [lag.group.clone(), lag.topic.to_string(), lag.partition.to_string()];
    let lags = &lags.lags;
    families.gauges(
        "kafka_consumergroup_lag",
        "records between a group's committed offset and the end of a partition",
        names,
        lags.iter().map(|lag| (labels(lag), records(lag.records))),
    )?;
    families.gauges(
        "kafka_consumergroup_current_offset",
        "a group's committed offset in a partition",
        names,
        lags.iter().map(|lag| (labels(lag), records(u64::try_from(lag.committed.0).unwrap_or(0)))),
    )?;
    families.gauges(
        "weir_group_partition_lag_seconds",
        "how long the first record of a partition that a group has not committed has been there, to within a batch",
        names,
        lags.iter().filter_map(|lag| Some((labels(lag), lag.waited?.as_secs_f64()))),
    )
}
