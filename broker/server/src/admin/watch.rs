//! Watch: the changes of the metadata as they come, as states and not as differences, so that hearing one twice does no
//! harm.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use weir_admin::admin::v1;
use weir_admin::admin::v1::watch_event::Event;
use weir_core::controller::{ConfigScope, Image, Record};
use weir_model::config::Pairs;
use weir_model::{BrokerId, TopicId};

use super::changes::Missed;
use super::refusal::Refused;
use super::service::AdminService;
use super::words::topic_text;
use super::{rows, standing};

/// How long nothing is said when nothing happens.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What one stream remembers.
struct Watching {
    service: Weak<AdminService>,
    stop: CancellationToken,
    latest: watch::Receiver<u64>,
    /// Everything up to here was told; none: nothing was, and the caller has to begin anew.
    told: Option<u64>,
    waiting: VecDeque<v1::WatchEvent>,
    /// Counts this caller.
    _room: OwnedSemaphorePermit,
}

pub(super) fn handle(
    service: &Arc<AdminService>,
    request: &v1::WatchRequest,
) -> Result<BoxStream<'static, Result<v1::WatchEvent, Status>>, Refused> {
    let watching = Watching {
        service: Arc::downgrade(service),
        stop: service.broker.stop.clone(),
        latest: service.changes.latest(),
        told: request.since_index,
        waiting: VecDeque::new(),
        _room: service.bounds.watch()?,
    };
    Ok(stream::unfold(watching, |watching| watching.next()).boxed())
}

impl Watching {
    async fn next(mut self) -> Option<(Result<v1::WatchEvent, Status>, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), self));
            }
            let service = self.service.upgrade()?;
            let latest = *self.latest.borrow_and_update();
            let missed = self.told.map_or(Missed::Lost, |told| match service.changes.since(told) {
                // An index that the quorum does not know either is of another cluster, or of one that was restored.
                Missed::Ahead if told > standing::latest(&service.broker).0 => Missed::Lost,
                missed => missed,
            });
            match missed {
                Missed::Ahead => {
                    drop(service);
                    self.changed().await?;
                }
                Missed::Lost => {
                    self.waiting.push_back(event(latest, Event::Resync(v1::Resync {})));
                    self.told = Some(latest);
                }
                Missed::Rounds(rounds) => {
                    if !rounds.is_empty() {
                        let _turn = service.bounds.turn().await;
                        let image = service.broker.image();
                        for (index, records) in &rounds {
                            self.waiting.extend(events(&image, *index, records, &service.broker.file));
                            self.told = Some(*index);
                        }
                    }
                    drop(service);
                    if rounds.is_empty() && !self.changed().await? {
                        self.waiting.push_back(event(latest, Event::Settled(v1::Settled {})));
                    }
                }
            }
        }
    }

    /// Waits for a change, but not for ever; none when the broker stops.
    async fn changed(&mut self) -> Option<bool> {
        tokio::select! {
            changed = self.latest.changed() => changed.is_ok().then_some(true),
            () = tokio::time::sleep(SILENCE_MAX) => Some(false),
            () = self.stop.cancelled() => None,
        }
    }
}

fn event(index: u64, event: Event) -> v1::WatchEvent {
    v1::WatchEvent { index, event: Some(event) }
}

