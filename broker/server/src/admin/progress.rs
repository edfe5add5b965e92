//! Progress: how far the moves are. The metadata says what moves; the brokers say how many bytes they have. Costs as much
//! as moves run, not as partitions exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use weir_admin::admin::v1;
use weir_core::controller::{Image, Partition, Topic};
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::batch::MOST_ITEMS;
use super::fleet::{self, Answers};
use super::refusal::Refused;
use super::service::AdminService;
use super::standing::latest;
use super::words::{numbers, partition, partition_ref};

/// Moves that one report tells of.
const MOST_TOLD: usize = 1_000;
const INTERVAL_DEFAULT: u32 = 1_000;
const INTERVAL_LEAST: u32 = 250;

type Key = (TopicId, PartitionIndex);

/// What one stream remembers.
struct Watching {
    service: Weak<AdminService>,
    stop: CancellationToken,
    interval: Duration,
    until_done: bool,
    /// The moves of the last report, and how many have ended since the beginning.
    moving: BTreeSet<Key>,
    ended: u64,
    is_first: bool,
    is_over: bool,
    /// Counts this caller.
    _room: OwnedSemaphorePermit,
}

pub(super) fn handle(
    service: &Arc<AdminService>,
    request: &v1::ProgressRequest,
) -> Result<BoxStream<'static, Result<v1::ProgressReply, Status>>, Refused> {
    let interval = if request.interval_ms == 0 { INTERVAL_DEFAULT } else { request.interval_ms };
    if interval < INTERVAL_LEAST {
        return Err(Refused::argument(
            format!("an interval of {interval} ms is too short"),
            format!("ask for at least {INTERVAL_LEAST}"),
        ));
    }
    let watching = Watching {
        service: Arc::downgrade(service),
        stop: service.broker.stop.clone(),
        interval: Duration::from_millis(u64::from(interval)),
        until_done: request.until_done,
        moving: BTreeSet::new(),
        ended: 0,
        is_first: true,
        is_over: false,
        _room: service.bounds.progress()?,
    };
    Ok(stream::unfold(watching, |watching| watching.next()).boxed())
}

impl Watching {
    async fn next(mut self) -> Option<(Result<v1::ProgressReply, Status>, Self)> {
        if self.is_over {
            return None;
        }
        if !std::mem::take(&mut self.is_first) {
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = self.stop.cancelled() => return None,
            }
        }
        let service = self.service.upgrade()?;
        let (metadata_index, image) = latest(&service.broker);
        let asked = questions(&image).into_iter().map(|(broker, only)| {
            (broker, v1::DescribeBrokerRequest { with_logs: true, only, ..Default::default() })
        });
        let answers = fleet::ask(&service, &image, asked).await;
        let moving: BTreeSet<Key> = image.moving().map(|(topic, index, _)| (topic.id, index)).collect();
        self.ended += self.moving.difference(&moving).count() as u64;
        self.moving = moving;
        self.is_over = self.until_done && self.moving.is_empty();
        let mut report = report(&image, &answers);
        report.metadata_index = metadata_index;
        report.moves_ended = self.ended;
        Some((Ok(report), self))
    }
}

/// Which logs matter, by the broker that has them: the added replicas, and the leaders to compare them with.
fn questions(image: &Image) -> BTreeMap<BrokerId, Vec<v1::PartitionRef>> {
    let mut asked: BTreeMap<BrokerId, Vec<v1::PartitionRef>> = BTreeMap::new();
    for (topic, index, state) in image.moving().take(MOST_ITEMS) {
        for broker in state.adding.iter().chain(&state.leader) {
            asked.entry(*broker).or_default().push(partition_ref(topic.id, index));
        }
    }
    asked
}

