//! DescribeCluster: one image of the metadata, with what the brokers say of themselves beside it, in parts of bounded size.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Instant;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;
use weir_admin::admin::v1;
use weir_core::controller::{Image, Topic};
use weir_model::config::Pairs;
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::batch::check_size;
use super::bounds::UNREAD_MAX;
use super::fleet::{self, Answers};
use super::refusal::Refused;
use super::rows;
use super::service::AdminService;
use super::standing::{Standing, latest};
use super::words::partition;
use crate::api::cluster_id;

/// Partitions in one part: some 200 kB.
const PART: usize = 1_000;

/// What the leader of each partition said of its log.
type Logs = BTreeMap<(TopicId, PartitionIndex), Log>;

/// What a leader says of a log: its size and its rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Log {
    bytes: u64,
    bytes_in: Option<u64>,
    bytes_out: Option<u64>,
    rates_unknown: bool,
}

/// What the brokers said of themselves.
#[derive(Debug, Default)]
pub(super) struct Measured {
    brokers: Answers,
    logs: Logs,
}

/// One caller's snapshot: made part by part, when the caller has taken the one before.
struct Describing {
    service: Weak<AdminService>,
    request: v1::DescribeClusterRequest,
    parts: Option<Parts>,
    until: Instant,
    /// Counts this caller.
    _room: OwnedSemaphorePermit,
}

pub(super) fn handle(
    service: &Arc<AdminService>,
    request: v1::DescribeClusterRequest,
) -> Result<BoxStream<'static, Result<v1::DescribeClusterReply, Status>>, Refused> {
    check_size("topics", request.topics.len())?;
    check_size("brokers", request.replicas_on.len())?;
    let describing = Describing {
        service: Arc::downgrade(service),
        request,
        parts: None,
        until: Instant::now() + UNREAD_MAX,
        _room: service.bounds.snapshot()?,
    };
    Ok(stream::unfold(describing, Describing::next).boxed())
}

impl Describing {
    async fn next(mut self) -> Option<(Result<v1::DescribeClusterReply, Status>, Self)> {
        let service = self.service.upgrade()?;
        if let Some(parts) = &mut self.parts {
            if Instant::now() > self.until {
                // A stream that ends without its last part was cut off.
                return None;
            }
            let _turn = service.bounds.turn().await;
            return parts.next().map(|part| (Ok(part), self));
        }
        let (index, image) = latest(&service.broker);
        let standing = Standing::of(&service.broker);
        let measured = measured(&service, &image, &self.request).await;
        let _turn = service.bounds.turn().await;
        let topics = selected(&image, &self.request);
        let mut parts = Parts {
            image: Arc::clone(&image),
            replicas_on: self.request.replicas_on.iter().copied().map(BrokerId).collect(),
            topics,
            from: 0,
            measured: Arc::clone(&measured),
            defaults: Arc::clone(&service.broker.file),
            is_over: false,
        };
        let mut first = parts.next()?;
        let mut summary = summary(&image, index, &standing, service.broker.id);
        if !self.request.without_topics {
            (summary.under_replicated_partitions, summary.under_min_isr_partitions) =
                lacking(&image, &service.broker.file);
        }
        first.summary = Some(summary);
        first.brokers = brokers(&image, &measured.brokers, self.request.without_measures);
        self.parts = Some(parts);
        Some((Ok(first), self))
    }
}

/// What the brokers say of themselves, where that is asked for.
async fn measured(
    service: &Arc<AdminService>,
    image: &Arc<Image>,
    request: &v1::DescribeClusterRequest,
) -> Arc<Measured> {
    if request.without_measures {
        return Arc::default();
    }
    let with_logs = !request.without_topics;
    let once = if with_logs { &service.measured_logs } else { &service.measured };
    let (service, image) = (Arc::clone(service), Arc::clone(image));
    let ask = || async move {
        let ask = v1::DescribeBrokerRequest { with_logs, ..Default::default() };
        let asked = image.brokers().map(|broker| (broker.registration.id, ask.clone()));
        let mut brokers = fleet::ask(&service, &image, asked).await;
        let logs = logs(&image, &brokers);
        brokers.values_mut().flatten().for_each(|reply| reply.logs = Vec::new());
        Measured { brokers, logs }
    };
    once.join(Instant::now(), ask).await
}

fn summary(image: &Image, metadata_index: u64, standing: &Standing, me: BrokerId) -> v1::ClusterSummary {
    v1::ClusterSummary {
        cluster_id: image.cluster_id().map(cluster_id::as_text).unwrap_or_default(),
        metadata_index,
        controller: standing.controller.map(|id| id.0),
        controller_term: standing.term,
        voters: standing.voters.clone(),
        learners: standing.learners.clone(),
        metadata_version: i32::from(image.metadata_version()),
        topics: image.topic_count() as u64,
        partitions: image.partition_count() as u64,
        offline_partitions: image.leaderless_count() as u64,
        under_replicated_partitions: None,
        under_min_isr_partitions: None,
        moving_partitions: image.moving_count() as u64,
        answered_by: me.0,
    }
}

