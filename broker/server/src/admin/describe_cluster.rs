//! DescribeCluster: one image of the metadata, with what the brokers say of themselves beside it, in parts of bounded size.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_admin::admin::v1;
use weir_core::controller::{Image, Topic};
use weir_model::config::Pairs;
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::batch::check_size;
use super::fleet::{self, Answers};
use super::refusal::Refused;
use super::rows;
use super::service::AdminService;
use super::standing::{Standing, latest};
use super::words::partition;
use crate::api::cluster_id;

/// Partitions in one part: some 200 kB.
const PART: usize = 1_000;

/// The size of each partition at its leader, where the leader said it.
type Sizes = BTreeMap<(TopicId, PartitionIndex), u64>;

pub(super) async fn handle(
    service: &AdminService,
    request: v1::DescribeClusterRequest,
) -> Result<Vec<v1::DescribeClusterReply>, Refused> {
    check_size("topics", request.topics.len())?;
    check_size("brokers", request.replicas_on.len())?;
    let broker = &service.broker;
    let ((index, image), standing) = (latest(broker), Standing::of(broker));
    let answers = if request.without_measures {
        Answers::new()
    } else {
        let ask = v1::DescribeBrokerRequest { with_logs: !request.without_topics, ..Default::default() };
        fleet::ask(service, &image, image.brokers().map(|b| (b.registration.id, ask.clone()))).await
    };
    let selected = Selected::of(&image, &request);
    let mut parts = parts(&image, &selected, &sizes(&image, &answers), &broker.file);
    if let Some(first) = parts.first_mut() {
        let mut summary = summary(&image, index, &standing, broker.id);
        if !request.without_topics {
            (summary.under_replicated_partitions, summary.under_min_isr_partitions) =
                lacking(&image, &broker.file);
        }
        first.summary = Some(summary);
        first.brokers = brokers(&image, answers, request.without_measures);
    }
    Ok(parts)
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

fn brokers(image: &Image, mut answers: Answers, not_asked: bool) -> Vec<v1::BrokerDescription> {
    let rows = image.brokers().map(|registered| {
        let mut row = rows::broker(image, registered);
        match answers.remove(&registered.registration.id) {
            Some(Ok(reply)) => {
                row.measures = reply.measures;
                // One that the controller has fenced knows better why it does not serve yet.
                if let Some(own) = &row.measures
                    && matches!(own.state(), v1::BrokerState::Starting | v1::BrokerState::Recovering)
                {
                    row.state = own.state;
                }
            }
            Some(Err(why)) => row.measures_missing = why,
            None if not_asked => row.measures_missing = "it was not asked".to_owned(),
            None => row.measures_missing = "it did not answer".to_owned(),
        }
        row
    });
    rows.collect()
}

/// What leaders say of the partitions that they lead.
fn sizes(image: &Image, answers: &Answers) -> Sizes {
    let mut sizes = Sizes::new();
    for (id, answer) in answers {
        let logs = answer.as_ref().map_or(&[][..], |reply| &reply.logs);
        for log in logs {
            let Ok((topic, index)) = partition(log.partition.as_ref()) else { continue };
            if image.partition(topic, index).is_some_and(|state| state.leader == Some(*id)) {
                sizes.insert((topic, index), log.size_bytes);
            }
        }
    }
    sizes
}

/// Which topics and partitions are described.
struct Selected<'a> {
    topics: Vec<&'a Arc<Topic>>,
    replicas_on: BTreeSet<BrokerId>,
}

impl<'a> Selected<'a> {
    fn of(image: &'a Image, request: &v1::DescribeClusterRequest) -> Self {
        let replicas_on: BTreeSet<_> = request.replicas_on.iter().copied().map(BrokerId).collect();
        let named: BTreeSet<&str> = request.topics.iter().map(String::as_str).collect();
        let topics = match (request.without_topics, named.is_empty(), replicas_on.is_empty()) {
            (true, ..) => Vec::new(),
            (false, false, _) => named.into_iter().filter_map(|name| image.topic(name)).collect(),
            (false, true, true) => image.topics().collect(),
            (false, true, false) => {
                let on = replicas_on.iter().flat_map(|id| image.partitions_on(*id));
                let by_name: BTreeMap<_, _> = on.map(|(topic, ..)| (topic.name.as_str(), topic)).collect();
                by_name.into_values().collect()
            }
        };
        Self { topics, replicas_on }
    }

    fn shows(&self, replicas: &[BrokerId]) -> bool {
        self.replicas_on.is_empty() || replicas.iter().any(|id| self.replicas_on.contains(id))
    }
}

/// The topics in parts; at least one part, and the last one says that it is.
fn parts(
    image: &Image,
    selected: &Selected<'_>,
    sizes: &Sizes,
    defaults: &Pairs,
) -> Vec<v1::DescribeClusterReply> {
    let mut parts = vec![v1::DescribeClusterReply::default()];
    let mut room = PART;
    for topic in &selected.topics {
        let head = rows::topic(image, topic, defaults);
        let shown = topic.numbered().filter(|(_, state)| selected.shows(&state.replicas));
        let mut rows: Vec<_> = shown
            .map(|(index, state)| {
                let size_bytes = sizes.get(&(topic.id, index)).copied();
                v1::PartitionDescription { size_bytes, ..rows::partition(index, state) }
            })
            .collect();
        loop {
            let rest = rows.split_off(rows.len().min(room));
            // A topic takes room too, so that topics without partitions do not all come in one part.
            room = room.saturating_sub(rows.len().max(1));
            if let Some(part) = parts.last_mut() {
                part.topics.push(v1::TopicDescription { partitions: rows, ..head.clone() });
            }
            if room == 0 {
                parts.push(v1::DescribeClusterReply::default());
                room = PART;
            }
            rows = rest;
            if rows.is_empty() {
                break;
            }
        }
    }
    if let Some(part) = parts.last_mut() {
        part.last = true;
    }
    parts
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
        let parts = parts(image, &Selected::of(image, request), &Sizes::new(), &Pairs::new());
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
    fn only_the_leader_tells_the_size() {
        let image = image(&[("a", 2)]);
        let topic = TopicId(uuid::Uuid::from_u128(1));
        let log = |index, size_bytes| v1::LogMeasures {
            partition: Some(super::super::words::partition_ref(topic, PartitionIndex(index))),
            size_bytes,
        };
        let reply = v1::DescribeBrokerReply { logs: vec![log(0, 10), log(1, 20)], ..Default::default() };
        let answers = Answers::from([(BrokerId(0), Ok(reply)), (BrokerId(1), Err("silent".to_owned()))]);
        assert_eq!(sizes(&image, &answers), Sizes::from([((topic, PartitionIndex(0)), 10)]));
    }

    #[test]
    fn brokers_that_were_not_heard_are_marked() {
        let image = image(&[]);
        let reply =
            v1::DescribeBrokerReply { measures: Some(v1::BrokerMeasures::default()), ..Default::default() };
        let answers = Answers::from([(BrokerId(0), Ok(reply)), (BrokerId(1), Err("silent".to_owned()))]);
        let rows = brokers(&image, answers, false);
        assert!(rows[0].measures.is_some() && rows[0].measures_missing.is_empty());
        assert!(rows[1].measures.is_none() && rows[1].measures_missing == "silent");
    }
}