fn report(image: &Image, answers: &Answers) -> v1::ProgressReply {
    let mut sizes: BTreeMap<(BrokerId, Key), u64> = BTreeMap::new();
    for (broker, answer) in answers {
        for log in answer.as_ref().map_or(&[][..], |reply| &reply.logs) {
            if let Ok(key) = partition(log.partition.as_ref()) {
                sizes.insert((*broker, key), log.size_bytes);
            }
        }
    }
    let mut report = v1::ProgressReply {
        moves_left: image.moving_count() as u64,
        unheard: answers.iter().filter(|(_, answer)| answer.is_err()).map(|(id, _)| id.0).collect(),
        ..v1::ProgressReply::default()
    };
    for (topic, index, state) in image.moving() {
        let row = row(topic, index, state, |broker| sizes.get(&(broker, (topic.id, index))).copied());
        report.bytes_done += row.bytes_done;
        report.bytes_total += row.bytes_total;
        if report.moves.len() < MOST_TOLD {
            report.moves.push(row);
        }
    }
    report
}

/// A replica in sync has everything, whatever its segments look like; another one never more than the leader.
fn row(
    topic: &Topic,
    index: PartitionIndex,
    state: &Partition,
    size: impl Fn(BrokerId) -> Option<u64>,
) -> v1::MoveProgress {
    let whole = state.leader.and_then(&size).unwrap_or(0);
    let in_sync: Vec<_> = state.adding.iter().copied().filter(|broker| state.isr.contains(broker)).collect();
    let done = state.adding.iter().map(|broker| match in_sync.contains(broker) {
        true => whole,
        false => size(*broker).unwrap_or(0).min(whole),
    });
    v1::MoveProgress {
        partition: Some(partition_ref(topic.id, index)),
        topic: topic.name.as_str().to_owned(),
        adding: numbers(&state.adding),
        removing: numbers(&state.removing),
        in_sync: numbers(&in_sync),
        bytes_done: done.sum(),
        bytes_total: whole * state.adding.len() as u64,
        throttle_bytes_per_second: state.throttle,
    }
}

#[cfg(test)]
mod tests {
    use weir_core::controller::Record;

    use super::super::tests::{TOPIC, image, with_topic};
    use super::*;

    fn moving() -> Image {
        let mut image = with_topic(image(), "t", &[0]);
        let state = Partition {
            replicas: vec![BrokerId(1), BrokerId(2), BrokerId(0)],
            isr: vec![BrokerId(0), BrokerId(1)],
            leader: Some(BrokerId(0)),
            adding: vec![BrokerId(1), BrokerId(2)],
            removing: vec![BrokerId(0)],
            partition_epoch: weir_model::PartitionEpoch(1),
            ..Partition::default()
        };
        image.apply(&Record::PartitionChanged { topic: TOPIC, index: PartitionIndex(0), state }).unwrap();
        image
    }

    fn says(size_bytes: u64) -> Result<v1::DescribeBrokerReply, String> {
        let log = v1::LogMeasures {
            partition: Some(partition_ref(TOPIC, PartitionIndex(0))),
            size_bytes,
            ..v1::LogMeasures::default()
        };
        Ok(v1::DescribeBrokerReply { logs: vec![log], ..Default::default() })
    }

    #[test]
    fn the_leader_and_the_added_replicas_are_asked_for_their_logs() {
        let asked: Vec<_> = questions(&moving()).into_keys().collect();
        assert_eq!(asked, [BrokerId(0), BrokerId(1), BrokerId(2)]);
        assert!(questions(&image()).is_empty());
    }

    #[test]
    fn what_is_in_sync_is_done_and_the_rest_is_as_far_as_its_broker_says() {
        let answers =
            Answers::from([(BrokerId(0), says(100)), (BrokerId(1), says(90)), (BrokerId(2), says(30))]);
        let told = report(&moving(), &answers);
        assert_eq!((told.moves_left, told.bytes_done, told.bytes_total), (1, 130, 200));
        assert_eq!(told.moves[0].in_sync, [1]);
    }

    #[test]
    fn a_silent_broker_counts_as_nothing_done_and_is_named() {
        let answers = Answers::from([(BrokerId(0), says(100)), (BrokerId(2), Err("silent".to_owned()))]);
        let told = report(&moving(), &answers);
        assert_eq!((told.bytes_done, told.bytes_total, &told.unheard[..]), (100, 200, &[2][..]));
    }
}
