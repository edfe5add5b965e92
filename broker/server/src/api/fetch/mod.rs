//! Fetch: what a consumer wants of many partitions, answered with ranges of log files. An answer that is too small waits
//! for the append that makes it large enough, or for the consumer's patience.

mod collect;
mod follower;
mod follower_session;
pub(crate) mod follower_sessions;
mod respond;
pub(crate) mod sessions;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use weir_core::controller::Image;
use weir_core::partition::Isolation;
use weir_model::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use weir_wire::ErrorCode;
use weir_wire::frame::RequestHeader;
use weir_wire::messages::fetch::{FetchRequest, FetchResponse};

use self::collect::{Collected, collect};
use self::respond::Head;
use self::sessions::{Plan, SessionError, SessionRequest, TopicKey, Wanted};
use crate::broker::Broker;
use crate::clock;
use crate::dispatch::{Caller, encode};
use crate::net::connection::Verdict;
use crate::net::patience::Patience;
use crate::partition::command::Place;

/// The first version with a client's rack (KIP-392).
const RACKS_SINCE: i16 = 11;
/// The longest a fetch is held, whatever the client asks.
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// What the fetch as a whole wants.
#[derive(Clone, Debug)]
struct Appetite {
    min_bytes: usize,
    max_bytes: usize,
    isolation: Isolation,
    place: Place,
}

pub(crate) async fn handle(
    broker: &Arc<Broker>,
    caller: &Caller<'_>,
    header: &RequestHeader,
    request: FetchRequest,
) -> Verdict {
    let patience = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(WAIT_MAX);
    let appetite = Appetite {
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0),
        max_bytes: usize::try_from(request.max_bytes)
            .unwrap_or(0)
            .min(usize::try_from(broker.config().fetch_max_bytes).unwrap_or(usize::MAX)),
        isolation: if request.isolation_level == 1 {
            Isolation::ReadCommitted
        } else {
            Isolation::ReadUncommitted
        },
        place: place(broker, caller.version, &request.rack_id),
    };
    match follower::replica_of(&broker.image(), &request) {
        Ok(None) => {}
        Ok(Some(replica)) => {
            // A consumer's limit is not a replica's.
            let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0);
            let waiting = (Appetite { max_bytes, ..appetite }, patience);
            return follower::accept(broker, caller, header, request, replica, waiting);
        }
        Err(code) => return encode(header, &refusal(code)),
    }
    let plan = match plan(broker, caller.version, request) {
        Ok(plan) => plan,
        Err(code) => return encode(header, &refusal(code)),
    };
    let collected = wait_for_enough(broker, &plan, &appetite, (patience, &caller.session.patience)).await;
    let head = Head::of(caller, header, plan.session_id);
    respond::respond(broker, &head, &plan, collected)
}

/// Clients that may know nothing of closer replicas read from the leader only, as in Kafka.
fn place(broker: &Broker, version: i16, rack: &str) -> Place {
    if version < RACKS_SINCE {
        return Place::Leader;
    }
    if rack.is_empty() || !broker.config().replication.rack_aware_reads {
        return Place::Anywhere;
    }
    closer(&broker.image(), broker.id, rack)
}

/// The brokers in a client's rack, unless this one is as close.
fn closer(image: &Image, me: BrokerId, rack: &str) -> Place {
    let near = image.brokers().map(|broker| &broker.registration).filter(|r| r.rack.as_deref() == Some(rack));
    let near: Vec<_> = near.map(|r| r.id).filter(|id| *id == me || image.is_active(*id)).collect();
    if near.is_empty() || near.contains(&me) { Place::Anywhere } else { Place::Rather(near.into()) }
}

fn refusal(code: ErrorCode) -> FetchResponse {
    FetchResponse { error_code: code.into(), ..FetchResponse::default() }
}

fn plan(broker: &Broker, version: i16, request: FetchRequest) -> Result<Plan, ErrorCode> {
    let request = session_request(request, version >= 13);
    let mut sessions = broker.fetch_sessions.lock().unwrap_or_else(PoisonError::into_inner);
    sessions.plan(request, fresh_id, clock::steady()).map_err(|error| match error {
        SessionError::NotFound => ErrorCode::FetchSessionIdNotFound,
        SessionError::InvalidEpoch => ErrorCode::InvalidFetchSessionEpoch,
        SessionError::TopicIdMismatch => ErrorCode::FetchSessionTopicIdError,
    })
}

/// For a session that is opened. Not for each fetch: the system is asked.
fn fresh_id() -> i32 {
    uuid::Uuid::new_v4().as_u64_pair().0 as i32
}

fn session_request(request: FetchRequest, by_id: bool) -> SessionRequest {
    let key = |name: &str, id| if by_id { TopicKey::Id(TopicId(id)) } else { TopicKey::Name(name.into()) };
    let mut partitions = Vec::new();
    for topic in &request.topics {
        let topic_key = key(&topic.topic, topic.topic_id);
        for p in &topic.partitions {
            let wanted = Wanted {
                from: Offset(p.fetch_offset),
                max_bytes: usize::try_from(p.partition_max_bytes).unwrap_or(0),
                current_leader_epoch: LeaderEpoch(p.current_leader_epoch),
                last_fetched_epoch: LeaderEpoch(p.last_fetched_epoch),
            };
            partitions.push(((topic_key.clone(), PartitionIndex(p.partition)), wanted));
        }
    }
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let topic_key = key(&topic.topic, topic.topic_id);
        topic.partitions.iter().map(move |p| (topic_key.clone(), PartitionIndex(*p)))
    });
    let forgotten = forgotten.collect();
    SessionRequest { id: request.session_id, epoch: request.session_epoch, by_id, partitions, forgotten }
}

/// Reads, and reads again whenever a partition has more, until there is enough, something went wrong, or time is up.
async fn wait_for_enough(
    broker: &Broker,
    plan: &Plan,
    appetite: &Appetite,
    (patience, timer): (Duration, &Patience),
) -> Collected {
    if plan.partitions.is_empty() || patience.is_zero() {
        return collect(broker, plan, appetite, None).await;
    }
    let more = Arc::new(Notify::new());
    let deadline = Instant::now() + patience;
    let mut waiting = None;
    loop {
        let collected = collect(broker, plan, appetite, Some(&more)).await;
        if collected.is_enough(appetite) {
            return collected;
        }
        let waiting = waiting.get_or_insert_with(|| timer.until(deadline));
        tokio::select! {
            () = more.notified() => {}
            () = waiting.is_over() => return collected,
            () = broker.stop.cancelled() => return collected,
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_wire::messages::fetch::{FetchPartition, FetchTopic};

    use super::*;

    #[test]
    fn negative_sizes_of_a_client_ask_for_nothing_instead_of_everything() {
        let partition = FetchPartition { partition: 3, partition_max_bytes: -5, ..FetchPartition::default() };
        let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..FetchTopic::default() };
        let request = FetchRequest { topics: vec![topic], ..FetchRequest::default() };
        let (key, wanted) = session_request(request, false).partitions.remove(0);
        assert_eq!(key, (TopicKey::Name("t".into()), PartitionIndex(3)));
        assert_eq!(wanted.max_bytes, 0);
    }
}
