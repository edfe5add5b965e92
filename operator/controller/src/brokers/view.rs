//! What the brokers say of a cluster: one description, kept true by the events that follow it. Pure: it absorbs messages
//! and says what they changed.

use std::collections::BTreeMap;

use weir_admin::admin::v1;
use weir_admin::admin::v1::watch_event::Event;

/// A cluster as its brokers describe it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) cluster_id: String,
    pub(crate) metadata_version: i32,
    /// The metadata that is described.
    pub(crate) index: u64,
    pub(crate) brokers: BTreeMap<i32, v1::BrokerDescription>,
    /// By id.
    pub(crate) topics: BTreeMap<String, TopicView>,
}

/// A topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TopicView {
    pub(crate) name: String,
    pub(crate) internal: bool,
    pub(crate) config: BTreeMap<String, String>,
    /// With every default applied.
    pub(crate) min_insync_replicas: i32,
    pub(crate) partitions: Partitions,
}

/// The partitions of a topic, by number. As few bytes as they need: most topics have few, and a cluster has many topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partitions(Vec<(i32, PartitionView)>);

impl Partitions {
    /// In the order of their numbers.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (i32, &PartitionView)> {
        self.0.iter().map(|(number, partition)| (*number, partition))
    }

    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = &PartitionView> {
        self.0.iter().map(|(_, partition)| partition)
    }

    /// Gives back what was known of it before.
    fn insert(&mut self, number: i32, partition: PartitionView) -> Option<PartitionView> {
        match self.0.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(at) => self.0.get_mut(at).map(|known| std::mem::replace(&mut known.1, partition)),
            Err(at) => {
                self.0.insert(at, (number, partition));
                None
            }
        }
    }

    /// For so many that are yet unknown.
    fn make_room(&mut self, told: usize) {
        self.0.reserve_exact(told.saturating_sub(self.0.len()));
    }
}

#[cfg(test)]
impl<const N: usize> From<[(i32, PartitionView); N]> for Partitions {
    fn from(all: [(i32, PartitionView); N]) -> Self {
        let mut partitions = Self::default();
        for (number, partition) in all {
            partitions.insert(number, partition);
        }
        partitions
    }
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionView {
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
    pub(crate) leader: Option<i32>,
    pub(crate) epoch: i32,
    pub(crate) adding: Vec<i32>,
    pub(crate) removing: Vec<i32>,
}

/// What a message changed, for those who look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Brokers, leaders or who is in sync.
    pub(crate) brokers: bool,
    /// Topics: which there are, their settings, partitions and replicas; and who could hold replicas.
    pub(crate) topics: bool,
}

/// What an event asks of the one who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The view is true again; this changed.
    News(Changed),
    /// Everything up to the index was told.
    Settled,
    /// What changed meanwhile is not known any more: describe anew.
    Begin,
}

/// The description can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the broker's description was cut off")]
pub(crate) struct CutOff;

/// A description while it is being read, part by part.
#[derive(Debug, Default)]
pub(crate) struct Description {
    view: View,
    /// Whether the last part is among those that were read.
    whole: bool,
}

impl Description {
    /// Takes one part in.
    pub(crate) fn take(&mut self, part: v1::DescribeClusterReply) {
        if let Some(summary) = part.summary {
            self.view.cluster_id = summary.cluster_id;
            self.view.metadata_version = summary.metadata_version;
            self.view.index = summary.metadata_index;
        }
        for broker in part.brokers {
            self.view.set_broker(broker);
        }
        for topic in part.topics {
            self.view.set_topic(topic);
        }
        self.whole |= part.last;
    }

    /// What was described; nothing when the last part never came: a cluster without half of its topics is not the cluster.
    pub(crate) fn finish(self) -> Result<View, CutOff> {
        if self.whole { Ok(self.view) } else { Err(CutOff) }
    }
}

