//! DeleteRecords: moves the start of a log.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use weir_core::controller::Image;
use weir_model::{Offset, PartitionIndex};
use weir_wire::ErrorCode;
use weir_wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};

use super::errors;
use crate::broker::Broker;
use crate::dispatch::Caller;
use crate::partition::Command;

/// How long a deletion may wait for the log to be committed so far: what the client asks, within reason.
const TIMEOUT_MS: (i32, i32) = (1_000, 5 * 60 * 1_000);

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let image = broker.image();
    let patience =
        Duration::from_millis(request.timeout_ms.clamp(TIMEOUT_MS.0, TIMEOUT_MS.1).unsigned_abs().into());
    let deadline = Instant::now() + patience;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let deleted = timeout_at(deadline, delete(broker, &image, &topic.name, asked)).await;
            let (low_watermark, code) = match deleted.unwrap_or(Err(ErrorCode::RequestTimedOut)) {
                Ok(start) => (start.0, ErrorCode::None),
                Err(code) => (-1, code),
            };
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark,
                error_code: code.into(),
            });
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }
}

async fn delete(
    broker: &Broker,
    image: &Image,
    topic: &str,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, ErrorCode> {
    let index = PartitionIndex(asked.partition_index);
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let before = up_to(asked.offset)?;
    let owner = broker.partition(topic, index).map_err(|error| errors::of_partition(&error))?;
    owner
        .ask(|answer| Command::DeleteRecords { before, answer })
        .await
        .map_err(|error| errors::of_partition(&error))
}

/// -1 stands for the high watermark.
fn up_to(offset: i64) -> Result<Option<Offset>, ErrorCode> {
    match offset {
        -1 => Ok(None),
        0.. => Ok(Some(Offset(offset))),
        _ => Err(ErrorCode::OffsetOutOfRange),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_means_the_watermark_and_other_negatives_nothing() {
        assert_eq!(up_to(-1), Ok(None));
        assert_eq!(up_to(7), Ok(Some(Offset(7))));
        assert_eq!(up_to(-2), Err(ErrorCode::OffsetOutOfRange));
    }
}
