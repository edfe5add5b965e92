//! DescribeProducers: the producers whose state a partition keeps. Any replica can answer.

use std::collections::BTreeSet;

use weir_core::controller::{Image, Topic};
use weir_core::partition::producers::ActiveProducer;
use weir_model::{PartitionIndex, TopicId, TopicName};
use weir_wire::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use weir_wire::{ErrorCode, Str};

use super::errors;
use super::refusal::Refusal;
use crate::broker::Broker;
use crate::dispatch::Caller;
use crate::partition::Command;

/// What stands for "no transaction" in the fields that speak of one.
const NO_TRANSACTION: i32 = -1;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let image = broker.image();
    let mut asked = BTreeSet::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for index in topic.partition_indexes.into_iter().map(PartitionIndex) {
            let producers = match find(&image, &topic.name, index, &mut asked) {
                Ok(topic) => ask(broker, topic, index).await,
                Err(refusal) => Err(refusal),
            };
            partitions.push(answer(index, producers));
        }
        topics.push(TopicResponse { name: topic.name, partitions });
    }
    DescribeProducersResponse { topics, ..DescribeProducersResponse::default() }
}

/// The topic of a partition that exists and was not asked for before: four bytes of request can ask for many
/// producers, so nobody gets them twice.
fn find<'a>(
    image: &'a Image,
    name: &str,
    index: PartitionIndex,
    asked: &mut BTreeSet<(TopicId, PartitionIndex)>,
) -> Result<&'a Topic, Refusal> {
    TopicName::new(name).map_err(|bad| Refusal::new(ErrorCode::InvalidTopicException, bad.to_string()))?;
    let unknown = |what: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, what);
    let topic = image.topic(name).ok_or_else(|| unknown(format!("there is no topic {name:?}")))?;
    topic.partition(index).ok_or_else(|| unknown(format!("topic {name:?} has no partition {index}")))?;
    if !asked.insert((topic.id, index)) {
        return Err(Refusal::invalid_request(format!("{name}-{index} occurs more than once in the request")));
    }
    Ok(topic)
}

async fn ask(broker: &Broker, topic: &Topic, index: PartitionIndex) -> Result<Vec<ActiveProducer>, Refusal> {
    let asked = match broker.partition(topic, index) {
        Ok(owner) => owner.ask(Command::Producers).await,
        Err(error) => Err(error),
    };
    asked.map_err(|error| Refusal::new(errors::of_partition(&error), error.to_string()))
}

fn answer(index: PartitionIndex, producers: Result<Vec<ActiveProducer>, Refusal>) -> PartitionResponse {
    match producers {
        Ok(producers) => PartitionResponse {
            partition_index: index.0,
            active_producers: producers.into_iter().map(state).collect(),
            ..PartitionResponse::default()
        },
        Err(refusal) => PartitionResponse {
            partition_index: index.0,
            error_code: refusal.code.into(),
            error_message: Some(Str::from(refusal.message)),
            ..PartitionResponse::default()
        },
    }
}

fn state(producer: ActiveProducer) -> ProducerState {
    ProducerState {
        producer_id: producer.id.0,
        producer_epoch: i32::from(producer.epoch.0),
        last_sequence: producer.last_sequence.0,
        last_timestamp: producer.last_timestamp.0,
        coordinator_epoch: NO_TRANSACTION,
        current_txn_start_offset: i64::from(NO_TRANSACTION),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_core::controller::{Partition, Record};
    use weir_model::{BrokerId, LeaderEpoch, Millis, PartitionEpoch, ProducerEpoch, ProducerId, Sequence};

    use super::*;

    fn image() -> Image {
        let id = TopicId(Uuid::from_u128(7));
        let state = Partition {
            replicas: vec![BrokerId(1)],
            isr: vec![BrokerId(1)],
            elr: Vec::new(),
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            ..Partition::default()
        };
        let mut image = Image::default();
        image.apply(&Record::TopicCreated { id, name: TopicName::new("t").unwrap() }).unwrap();
        image.apply(&Record::PartitionChanged { topic: id, index: PartitionIndex(0), state }).unwrap();
        image
    }

    #[test]
    fn partitions_that_do_not_exist_and_those_asked_for_again_are_refused() {
        let (image, mut asked) = (image(), BTreeSet::new());
        let cases = [
            ("t", 0, ErrorCode::None),
            ("t", 0, ErrorCode::InvalidRequest),
            ("t", 1, ErrorCode::UnknownTopicOrPartition),
            ("t", -1, ErrorCode::UnknownTopicOrPartition),
            ("none", 0, ErrorCode::UnknownTopicOrPartition),
            ("b/", 0, ErrorCode::InvalidTopicException),
        ];
        for (name, index, code) in cases {
            let found = find(&image, name, PartitionIndex(index), &mut asked);
            assert_eq!(
                found.map_or_else(|refusal| refusal.code, |_| ErrorCode::None),
                code,
                "{name}-{index}"
            );
        }
    }

    #[test]
    fn a_producer_is_told_without_a_transaction() {
        let producer = ActiveProducer {
            id: ProducerId(5),
            epoch: ProducerEpoch(2),
            last_sequence: Sequence(9),
            last_timestamp: Millis(1_000),
        };
        let told = answer(PartitionIndex(3), Ok(vec![producer]));
        assert_eq!((told.partition_index, told.error_code, told.error_message), (3, 0, None));
        let wanted = ProducerState {
            producer_id: 5,
            producer_epoch: 2,
            last_sequence: 9,
            last_timestamp: 1_000,
            coordinator_epoch: -1,
            current_txn_start_offset: -1,
        };
        assert_eq!(told.active_producers, [wanted]);
    }
}