/// Partitions with fewer replicas in sync than they have, and than they need.
fn lacking(image: &Image, defaults: &Pairs) -> (Option<u64>, Option<u64>) {
    let (mut replicas, mut in_sync) = (0, 0);
    for topic in image.topics() {
        let min_isr = image.min_isr(topic, defaults);
        for partition in &topic.partitions {
            replicas += u64::from(partition.isr.len() < partition.replicas.len());
            in_sync += u64::from(partition.isr.len() < min_isr.min(partition.replicas.len()));
        }
    }
    (Some(replicas), Some(in_sync))
}

fn brokers(image: &Image, answers: &Answers, not_asked: bool) -> Vec<v1::BrokerDescription> {
    let rows = image.brokers().map(|registered| {
        let mut row = rows::broker(image, registered);
        match answers.get(&registered.registration.id) {
            Some(Ok(reply)) => {
                row.measures.clone_from(&reply.measures);
                // One that the controller has fenced knows better why it does not serve yet.
                if let Some(own) = &row.measures
                    && matches!(own.state(), v1::BrokerState::Starting | v1::BrokerState::Recovering)
                {
                    row.state = own.state;
                }
            }
            Some(Err(why)) => row.measures_missing.clone_from(why),
            None if not_asked => row.measures_missing = "it was not asked".to_owned(),
            None => row.measures_missing = "it did not answer".to_owned(),
        }
        row
    });
    rows.collect()
}

/// What leaders say of the partitions that they lead.
fn logs(image: &Image, answers: &Answers) -> Logs {
    let mut logs = Logs::new();
    for (id, answer) in answers {
        let told = answer.as_ref().map_or(&[][..], |reply| &reply.logs);
        for log in told {
            let Ok((topic, index)) = partition(log.partition.as_ref()) else { continue };
            if image.partition(topic, index).is_some_and(|state| state.leader == Some(*id)) {
                logs.insert((topic, index), Log::of(log));
            }
        }
    }
    logs
}

impl Log {
    const fn of(told: &v1::LogMeasures) -> Self {
        Self {
            bytes: told.size_bytes,
            bytes_in: told.bytes_in_per_second,
            bytes_out: told.bytes_out_per_second,
            rates_unknown: told.rates_unknown,
        }
    }
}

/// Which topics are described.
fn selected(image: &Image, request: &v1::DescribeClusterRequest) -> VecDeque<Arc<Topic>> {
    match (request.without_topics, request.topics.is_empty(), request.replicas_on.is_empty()) {
        (true, ..) => VecDeque::new(),
        (false, false, _) => {
            let named: BTreeSet<&str> = request.topics.iter().map(String::as_str).collect();
            named.into_iter().filter_map(|name| image.topic(name)).cloned().collect()
        }
        (false, true, true) => image.topics().cloned().collect(),
        (false, true, false) => {
            let on = request.replicas_on.iter().flat_map(|id| image.partitions_on(BrokerId(*id)));
            let by_name: BTreeMap<_, _> = on.map(|(topic, ..)| (topic.name.as_str(), topic)).collect();
            by_name.into_values().cloned().collect()
        }
    }
}

/// The topics in parts; at least one part, and the last one says that it is.
struct Parts {
    image: Arc<Image>,
    /// Only partitions with a replica on one of these; all when empty.
    replicas_on: BTreeSet<BrokerId>,
    topics: VecDeque<Arc<Topic>>,
    /// Of the first topic, these partitions were told.
    from: usize,
    measured: Arc<Measured>,
    defaults: Arc<Pairs>,
    is_over: bool,
}

impl Iterator for Parts {
    type Item = v1::DescribeClusterReply;

    fn next(&mut self) -> Option<v1::DescribeClusterReply> {
        if self.is_over {
            return None;
        }
        let (mut part, mut room) = (v1::DescribeClusterReply::default(), PART);
        while room > 0
            && let Some(topic) = self.topics.front().cloned()
        {
            let partitions = self.rows(&topic, room);
            // A topic takes room too, so that topics without partitions do not all come in one part.
            room = room.saturating_sub(partitions.len().max(1));
            if self.from >= topic.partitions.len() {
                self.topics.pop_front();
                self.from = 0;
            }
            let head = rows::topic(&self.image, &topic, &self.defaults);
            part.topics.push(v1::TopicDescription { partitions, ..head });
        }
        self.is_over = self.topics.is_empty();
        part.last = self.is_over;
        Some(part)
    }
}

