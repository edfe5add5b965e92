//! A replica's fetch from the partitions that are led here. It is parked until a partition has something for it, or until
//! the replica's next request comes, which overtakes it: so a replica that has taken what it got need not wait for a poll
//! that it sent before. What a follower has fetched is told to each partition it mentions, whether or not there is more.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use weir_core::controller::Image;
use weir_model::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use weir_wire::ErrorCode;
use weir_wire::frame::RequestHeader;
use weir_wire::messages::fetch::FetchRequest;

use super::collect::{Outcome, Refused, known_epoch};
use super::follower_session::{FollowerSession, Key};
use super::follower_sessions::Held;
use super::respond::{self, Head};
use super::sessions::{Told, TopicKey, Wanted};
use super::{Appetite, fresh_id, refusal};
use crate::api::errors;
use crate::broker::Broker;
use crate::clock;
use crate::dispatch::{Caller, encode};
use crate::net::connection::Verdict;
use crate::net::outgoing::Piece;
use crate::partition::command::{Proof, ReadReply, Serve};
use crate::partition::waiters::Interest;
use crate::partition::{Command, PartitionError, PartitionHandle};
use crate::replication::watch::Slot;

/// Partitions whose owners are asked at the same time.
const ASKED_AT_ONCE: usize = 128;
/// News of a watermark wait this long for records to go with them.
const SOON: Duration = Duration::from_millis(5);
/// Partitions that one session may hold.
const PARTITIONS_MAX: usize = 1 << 20;

/// A broker that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replica {
    id: BrokerId,
    epoch: i64,
    /// It may join an ISR, as far as is known here.
    eligible: bool,
}

/// Who fetches, if it is a replica and not a client. Only a broker that is known here, in the life it has now, counts.
pub(super) fn replica_of(image: &Image, request: &FetchRequest) -> Result<Option<Replica>, ErrorCode> {
    let (id, epoch) = match request.replica_state.replica_id {
        id if id >= 0 => (id, request.replica_state.replica_epoch),
        _ => (request.replica_id, -1),
    };
    if id < 0 {
        return Ok(None);
    }
    let id = BrokerId(id);
    // A broker that is not known yet may become so: it tries again.
    let registration = &image.broker(id).ok_or(ErrorCode::StaleBrokerEpoch)?.registration;
    if registration.epoch != epoch {
        return Err(ErrorCode::StaleBrokerEpoch);
    }
    Ok(Some(Replica { id, epoch, eligible: image.is_active(id) }))
}

/// Accepts the request in its order; the answer comes later.
pub(super) fn accept(
    broker: &Arc<Broker>,
    caller: &Caller<'_>,
    header: &RequestHeader,
    request: FetchRequest,
    replica: Replica,
    waiting: (Appetite, Duration),
) -> Verdict {
    let (id, epoch) = (request.session_id, request.session_epoch);
    let held = match broker.follower_sessions.enter(replica.id, id, epoch, fresh_id) {
        Ok(held) => held,
        Err(code) => return encode(header, &refusal(code)),
    };
    let head = Head::of(caller, header, held.id);
    let (appetite, patience) = waiting;
    let serving = Serving {
        broker: Arc::clone(broker),
        replica,
        held,
        appetite,
        session: FollowerSession::default(),
        collected: Collected::default(),
        epoch,
        opens: None,
    };
    Verdict::Later(Box::pin(serving.answer(request, head, patience)))
}

/// One request being answered.
struct Serving {
    broker: Arc<Broker>,
    replica: Replica,
    held: Arc<Held>,
    appetite: Appetite,
    session: FollowerSession,
    collected: Collected,
    epoch: i32,
    /// When a throttle lets something through that it holds back now.
    opens: Option<Instant>,
}

/// What the answer holds so far.
#[derive(Default)]
struct Collected {
    outcomes: Vec<(Key, Outcome)>,
    /// Where a partition's outcome stands.
    at: HashMap<Slot, usize>,
    bytes: usize,
    urgent: bool,
}

impl Collected {
    fn add(&mut self, slot: Slot, key: Key, outcome: Outcome) {
        match &outcome {
            Ok(reply) => {
                self.bytes += reply.len();
                self.urgent |= reply.diverging.is_some();
            }
            Err(_) => self.urgent = true,
        }
        match self.at.get(&slot).and_then(|at| self.outcomes.get_mut(*at)) {
            // Only news of a watermark can have come before.
            Some(before) => *before = (key, outcome),
            None => {
                self.at.insert(slot, self.outcomes.len());
                self.outcomes.push((key, outcome));
            }
        }
    }

