//! One pass over the partitions of a fetch. All owners are asked at once; then the byte limit of the whole answer is
//! applied in the plan's order, so that the first partition with data always gets through.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};
use weir_core::controller::{Image, Topic};
use weir_core::partition::{Isolation, ReadError, Reader};
use weir_model::LeaderEpoch;
use weir_wire::ErrorCode;

use super::sessions::{PartitionKey, Plan, TopicKey, Wanted};
use crate::api::errors;
use crate::broker::Broker;
use crate::partition::{Command, PartitionError, PartitionHandle, Read, ReadReply};

/// What the fetch as a whole wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appetite {
    pub(super) min_bytes: usize,
    pub(super) max_bytes: usize,
    pub(super) isolation: Isolation,
}

/// What one partition gave.
pub(super) type Outcome = Result<ReadReply, ErrorCode>;

/// What a pass gave, in the plan's order.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) outcomes: Vec<Outcome>,
    bytes: usize,
    urgent: bool,
}

impl Collected {
    /// Whether to answer now: an error or a divergence can not wait.
    pub(super) fn is_enough(&self, appetite: &Appetite) -> bool {
        self.urgent || self.bytes >= appetite.min_bytes
    }
}

pub(super) async fn collect(
    broker: &Broker,
    plan: &Plan,
    appetite: &Appetite,
    watch: Option<&Arc<Notify>>,
) -> Collected {
    let image = broker.image();
    let mut asked = Vec::with_capacity(plan.partitions.len());
    for (key, wanted) in &plan.partitions {
        asked.push(ask(broker, &image, key, wanted, appetite, watch).await);
    }
    let mut collected = Collected { outcomes: Vec::with_capacity(asked.len()), bytes: 0, urgent: false };
    for question in asked {
        let outcome = match question {
            Ok((owner, answer)) => settle(owner, answer, appetite, collected.bytes).await,
            Err(code) => Err(code),
        };
        match &outcome {
            Ok(reply) => {
                collected.bytes += reply.len();
                collected.urgent |= reply.diverging.is_some();
            }
            Err(_) => collected.urgent = true,
        }
        collected.outcomes.push(outcome);
    }
    collected
}

type Asked = ((PartitionHandle, Wanted), oneshot::Receiver<Result<ReadReply, PartitionError>>);

async fn ask(
    broker: &Broker,
    image: &Image,
    key: &PartitionKey,
    wanted: &Wanted,
    appetite: &Appetite,
    watch: Option<&Arc<Notify>>,
) -> Result<Asked, ErrorCode> {
    let topic = find(image, &key.0)?;
    if topic.partition(key.1).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    let owner = broker.partition(topic, key.1).map_err(|error| errors::of_partition(&error))?;
    let (answer, answered) = oneshot::channel();
    let read = read(wanted, appetite, wanted.max_bytes.min(appetite.max_bytes), true, watch);
    owner.send(Command::Read(read, answer)).await.map_err(|error| errors::of_partition(&error))?;
    Ok(((owner, *wanted), answered))
}

fn find<'a>(image: &'a Image, key: &TopicKey) -> Result<&'a Arc<Topic>, ErrorCode> {
    match key {
        TopicKey::Name(name) => image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition),
        TopicKey::Id(id) => image.topic_by_id(*id).ok_or(ErrorCode::UnknownTopicId),
    }
}

fn read(
    wanted: &Wanted,
    appetite: &Appetite,
    max_bytes: usize,
    at_least_one: bool,
    watch: Option<&Arc<Notify>>,
) -> Read {
    let known = |epoch: LeaderEpoch| Some(epoch).filter(|epoch| epoch.0 >= 0);
    Read {
        from: wanted.from,
        max_bytes,
        at_least_one,
        reader: Reader::Consumer(appetite.isolation),
        current_leader_epoch: known(wanted.current_leader_epoch),
        last_fetched_epoch: known(wanted.last_fetched_epoch),
        watch: watch.map(Arc::downgrade),
    }
}

/// Takes an owner's answer within what is left of the limit. Only the first batches of the whole answer may exceed it.
async fn settle(
    (owner, wanted): (PartitionHandle, Wanted),
    answer: oneshot::Receiver<Result<ReadReply, PartitionError>>,
    appetite: &Appetite,
    taken: usize,
) -> Outcome {
    let reply = answer.await.unwrap_or(Err(PartitionError::Stopped)).map_err(|error| code_of(&error))?;
    let left = appetite.max_bytes.saturating_sub(taken);
    if taken == 0 || reply.len() <= left {
        return Ok(reply);
    }
    if left == 0 {
        return Ok(ReadReply { span: None, ..reply });
    }
    let smaller = read(&wanted, appetite, left, false, None);
    owner.read(smaller).await.map_err(|error| code_of(&error))
}

fn code_of(error: &PartitionError) -> ErrorCode {
    match error {
        // A consumer can not be told to wait for the watermark in any other way.
        PartitionError::Read(ReadError::NotYetKnown) => ErrorCode::OffsetNotAvailable,
        other => errors::of_partition(other),
    }
}
