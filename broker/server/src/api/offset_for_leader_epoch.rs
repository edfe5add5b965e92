//! OffsetForLeaderEpoch: where a reign ended, so that a client can tell whether the log it read was cut.

use weir_core::controller::Image;
use weir_core::partition::EpochEnd;
use weir_model::{LeaderEpoch, PartitionIndex};
use weir_wire::ErrorCode;
use weir_wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

use super::errors;
use crate::broker::Broker;
use crate::dispatch::Caller;
use crate::partition::Command;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let image = broker.image();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let end = find(broker, &image, &topic.topic, asked).await;
            partitions.push(answer(asked.partition, end));
        }
        topics.push(OffsetForLeaderTopicResult { topic: topic.topic, partitions });
    }
    OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() }
}

async fn find(
    broker: &Broker,
    image: &Image,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<EpochEnd>, ErrorCode> {
    let index = PartitionIndex(asked.partition);
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let current = Some(LeaderEpoch(asked.current_leader_epoch)).filter(|epoch| epoch.0 >= 0);
    let owner = broker.partition(topic, index).map_err(|error| errors::of_partition(&error))?;
    let asked = LeaderEpoch(asked.leader_epoch);
    owner
        .ask(|answer| Command::EpochEnd { asked, current, answer })
        .await
        .map_err(|error| errors::of_partition(&error))
}

fn answer(partition: i32, end: Result<Option<EpochEnd>, ErrorCode>) -> EpochEndOffset {
    let unknown = EpochEndOffset { partition, leader_epoch: -1, end_offset: -1, ..EpochEndOffset::default() };
    match end {
        Ok(Some(EpochEnd { epoch, end })) => {
            EpochEndOffset { leader_epoch: epoch.0, end_offset: end.0, ..unknown }
        }
        Ok(None) => unknown,
        Err(code) => EpochEndOffset { error_code: code.into(), ..unknown },
    }
}
