//! One pass over the partitions of a fetch. All owners are asked at once; then the byte limit of the whole answer is
//! applied in the plan's order, so that the first partition with data always gets through.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};
use weir_core::controller::{Image, Topic};
use weir_core::partition::{ReadError, Reader};
use weir_model::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use weir_wire::ErrorCode;

use super::Appetite;
use super::sessions::{PartitionKey, Plan, TopicKey, Wanted};
use crate::api::current_leader::{CurrentLeader, current_leader};
use crate::api::errors;
use crate::broker::Broker;
use crate::partition::command::Watch;
use crate::partition::{Command, PartitionError, PartitionHandle, Read, ReadReply};

/// What one partition gave.
pub(super) type Outcome = Result<ReadReply, Refused>;

/// Why a partition gave nothing, and what the asker may want to know then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    pub(super) leader: Option<CurrentLeader>,
    /// From where to where the log reaches, when the offset that a replica asked for is not in it.
    pub(super) range: Option<(Offset, Offset)>,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { code, leader: None, range: None }
    }
}

impl Refused {
    /// With the current leader, where that is what is wrong.
    pub(super) fn of(image: &Image, topic: TopicId, index: PartitionIndex, code: ErrorCode) -> Self {
        Self { leader: current_leader(image, topic, index, code), ..Self::from(code) }
    }

    /// A replica has to know which offsets there are, to begin anew at one of them.
    pub(super) fn with_range(self, error: &PartitionError) -> Self {
        match error {
            PartitionError::Read(ReadError::OutOfRange { start, end, .. }) => {
                Self { range: Some((*start, *end)), ..self }
            }
            _ => self,
        }
    }
}

/// What a pass gave, in the plan's order, and who gave it.
#[derive(Debug)]
pub(super) struct Collected {
    outcomes: Vec<(Outcome, Option<PartitionHandle>)>,
    bytes: usize,
    urgent: bool,
}

impl Collected {
    /// Whether to answer now: an error or a divergence can not wait.
    pub(super) fn is_enough(&self, appetite: &Appetite) -> bool {
        self.urgent || self.bytes >= appetite.min_bytes
    }

    /// What is sent now. A pass that gave too little is thrown away, so that nobody counts before.
    pub(super) fn sent(self) -> impl Iterator<Item = Outcome> {
        self.outcomes.into_iter().map(|(outcome, owner)| {
            if let (Ok(reply), Some(owner)) = (&outcome, owner) {
                owner.traffic().sent(reply.len() as u64);
            }
            outcome
        })
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
        let (outcome, owner) = match question {
            Ok(((owner, wanted), answer)) => {
                let left = (appetite, collected.bytes);
                (settle(&image, &owner, &wanted, answer, left).await, Some(owner))
            }
            Err(refused) => (Err(refused), None),
        };
        match &outcome {
            Ok(reply) => {
                collected.bytes += reply.len();
                collected.urgent |= reply.diverging.is_some() || reply.preferred.is_some();
            }
            Err(_) => collected.urgent = true,
        }
        collected.outcomes.push((outcome, owner));
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
) -> Result<Asked, Refused> {
    let topic = find(image, &key.0)?;
    if topic.partition(key.1).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition.into());
    }
    let refused = |error: PartitionError| Refused::of(image, topic.id, key.1, errors::of_partition(&error));
    let owner = broker.partition(topic, key.1).map_err(refused)?;
    let (answer, answered) = oneshot::channel();
    let read = read(wanted, appetite, wanted.max_bytes.min(appetite.max_bytes), true, watch);
    owner.send(Command::Read(read, answer)).await.map_err(refused)?;
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
    Read {
        from: wanted.from,
        max_bytes,
        at_least_one,
        reader: Reader::Consumer(appetite.isolation),
        current_leader_epoch: known_epoch(wanted.current_leader_epoch),
        last_fetched_epoch: known_epoch(wanted.last_fetched_epoch),
        watch: watch.map(|fetch| Watch { fetch: Arc::downgrade(fetch), enough: appetite.min_bytes }),
        place: appetite.place.clone(),
    }
}

/// A reign, where the asker named one.
pub(super) fn known_epoch(epoch: LeaderEpoch) -> Option<LeaderEpoch> {
    Some(epoch).filter(|epoch| epoch.0 >= 0)
}

/// Takes an owner's answer within what is left of the limit. Only the first batches of the whole answer may exceed it.
async fn settle(
    image: &Image,
    owner: &PartitionHandle,
    wanted: &Wanted,
    answer: oneshot::Receiver<Result<ReadReply, PartitionError>>,
    (appetite, taken): (&Appetite, usize),
) -> Outcome {
    let refused = |error: PartitionError| {
        Refused::of(image, owner.topic, owner.partition, errors::of_partition(&error))
    };
    let reply = answer.await.unwrap_or(Err(PartitionError::Stopped)).map_err(refused)?;
    let left = appetite.max_bytes.saturating_sub(taken);
    if taken == 0 || reply.len() <= left {
        return Ok(reply);
    }
    if left == 0 {
        return Ok(ReadReply { span: None, ..reply });
    }
    let smaller = read(wanted, appetite, left, false, None);
    owner.read(smaller).await.map_err(refused)
}