impl Parts {
    /// The next partitions of a topic, as many as there is room for.
    fn rows(&mut self, topic: &Topic, room: usize) -> Vec<v1::PartitionDescription> {
        let mut rows = Vec::new();
        for (index, state) in topic.numbered().skip(self.from) {
            if rows.len() == room {
                break;
            }
            self.from += 1;
            if self.replicas_on.is_empty() || state.replicas.iter().any(|id| self.replicas_on.contains(id)) {
                let said = self.measured.logs.get(&(topic.id, index));
                let log = said.copied().unwrap_or_default();
                rows.push(v1::PartitionDescription {
                    size_bytes: said.map(|log| log.bytes),
                    bytes_in_per_second: log.bytes_in,
                    bytes_out_per_second: log.bytes_out,
                    rates_unknown: log.rates_unknown,
                    ..rows::partition(index, state)
                });
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use weir_core::controller::{Partition, Record, Registration};
    use weir_model::TopicName;

    use super::*;

    fn image(topics: &[(&str, i32)]) -> Image {
        let mut image = Image::default();
        for id in [0, 1] {
            let registration = Registration { id: BrokerId(id), ..Registration::default() };
            image.apply(&Record::BrokerRegistered(registration)).unwrap();
        }
        for (n, (name, count)) in (1..).zip(topics) {
            let id = TopicId(uuid::Uuid::from_u128(n));
            image.apply(&Record::TopicCreated { id, name: TopicName::new(name).unwrap() }).unwrap();
            for index in 0..*count {
                let broker = BrokerId(index % 2);
                let state = Partition {
                    replicas: vec![broker],
                    isr: vec![broker],
                    leader: Some(broker),
                    ..Partition::default()
                };
                image
                    .apply(&Record::PartitionChanged { topic: id, index: PartitionIndex(index), state })
                    .unwrap();
            }
        }
        image
    }

    fn described(image: &Image, request: &v1::DescribeClusterRequest) -> Vec<Vec<(String, usize)>> {
        let parts = Parts {
            image: Arc::new(image.clone()),
            replicas_on: request.replicas_on.iter().copied().map(BrokerId).collect(),
            topics: selected(image, request),
            from: 0,
            measured: Arc::default(),
            defaults: Arc::default(),
            is_over: false,
        };
        let parts: Vec<_> = parts.collect();
        assert!(parts.last().unwrap().last);
        assert_eq!(parts.iter().filter(|part| part.last).count(), 1);
        let short = |part: v1::DescribeClusterReply| {
            part.topics.into_iter().map(|topic| (topic.name, topic.partitions.len())).collect()
        };
        parts.into_iter().map(short).collect()
    }

    fn rows(rows: &[(&str, usize)]) -> Vec<(String, usize)> {
        rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn parts_are_bounded_and_together_everything() {
        let all = v1::DescribeClusterRequest::default();
        assert_eq!(described(&image(&[]), &all), [rows(&[])]);
        assert_eq!(described(&image(&[("a", 2), ("b", 1)]), &all), [rows(&[("a", 2), ("b", 1)])]);
        let large = described(&image(&[("a", 2_300), ("b", 1)]), &all);
        assert_eq!(large, [rows(&[("a", 1_000)]), rows(&[("a", 1_000)]), rows(&[("a", 300), ("b", 1)])]);
    }

    #[test]
    fn topics_and_brokers_select_and_what_is_unknown_is_left_out() {
        let image = image(&[("a", 2), ("b", 1)]);
        let ask = |topics: &[&str], replicas_on: &[i32], without_topics| v1::DescribeClusterRequest {
            topics: topics.iter().map(|name| (*name).to_owned()).collect(),
            replicas_on: replicas_on.to_vec(),
            without_topics,
            ..Default::default()
        };
        let cases: [(_, &[(&str, usize)]); 5] = [
            (ask(&["b", "none"], &[], false), &[("b", 1)]),
            (ask(&[], &[1], false), &[("a", 1)]),
            (ask(&["a", "b"], &[0], false), &[("a", 1), ("b", 1)]),
            (ask(&[], &[7], false), &[]),
            (ask(&["a"], &[], true), &[]),
        ];
        for (request, wanted) in cases {
            assert_eq!(described(&image, &request), [rows(wanted)], "{request:?}");
        }
    }

    #[test]
    fn only_the_leader_tells_the_size_and_the_rates() {
        let image = image(&[("a", 2)]);
        let topic = TopicId(uuid::Uuid::from_u128(1));
        let log = |index, size_bytes| v1::LogMeasures {
            partition: Some(super::super::words::partition_ref(topic, PartitionIndex(index))),
            size_bytes,
            bytes_in_per_second: Some(size_bytes),
            ..v1::LogMeasures::default()
        };
        let reply = v1::DescribeBrokerReply { logs: vec![log(0, 10), log(1, 20)], ..Default::default() };
        let answers = Answers::from([(BrokerId(0), Ok(reply)), (BrokerId(1), Err("silent".to_owned()))]);
        let said = Log { bytes: 10, bytes_in: Some(10), ..Log::default() };
        assert_eq!(logs(&image, &answers), Logs::from([((topic, PartitionIndex(0)), said)]));
    }

    #[test]
    fn brokers_that_were_not_heard_are_marked() {
        let image = image(&[]);
        let reply =
            v1::DescribeBrokerReply { measures: Some(v1::BrokerMeasures::default()), ..Default::default() };
        let answers = Answers::from([(BrokerId(0), Ok(reply)), (BrokerId(1), Err("silent".to_owned()))]);
        let rows = brokers(&image, &answers, false);
        assert!(rows[0].measures.is_some() && rows[0].measures_missing.is_empty());
        assert!(rows[1].measures.is_none() && rows[1].measures_missing == "silent");
    }
}