    fn is_enough(&self, appetite: &Appetite) -> bool {
        self.urgent || self.bytes >= appetite.min_bytes.max(1)
    }
}

/// Whom was asked, and where the answer comes.
type Question = (PartitionHandle, oneshot::Receiver<Result<ReadReply, PartitionError>>);

impl Serving {
    async fn answer(mut self, request: FetchRequest, head: Head, patience: Duration) -> Option<Vec<Piece>> {
        let Some(session) = self.held.take(self.epoch) else {
            self.broker.follower_sessions.close(self.replica.id, self.held.id);
            return respond::pieces_of(&head, &refusal(ErrorCode::InvalidFetchSessionEpoch));
        };
        self.session = session;
        self.note(&request);
        if self.session.len() > PARTITIONS_MAX {
            self.broker.follower_sessions.close(self.replica.id, self.held.id);
            return respond::pieces_of(&head, &refusal(ErrorCode::FetchSessionIdNotFound));
        }
        self.collect(patience).await;
        self.held.put(self.session);
        self.broker.metrics.replication.bytes_out.inc_by(self.collected.bytes as u64);
        let outcomes = self.collected.outcomes;
        let named =
            outcomes.into_iter().map(|((topic, index), outcome)| ((TopicKey::Id(topic), index), outcome));
        respond::answer(&self.broker, &head, named)
    }

    /// What the replica says.
    fn note(&mut self, request: &FetchRequest) {
        for topic in &request.forgotten_topics_data {
            for index in &topic.partitions {
                self.session.forget((TopicId(topic.topic_id), PartitionIndex(*index)));
            }
        }
        for topic in &request.topics {
            for p in &topic.partitions {
                let wanted = Wanted {
                    from: Offset(p.fetch_offset),
                    max_bytes: usize::try_from(p.partition_max_bytes).unwrap_or(0),
                    current_leader_epoch: LeaderEpoch(p.current_leader_epoch),
                    last_fetched_epoch: LeaderEpoch(p.last_fetched_epoch),
                };
                self.session.mention((TopicId(topic.topic_id), PartitionIndex(p.partition)), wanted);
            }
        }
    }

    /// Looks at what asks for it until there is enough, a newer request comes, or time is up.
    async fn collect(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut until = deadline;
        loop {
            for slot in self.held.watch.take() {
                self.session.enqueue(slot);
            }
            self.opens = None;
            self.pass().await;
            if self.collected.is_enough(&self.appetite) || self.held.watch.is_superseded(self.epoch) {
                return;
            }
            if !self.collected.outcomes.is_empty() {
                until = until.min(Instant::now() + SOON);
            }
            tokio::select! {
                () = self.held.watch.changed() => {}
                () = tokio::time::sleep_until(self.opens.unwrap_or(until)), if self.opens.is_some_and(|at| at < until) => {}
                () = tokio::time::sleep_until(until) => return,
                () = self.broker.stop.cancelled() => return,
            }
        }
    }

    async fn pass(&mut self) {
        let mut deferred = Vec::new();
        loop {
            let slots = self.session.next(ASKED_AT_ONCE);
            if slots.is_empty() {
                break;
            }
            let room = self.collected.bytes < self.appetite.max_bytes.max(1);
            let mut asked = Vec::with_capacity(slots.len());
            for slot in slots {
                match self.ask(slot, room).await {
                    Some(question) => asked.push((slot, question)),
                    None => deferred.push(slot),
                }
            }
            for (slot, question) in asked {
                let (owner, outcome) = match question {
                    Ok((owner, answered)) => {
                        (Some(owner), answered.await.unwrap_or(Err(PartitionError::Stopped)))
                    }
                    Err(error) => (None, Err(error)),
                };
                let bytes = outcome.as_ref().map_or(0, ReadReply::len);
                if !self.settle(slot, outcome, room) {
                    deferred.push(slot);
                } else if let Some(owner) = owner {
                    owner.traffic().sent(bytes as u64);
                }
            }
        }
        deferred.into_iter().for_each(|slot| self.session.enqueue(slot));
    }

