//! DescribeLogDirs: the one data directory of this broker, the room on its disk, and the replicas in it with their
//! sizes. Asks the disk on a thread that may block.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::warn;
use weir_core::controller::Image;
use weir_log::Space;
use weir_model::{PartitionIndex, TopicId, TopicName};
use weir_wire::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};
use weir_wire::{ErrorCode, Str};

use crate::broker::Broker;
use crate::dispatch::Caller;

/// A replica here and the bytes of its log.
type Sized = (TopicId, PartitionIndex, u64);

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let running = broker.partitions.running();
    let sizes = running.iter().map(|owner| (owner.topic, owner.partition, owner.bytes())).collect();
    let topics = rows(&broker.image(), sizes, request.topics.as_deref());
    let result = directory(path(broker), space(broker).await, topics);
    DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() }
}

/// Absolute, as Kafka shows it.
pub(super) fn path(broker: &Broker) -> Str {
    let home = broker.data.home();
    let absolute = std::path::absolute(home.root()).unwrap_or_else(|_| home.root().to_path_buf());
    Str::from(absolute.display().to_string())
}

pub(crate) async fn space(broker: &Broker) -> Option<Space> {
    let data = Arc::clone(&broker.data);
    match tokio::task::spawn_blocking(move || data.space()).await {
        Ok(Ok(space)) => Some(space),
        Ok(Err(problem)) => {
            warn!(error = %problem, "the disk does not say how much room it has");
            None
        }
        Err(panic) => {
            warn!(%panic, "asking the disk for its room panicked");
            None
        }
    }
}

/// A directory that can not even be asked for its room is offline, and then nothing is said of its replicas.
fn directory(log_dir: Str, space: Option<Space>, topics: Vec<DescribeLogDirsTopic>) -> DescribeLogDirsResult {
    let bytes = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    match space {
        Some(space) => DescribeLogDirsResult {
            log_dir,
            topics,
            total_bytes: bytes(space.total),
            usable_bytes: bytes(space.free),
            ..DescribeLogDirsResult::default()
        },
        None => DescribeLogDirsResult {
            error_code: ErrorCode::KafkaStorageError.into(),
            log_dir,
            ..DescribeLogDirsResult::default()
        },
    }
}

/// The replicas that were asked for and are here, sorted. Null asks for all, an empty list for none.
fn rows(
    image: &Image,
    sizes: Vec<Sized>,
    asked: Option<&[DescribableLogDirTopic]>,
) -> Vec<DescribeLogDirsTopic> {
    let mut topics: BTreeMap<TopicName, BTreeMap<PartitionIndex, u64>> = BTreeMap::new();
    for (id, index, bytes) in sizes {
        // A topic that is being deleted is no longer in the image.
        if let Some(topic) = image.topic_by_id(id) {
            topics.entry(topic.name.clone()).or_default().insert(index, bytes);
        }
    }
    if let Some(asked) = asked {
        topics = only(topics, asked);
    }
    let rows = topics.into_iter().map(|(name, partitions)| DescribeLogDirsTopic {
        name: Str::from(name.as_str()),
        partitions: partitions.into_iter().map(|(index, bytes)| partition(index, bytes)).collect(),
    });
    rows.collect()
}

fn only(
    mut topics: BTreeMap<TopicName, BTreeMap<PartitionIndex, u64>>,
    asked: &[DescribableLogDirTopic],
) -> BTreeMap<TopicName, BTreeMap<PartitionIndex, u64>> {
    let mut wanted: BTreeMap<TopicName, BTreeMap<PartitionIndex, u64>> = BTreeMap::new();
    for topic in asked {
        let Ok(name) = TopicName::new(&topic.topic) else { continue };
        let Some(here) = topics.get_mut(&name) else { continue };
        let found = topic.partitions.iter().filter_map(|index| here.remove_entry(&PartitionIndex(*index)));
        let found: BTreeMap<_, _> = found.collect();
        if !found.is_empty() {
            wanted.entry(name).or_default().extend(found);
        }
    }
    wanted
}

fn partition(index: PartitionIndex, bytes: u64) -> DescribeLogDirsPartition {
    DescribeLogDirsPartition {
        partition_index: index.0,
        partition_size: i64::try_from(bytes).unwrap_or(i64::MAX),
        ..DescribeLogDirsPartition::default()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_core::controller::Record;

    use super::*;

    fn id(n: u128) -> TopicId {
        TopicId(Uuid::from_u128(n))
    }

    fn described(asked: Option<&[(&str, &[i32])]>) -> Vec<(String, Vec<(i32, i64)>)> {
        let mut image = Image::default();
        for (n, name) in [(7, "b"), (8, "a")] {
            let name = TopicName::new(name).unwrap();
            image.apply(&Record::TopicCreated { id: id(n), name }).unwrap();
        }
        let sizes = [(7, 1, 11), (7, 0, 10), (8, 0, 20), (9, 0, 30)];
        let sizes = sizes.map(|(topic, index, bytes)| (id(topic), PartitionIndex(index), bytes)).to_vec();
        let asked: Option<Vec<_>> = asked.map(|topics| {
            let topic = |(topic, partitions): &(&str, &[i32])| DescribableLogDirTopic {
                topic: Str::from(*topic),
                partitions: partitions.to_vec(),
            };
            topics.iter().map(topic).collect()
        });
        let rows = rows(&image, sizes, asked.as_deref());
        let short = |topic: DescribeLogDirsTopic| {
            let partitions = topic.partitions.iter().map(|p| (p.partition_index, p.partition_size));
            (topic.name.to_string(), partitions.collect())
        };
        rows.into_iter().map(short).collect()
    }

    #[test]
    fn null_asks_for_every_replica_of_a_topic_that_exists() {
        let all = [("a".to_owned(), vec![(0, 20)]), ("b".to_owned(), vec![(0, 10), (1, 11)])];
        assert_eq!(described(None), all);
    }

    #[test]
    fn a_list_asks_for_what_it_names_and_what_is_not_here_is_left_out() {
        assert_eq!(described(Some(&[])), []);
        assert_eq!(described(Some(&[("none", &[0]), ("b/", &[0]), ("a", &[9])])), []);
        let asked: &[(&str, &[i32])] = &[("b", &[1, 1]), ("b", &[1, 0])];
        assert_eq!(described(Some(asked)), [("b".to_owned(), vec![(0, 10), (1, 11)])]);
    }

    #[test]
    fn a_directory_without_an_answer_from_the_disk_is_offline() {
        let topics = vec![DescribeLogDirsTopic::default()];
        let online = directory(Str::from("/d"), Some(Space { free: 3, total: u64::MAX }), topics.clone());
        assert_eq!((online.error_code, online.total_bytes, online.usable_bytes), (0, i64::MAX, 3));
        assert_eq!(online.topics, topics);
        let offline = directory(Str::from("/d"), None, topics);
        assert_eq!((offline.error_code, offline.total_bytes, offline.usable_bytes), (56, -1, -1));
        assert!(offline.topics.is_empty());
    }
}