/// What the records of one index mean to a watcher. Brokers and topics are told as they are in the image, which may be
/// newer.
fn events(image: &Image, index: u64, records: &[Record], defaults: &Pairs) -> Vec<v1::WatchEvent> {
    let (mut brokers, mut topics) = (BTreeSet::new(), BTreeSet::new());
    let mut events: Vec<Event> = Vec::new();
    for record in records {
        match record {
            Record::BrokerRegistered(registration) => {
                brokers.insert(registration.id);
            }
            Record::BrokerFencingChanged { id, .. }
            | Record::BrokerShuttingDown { id }
            | Record::BrokerDrainChanged { id, .. }
            | Record::BrokerUnregistered { id, .. } => {
                brokers.insert(*id);
            }
            Record::TopicCreated { id, .. } | Record::ConfigChanged { scope: ConfigScope::Topic(id), .. } => {
                topics.insert(*id);
            }
            Record::TopicDeleted { id } => {
                let name = String::new();
                events.push(Event::TopicGone(v1::TopicGone { topic_id: topic_text(*id), name }));
            }
            Record::PartitionChanged { topic, index, state } => {
                events.push(Event::Partition(v1::PartitionChanged {
                    topic_id: topic_text(*topic),
                    state: Some(rows::partition(*index, state)),
                }));
            }
            Record::ConfigChanged { scope, name, .. } => {
                let broker = if let ConfigScope::Broker(id) = scope { Some(id.0) } else { None };
                events.push(Event::BrokerConfig(v1::BrokerConfigChanged { broker, name: name.clone() }));
            }
            Record::FeatureLevelChanged { name, level } => {
                let (name, level) = (name.clone(), i32::from(*level));
                events.push(Event::Feature(v1::FeatureChanged { name, level }));
            }
            Record::ClusterCreated { .. } | Record::ProducerIdsAllocated { .. } => {}
        }
    }
    // A topic comes before its partitions.
    let told = topics.into_iter().filter_map(|id| topic_event(image, id, defaults));
    let told = told.chain(brokers.into_iter().map(|id| broker_event(image, id)));
    let told = told.chain(events).chain([Event::Settled(v1::Settled {})]);
    told.map(|one| event(index, one)).collect()
}

/// Nothing of a topic that is gone by now: its end comes with a later index.
fn topic_event(image: &Image, id: TopicId, defaults: &Pairs) -> Option<Event> {
    let topic = image.topic_by_id(id)?;
    Some(Event::Topic(rows::topic(image, topic, defaults)))
}

fn broker_event(image: &Image, id: BrokerId) -> Event {
    match image.broker(id) {
        Some(registered) => Event::Broker(rows::broker(image, registered)),
        None => Event::BrokerGone(id.0),
    }
}

#[cfg(test)]
mod tests {
    use weir_core::controller::Partition;
    use weir_model::PartitionIndex;

    use super::super::tests::{TOPIC, image, with_topic};
    use super::*;

    fn words(image: &Image, records: &[Record]) -> Vec<String> {
        let word = |event: v1::WatchEvent| {
            assert_eq!(event.index, 7);
            match event.event.unwrap() {
                Event::Resync(_) => "resync".to_owned(),
                Event::Broker(row) => format!("broker {}", row.broker.unwrap().id),
                Event::BrokerGone(id) => format!("broker {id} gone"),
                Event::Topic(row) => format!("topic {}", row.name),
                Event::TopicGone(_) => "topic gone".to_owned(),
                Event::Partition(row) => format!("partition {}", row.state.unwrap().partition),
                Event::Settled(_) => "settled".to_owned(),
                Event::BrokerConfig(row) => format!("setting {} of {:?}", row.name, row.broker),
                Event::Feature(row) => format!("feature {}", row.level),
            }
        };
        events(image, 7, records, &Pairs::new()).into_iter().map(word).collect()
    }

    #[test]
    fn records_of_one_index_are_told_together_topics_before_their_partitions() {
        let image = with_topic(image(), "t", &[0]);
        let changed = |index| Record::PartitionChanged {
            topic: TOPIC,
            index: PartitionIndex(index),
            state: Partition::default(),
        };
        let id = BrokerId(1);
        let records = [
            changed(0),
            Record::TopicCreated { id: TOPIC, name: image.topic("t").unwrap().name.clone() },
            Record::BrokerFencingChanged { id, fenced: true },
            Record::BrokerDrainChanged { id, drained: true },
            Record::BrokerUnregistered { id: BrokerId(9), epoch: 1 },
            Record::FeatureLevelChanged { name: "f".to_owned(), level: 2 },
        ];
        let wanted = ["topic t", "broker 1", "broker 9 gone", "partition 0", "feature 2", "settled"];
        assert_eq!(words(&image, &records), wanted);
    }

    #[test]
    fn a_topic_that_is_gone_by_now_is_only_told_to_be_gone() {
        let name = weir_model::TopicName::new("t").unwrap();
        let records = [Record::TopicCreated { id: TOPIC, name }, Record::TopicDeleted { id: TOPIC }];
        assert_eq!(words(&image(), &records), ["topic gone", "settled"]);
        assert_eq!(words(&image(), &[]), ["settled"]);
    }
}
