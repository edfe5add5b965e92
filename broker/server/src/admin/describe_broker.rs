//! DescribeBroker: what this one broker knows of itself alone.

use std::collections::BTreeSet;

use weir_admin::admin::v1;

use super::batch::check_size;
use super::measures;
use super::refusal::Refused;
use super::service::AdminService;
use super::words::{broker_ref, check_cluster, partition, partition_ref};
use crate::api::cluster_id;
use crate::partition::PartitionHandle;

pub(super) async fn handle(
    service: &AdminService,
    request: v1::DescribeBrokerRequest,
) -> Result<v1::DescribeBrokerReply, Refused> {
    let broker = &service.broker;
    let image = broker.image();
    check_cluster(&image, &request.cluster_id)?;
    check_size("partitions", request.only.len())?;
    let logs = if request.with_logs {
        let _turn = service.bounds.turn().await;
        logs(broker.partitions.running(), &request.only)?
    } else {
        Vec::new()
    };
    Ok(v1::DescribeBrokerReply {
        broker: Some(broker_ref(broker.id, broker.data.incarnation())),
        cluster_id: image.cluster_id().map(cluster_id::as_text).unwrap_or_default(),
        measures: Some(measures::of(broker, &service.rates, service.started).await),
        logs,
    })
}

fn logs(running: Vec<PartitionHandle>, only: &[v1::PartitionRef]) -> Result<Vec<v1::LogMeasures>, Refused> {
    let wanted: BTreeSet<_> = only.iter().map(|one| partition(Some(one))).collect::<Result<_, _>>()?;
    let here =
        running.into_iter().filter(|log| wanted.is_empty() || wanted.contains(&(log.topic, log.partition)));
    let mut logs: Vec<_> = here.map(|log| (log.topic, log.partition, log.bytes())).collect();
    logs.sort_unstable();
    let rows = logs.into_iter().map(|(topic, index, size_bytes)| v1::LogMeasures {
        partition: Some(partition_ref(topic, index)),
        size_bytes,
    });
    Ok(rows.collect())
}