impl View {
    /// Takes one event in.
    pub(crate) fn absorb(&mut self, event: v1::WatchEvent) -> Heard {
        let Some(what) = event.event else { return Heard::News(Changed::default()) };
        let changed = match what {
            Event::Resync(_) => return Heard::Begin,
            Event::Settled(_) => {
                self.index = self.index.max(event.index);
                return Heard::Settled;
            }
            Event::Broker(broker) => self.set_broker(broker),
            Event::BrokerGone(id) => {
                let was = self.brokers.remove(&id).is_some();
                Changed { brokers: was, topics: was }
            }
            Event::Topic(topic) => Changed { topics: self.set_topic(topic), brokers: false },
            Event::TopicGone(gone) => {
                let was = self.topics.remove(&gone.topic_id).is_some();
                Changed { brokers: was, topics: was }
            }
            Event::Partition(changed) => self.set_partition(changed),
            Event::Feature(feature) if feature.name == "metadata.version" => {
                self.metadata_version = feature.level;
                Changed { brokers: true, topics: false }
            }
            Event::Feature(_) | Event::BrokerConfig(_) => Changed::default(),
        };
        self.index = self.index.max(event.index);
        Heard::News(changed)
    }

    /// Whether the broker is another than before. Measures change all the time and are left out. Topics are concerned by
    /// one that comes, by its rack, and by whether it takes replicas: what could not be placed before may fit now.
    fn set_broker(&mut self, mut broker: v1::BrokerDescription) -> Changed {
        broker.measures = None;
        broker.measures_missing.clear();
        let id = broker.broker.as_ref().map_or(-1, |broker| broker.id);
        let takes = |broker: &v1::BrokerDescription| (broker.rack.clone(), broker.fenced, broker.drained);
        let now = takes(&broker);
        let before = self.brokers.insert(id, broker);
        Changed {
            brokers: before.as_ref() != self.brokers.get(&id),
            topics: before.as_ref().map(takes) != Some(now),
        }
    }

    /// A topic that occurs again brings more of its partitions, or other settings.
    fn set_topic(&mut self, told: v1::TopicDescription) -> bool {
        let topic = self.topics.entry(told.topic_id).or_default();
        let config = told.config.into_iter().map(|setting| (setting.name, setting.value)).collect();
        let mut changed = topic.name != told.name || topic.config != config;
        (topic.name, topic.internal, topic.config) = (told.name, told.internal, config);
        topic.min_insync_replicas = told.min_insync_replicas;
        topic.partitions.make_room(told.partitions.len());
        for partition in told.partitions {
            let (index, state) = PartitionView::of(partition);
            changed |= topic.partitions.insert(index, state.clone()).as_ref() != Some(&state);
        }
        changed
    }

    fn set_partition(&mut self, told: v1::PartitionChanged) -> Changed {
        let Some(state) = told.state else { return Changed::default() };
        let topic = self.topics.entry(told.topic_id).or_default();
        let (index, state) = PartitionView::of(state);
        let before = topic.partitions.insert(index, state.clone());
        let topics = before.as_ref().is_none_or(|before| {
            (&before.replicas, &before.adding, &before.removing)
                != (&state.replicas, &state.adding, &state.removing)
        });
        let brokers =
            before.is_none_or(|before| (&before.in_sync, before.leader) != (&state.in_sync, state.leader));
        Changed { brokers: brokers || topics, topics }
    }
}

