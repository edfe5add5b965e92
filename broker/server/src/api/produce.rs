//! Produce: batches from the wire to the owners of their partitions. Accepting is done in the order of the connection's
//! requests; the answer waits for what its acks ask.

mod admit;
mod respond;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::info;
use weir_core::controller::Image;
use weir_core::partition::{Acks, Produced};
use weir_model::{DurationMs, Millis, PartitionIndex, TopicId};
use weir_wire::frame::RequestHeader;
use weir_wire::messages::produce::{ProduceRequest, TopicProduceData};
use weir_wire::{ErrorCode, Str};

use self::admit::Admitted;
use crate::broker::Broker;
use crate::clock;
use crate::dispatch::Caller;
use crate::metrics::BadInput;
use crate::net::connection::Verdict;
use crate::partition::settings::BatchRules;
use crate::partition::{Append, PartitionError};

/// The longest a write may wait for its replicas, whatever the client asks.
const TIMEOUT_MAX: DurationMs = DurationMs(5 * 60 * 1000);

/// Why a partition's batch was not accepted, as the client is told.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    code: ErrorCode,
    message: Option<String>,
}

impl Refused {
    fn code(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    fn because(code: ErrorCode, why: &impl ToString) -> Self {
        Self { code, message: Some(why.to_string()) }
    }
}

/// A batch that was given to its owner.
struct Accepted {
    answer: oneshot::Receiver<Result<Produced, PartitionError>>,
    /// What the answer says, where the broker stamps records.
    append_time: Millis,
}

/// One partition of the request, in its order.
struct Part {
    index: i32,
    outcome: Result<Accepted, Refused>,
}

/// One topic of the request. The name is a copy: the request's memory is given to the log.
struct TopicParts {
    name: Str,
    id: TopicId,
    /// The topic that is meant, if there is one.
    found: Option<TopicId>,
    parts: Vec<Part>,
}

pub(crate) async fn handle(
    broker: &Arc<Broker>,
    caller: &Caller<'_>,
    header: &RequestHeader,
    request: ProduceRequest,
) -> Verdict {
    let timeout = DurationMs(i64::from(request.timeout_ms.max(0))).min(TIMEOUT_MAX);
    let acks = match request.acks {
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        _ => Err(Refused::code(ErrorCode::InvalidRequiredAcks)),
    };
    let silent = matches!(acks, Ok(Acks::None));
    let now = clock::now();
    let accepting = Accepting {
        broker,
        peer: caller.session.peer,
        image: &broker.image(),
        by_id: caller.version >= 13,
        now,
        deadline: clock::steady() + timeout,
    };
    // Names are copied and the request taken apart first, so that each batch owns its memory if it came alone.
    let topics: Vec<_> = request.topic_data.into_iter().map(Unpacked::of).collect();
    let mut accepted = Vec::with_capacity(topics.len());
    for topic in topics {
        accepted.push(accepting.topic(topic, &acks).await);
    }
    let head = respond::Head {
        version: header.version,
        correlation_id: header.correlation_id,
        listener: Arc::clone(&caller.session.listener),
        silent,
    };
    Verdict::Later(Box::pin(respond::when_done(Arc::clone(broker), head, accepted)))
}

/// A topic of the request, taken out of its frame but for the batches.
struct Unpacked {
    name: Str,
    id: TopicId,
    batches: Vec<(i32, Option<Bytes>)>,
}

impl Unpacked {
    fn of(topic: TopicProduceData) -> Self {
        let batches = topic.partition_data.into_iter();
        Self {
            name: Str::from(topic.name.as_str()),
            id: TopicId(topic.topic_id),
            batches: batches.map(|p| (p.index, p.records.and_then(|r| r.inline().cloned()))).collect(),
        }
    }
}

/// What holds for every batch of a request.
struct Accepting<'a> {
    broker: &'a Broker,
    peer: SocketAddr,
    image: &'a Image,
    by_id: bool,
    now: Millis,
    deadline: Millis,
}

impl Accepting<'_> {
    async fn topic(&self, topic: Unpacked, acks: &Result<Acks, Refused>) -> TopicParts {
        let Unpacked { name, id, batches } = topic;
        let found = if self.by_id { self.image.topic_by_id(id) } else { self.image.topic(&name) };
        let mut parts = Vec::with_capacity(batches.len());
        for (index, batch) in batches {
            let outcome = match (acks, found) {
                (Err(refused), _) => Err(refused.clone()),
                (Ok(_), None) if self.by_id => Err(Refused::code(ErrorCode::UnknownTopicId)),
                (Ok(_), None) => Err(Refused::code(ErrorCode::UnknownTopicOrPartition)),
                (Ok(acks), Some(topic)) => self.partition(topic, index, batch, *acks).await,
            };
            if let Err(refused) = &outcome {
                self.report(&name, index, refused);
            }
            parts.push(Part { index, outcome });
        }
        TopicParts { name, id, found: found.map(|topic| topic.id), parts }
    }

    async fn partition(
        &self,
        topic: &weir_core::controller::Topic,
        index: i32,
        batch: Option<Bytes>,
        acks: Acks,
    ) -> Result<Accepted, Refused> {
        let index = PartitionIndex(index);
        if topic.partition(index).is_none() {
            return Err(Refused::code(ErrorCode::UnknownTopicOrPartition));
        }
        let owner = self.broker.partition(topic, index).map_err(|error| respond::refusal(&error))?;
        let admitted = self.admit(batch.unwrap_or_default(), owner.rules()).await?;
        let (answer, answered) = oneshot::channel();
        let append_time = admitted.append_time;
        let append = Append {
            batch: admitted.batch,
            facts: admitted.facts,
            acks,
            leader_epoch: None,
            append_time,
            deadline: self.deadline,
            answer,
        };
        owner.append(append).await.map_err(|error| respond::refusal(&error))?;
        Ok(Accepted { answer: answered, append_time })
    }

    /// Codecs work on threads of their own, a few at a time: the connections' threads go on serving, and what opened
    /// batches take in memory is bounded.
    async fn admit(&self, batch: Bytes, rules: Arc<BatchRules>) -> Result<Admitted, Refused> {
        if !admit::is_heavy(&batch, &rules) {
            return admit::admit(batch, &rules, self.now);
        }
        let stopped = |_| Refused::code(ErrorCode::UnknownServerError);
        let _place =
            self.broker.codecs.acquire().await.map_err(|_| Refused::code(ErrorCode::NotLeaderOrFollower))?;
        let now = self.now;
        tokio::task::spawn_blocking(move || admit::admit(batch, &rules, now)).await.map_err(stopped)?
    }

    fn report(&self, topic: &str, partition: i32, refused: &Refused) {
        if matches!(refused.code, ErrorCode::CorruptMessage | ErrorCode::InvalidRecord) {
            self.broker.metrics.bad_input.with_label_values(&[BadInput::Records.as_str()]).inc();
            let why = refused.message.as_deref().unwrap_or_default();
            info!(peer = %self.peer, topic, partition, why, "batch refused");
        }
    }
}
