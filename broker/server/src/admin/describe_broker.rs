//! DescribeBroker: what this one broker knows of itself alone.

use std::collections::BTreeSet;

use weir_admin::admin::v1;
use weir_model::{PartitionIndex, TopicId};

use super::batch::check_size;
use super::measures;
use super::refusal::Refused;
use super::service::AdminService;
use super::words::{broker_ref, check_cluster, partition, partition_ref};
use crate::api::cluster_id;
use crate::broker::Broker;
use crate::partition::flows::Flow;
use crate::partition::traffic::Flowed;

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
        logs(broker, &request.only)?
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

fn logs(broker: &Broker, only: &[v1::PartitionRef]) -> Result<Vec<v1::LogMeasures>, Refused> {
    let wanted: BTreeSet<_> = only.iter().map(|one| partition(Some(one))).collect::<Result<_, _>>()?;
    let running = broker.partitions.running();
    let here = running.iter().filter(|log| wanted.is_empty() || wanted.contains(&(log.topic, log.partition)));
    let flows = broker.flows.kept();
    let mut logs: Vec<_> = here.map(|log| ((log.topic, log.partition), log.bytes(), flows.of(log))).collect();
    drop(flows);
    logs.sort_unstable_by_key(|(key, ..)| *key);
    Ok(logs.into_iter().map(|((topic, index), bytes, flow)| row(topic, index, bytes, flow)).collect())
}

fn row(topic: TopicId, index: PartitionIndex, size_bytes: u64, flow: Flow) -> v1::LogMeasures {
    let rates = if let Flow::Known(rates) = flow { rates } else { Flowed::default() };
    // Most partitions of many are idle: they take no room for saying so.
    let some = |rate: u64| (rate > 0).then_some(rate);
    v1::LogMeasures {
        partition: Some(partition_ref(topic, index)),
        size_bytes,
        bytes_in_per_second: some(rates.produced),
        bytes_out_per_second: some(rates.sent),
        rates_unknown: flow == Flow::Young,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rates_that_are_known_and_not_nothing_take_room() {
        let said = |flow| {
            let row = row(TopicId(uuid::Uuid::nil()), PartitionIndex(0), 7, flow);
            assert_eq!(row.size_bytes, 7);
            (row.bytes_in_per_second, row.bytes_out_per_second, row.rates_unknown)
        };
        let known = |produced, sent| Flow::Known(Flowed { produced, sent });
        assert_eq!(said(known(3, 0)), (Some(3), None, false));
        assert_eq!(said(known(0, 4)), (None, Some(4), false));
        assert_eq!(said(known(0, 0)), (None, None, false));
        assert_eq!(said(Flow::Young), (None, None, true));
        assert_eq!(said(Flow::Elsewhere), (None, None, false));
    }
}