impl PartitionView {
    fn of(told: v1::PartitionDescription) -> (i32, Self) {
        let state = Self {
            replicas: told.replicas,
            in_sync: told.isr,
            leader: told.leader,
            epoch: told.partition_epoch,
            adding: told.adding,
            removing: told.removing,
        };
        (told.partition, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(id: i32, fenced: bool) -> v1::BrokerDescription {
        let reference = v1::BrokerRef { id, incarnation: format!("disk-{id}") };
        v1::BrokerDescription { broker: Some(reference), fenced, ..v1::BrokerDescription::default() }
    }

    fn partition(index: i32, isr: &[i32]) -> v1::PartitionDescription {
        v1::PartitionDescription {
            partition: index,
            replicas: vec![0, 1, 2],
            isr: isr.to_vec(),
            leader: isr.first().copied(),
            ..v1::PartitionDescription::default()
        }
    }

    /// In two parts.
    fn parts() -> [v1::DescribeClusterReply; 2] {
        let topic = |partitions| v1::TopicDescription {
            name: "orders".to_owned(),
            topic_id: "T".to_owned(),
            partitions,
            ..v1::TopicDescription::default()
        };
        let first = v1::DescribeClusterReply {
            summary: Some(v1::ClusterSummary { metadata_index: 7, ..v1::ClusterSummary::default() }),
            brokers: vec![broker(0, false), broker(1, false), broker(2, false)],
            topics: vec![topic(vec![partition(0, &[0, 1, 2])])],
            last: false,
        };
        let second = v1::DescribeClusterReply {
            topics: vec![topic(vec![partition(1, &[0, 1, 2])])],
            last: true,
            ..v1::DescribeClusterReply::default()
        };
        [first, second]
    }

    fn read(parts: impl IntoIterator<Item = v1::DescribeClusterReply>) -> Result<View, CutOff> {
        let mut description = Description::default();
        parts.into_iter().for_each(|part| description.take(part));
        description.finish()
    }

    fn described() -> View {
        read(parts()).expect("a whole description")
    }

    fn event(index: u64, event: Event) -> v1::WatchEvent {
        v1::WatchEvent { index, event: Some(event) }
    }

    fn news(brokers: bool, topics: bool) -> Heard {
        Heard::News(Changed { brokers, topics })
    }

    #[test]
    fn a_description_without_its_end_is_none() {
        assert_eq!(read([]), Err(CutOff));
        let [first, second] = parts();
        assert_eq!(read([first.clone()]), Err(CutOff));
        assert!(read([first, second]).is_ok());
    }

    #[test]
    fn a_topic_in_several_parts_is_one() {
        let view = described();
        assert_eq!((view.index, view.brokers.len(), view.topics["T"].partitions.values().len()), (7, 3, 2));
    }

    #[test]
    fn an_isr_that_shrinks_concerns_those_who_watch_brokers_only() {
        let mut view = described();
        let shrunk = || {
            Event::Partition(v1::PartitionChanged {
                topic_id: "T".to_owned(),
                state: Some(partition(0, &[0, 1])),
            })
        };
        assert_eq!(view.absorb(event(8, shrunk())), news(true, false));
        assert_eq!(view.topics["T"].partitions.0[0].1.in_sync, [0, 1]);
        assert_eq!(view.absorb(event(9, shrunk())), news(false, false), "what is heard twice is no news");
        assert_eq!(view.index, 9);
    }

    #[test]
    fn topics_that_come_change_and_go_are_noticed() {
        let mut view = described();
        let config = vec![v1::Setting { name: "retention.ms".to_owned(), value: "1".to_owned() }];
        let changed = v1::TopicDescription {
            name: "orders".to_owned(),
            topic_id: "T".to_owned(),
            config,
            ..v1::TopicDescription::default()
        };
        assert_eq!(view.absorb(event(8, Event::Topic(changed.clone()))), news(false, true));
        assert_eq!(view.absorb(event(8, Event::Topic(changed))), news(false, false));
        assert_eq!(view.topics["T"].partitions.values().len(), 2, "settings come without partitions");
        let gone = v1::TopicGone { topic_id: "T".to_owned(), name: String::new() };
        assert_eq!(view.absorb(event(9, Event::TopicGone(gone))), news(true, true));
        assert!(view.topics.is_empty());
    }

    #[test]
    fn partitions_stand_in_the_order_of_their_numbers_and_the_last_word_counts() {
        let led_by = |leader| PartitionView { leader: Some(leader), ..PartitionView::default() };
        let mut partitions = Partitions::from([(7, led_by(7)), (0, led_by(0)), (3, led_by(3))]);
        assert_eq!(partitions.insert(3, led_by(4)), Some(led_by(3)));
        assert_eq!(partitions.insert(4, led_by(4)), None);
        let leaders: Vec<_> =
            partitions.iter().map(|(number, partition)| (number, partition.leader)).collect();
        assert_eq!(leaders, [(0, Some(0)), (3, Some(4)), (4, Some(4)), (7, Some(7))]);
    }

    #[test]
    fn measures_are_no_news_and_a_fence_is() {
        let mut view = described();
        let mut measured = broker(1, false);
        measured.measures = Some(v1::BrokerMeasures { at_ms: 5, ..v1::BrokerMeasures::default() });
        assert_eq!(view.absorb(event(8, Event::Broker(measured))), news(false, false));
        assert_eq!(view.absorb(event(9, Event::Broker(broker(1, true)))), news(true, true));
        assert_eq!(view.absorb(event(10, Event::BrokerGone(1))), news(true, true));
        assert_eq!(
            view.absorb(event(10, Event::Broker(broker(7, false)))),
            news(true, true),
            "room for replicas"
        );
        assert_eq!(view.absorb(event(11, Event::Settled(v1::Settled {}))), Heard::Settled);
        assert_eq!(view.absorb(event(12, Event::Resync(v1::Resync {}))), Heard::Begin);
        assert_eq!(view.index, 11);
    }
}