    /// Asks a partition's owner. `None`: it has nothing to hear, and there is no room for its records.
    async fn ask(&mut self, slot: Slot, room: bool) -> Option<Result<Question, PartitionError>> {
        let key = self.session.get_mut(slot)?.key;
        let held_back = self.is_held_back(key);
        let followed = self.session.get_mut(slot)?;
        followed.held_back = held_back;
        let room = room && !held_back;
        if !room && !followed.fetched {
            return None;
        }
        let wanted = followed.wanted;
        let proof = std::mem::take(&mut followed.fetched).then(|| Proof {
            broker_epoch: self.replica.epoch,
            eligible: self.replica.eligible,
            last_fetched_epoch: known_epoch(wanted.last_fetched_epoch),
        });
        let serve = Serve {
            follower: self.replica.id,
            from: wanted.from,
            leader_epoch: wanted.current_leader_epoch,
            max_bytes: if room { wanted.max_bytes.min(self.appetite.max_bytes) } else { 0 },
            at_least_one: room,
            proof,
            interest: Interest { watch: Arc::downgrade(&self.held.watch), slot },
        };
        Some(self.send(key, serve).await)
    }

    /// Whether the replica is throttled in this partition, is not in sync there, and has had its share for now.
    fn is_held_back(&mut self, key: Key) -> bool {
        let rate = self.broker.config().replication.leader_throttle;
        if rate.is_none() || !self.is_throttled(key) {
            return false;
        }
        let mut throttle = self.broker.leader_throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.set_rate(rate);
        let now = clock::steady();
        let shut = !throttle.is_open(now);
        if let Some(opens) = throttle.opens_at(now).filter(|_| shut) {
            let wait = Duration::from_millis(u64::try_from(opens.since(now).0).unwrap_or(0));
            let at = Instant::now() + wait;
            self.opens = Some(self.opens.map_or(at, |before| before.min(at)));
        }
        shut
    }

    fn is_throttled(&self, key: Key) -> bool {
        let owner = self.broker.partitions.get(key.0, key.1);
        owner.is_some_and(|owner| owner.throttles(self.replica.id))
            && self.broker.image().partition(key.0, key.1).is_some_and(|p| !p.isr.contains(&self.replica.id))
    }

    fn sent(&self, key: Key, bytes: usize) {
        if bytes > 0 && self.broker.config().replication.leader_throttle.is_some() && self.is_throttled(key) {
            let mut throttle = self.broker.leader_throttle.lock().unwrap_or_else(PoisonError::into_inner);
            throttle.take(bytes as u64);
        }
    }

    async fn send(&self, key: Key, serve: Serve) -> Result<Question, PartitionError> {
        let owner = self.broker.partitions.find(key.0, key.1)?;
        let (answer, answered) = oneshot::channel();
        owner.send(Command::Serve(serve, answer)).await?;
        Ok((owner, answered))
    }

    /// Takes an owner's answer into the answer; `false` when there is no room for it now.
    fn settle(&mut self, slot: Slot, reply: Result<ReadReply, PartitionError>, room: bool) -> bool {
        let Some(followed) = self.session.get_mut(slot) else { return true };
        let (key, room) = (followed.key, room && !followed.held_back);
        match reply {
            Ok(reply) => {
                let left = self.appetite.max_bytes.saturating_sub(self.collected.bytes);
                let more = reply.diverging.is_none() && followed.wanted.from < reply.bound.limit;
                if (!room && more) || (self.collected.bytes > 0 && reply.len() > left) {
                    return false;
                }
                let told =
                    Told { high_watermark: reply.bound.high_watermark, log_start: reply.bound.log_start };
                let news = followed.told.replace(told) != Some(told);
                self.sent(key, reply.len());
                if news || reply.len() > 0 || reply.diverging.is_some() {
                    self.collected.add(slot, key, Ok(reply));
                }
            }
            Err(error) => {
                followed.told = None;
                let refused = self.refused(key, &error);
                self.collected.add(slot, key, Err(refused));
            }
        }
        true
    }

    fn refused(&self, key: Key, error: &PartitionError) -> Refused {
        let image = self.broker.image();
        let code = match image.topic_by_id(key.0) {
            None => ErrorCode::UnknownTopicId,
            Some(topic) if topic.partition(key.1).is_none() => ErrorCode::UnknownTopicOrPartition,
            Some(_) => errors::of_partition(error),
        };
        Refused::of(&image, key.0, key.1, code).with_range(error)
    }
}
