//! AlterReplicaLogDirs: moves of replicas between the disks of a broker. A broker has one log directory here, so a
//! replica is where it should be, or the directory is not known.

use std::path::Path;

use weir_core::controller::Image;
use weir_model::{PartitionIndex, TopicId};
use weir_wire::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};
use weir_wire::{ErrorCode, Str};

use super::describe_log_dirs;
use super::repeated::grouped;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let (image, home) = (broker.image(), describe_log_dirs::path(broker));
    let is_here = |topic, index| broker.partitions.get(topic, index).is_some();
    let rows = request.dirs.iter().flat_map(|dir| {
        let known = same_directory(&dir.path, &home);
        let (image, is_here) = (&image, &is_here);
        dir.topics.iter().flat_map(move |topic| {
            topic.partitions.iter().map(move |index| {
                let code = match known {
                    true => outcome(image, &topic.name, PartitionIndex(*index), is_here),
                    false => ErrorCode::LogDirNotFound,
                };
                let row =
                    AlterReplicaLogDirPartitionResult { partition_index: *index, error_code: code.into() };
                (topic.name.clone(), row)
            })
        })
    });
    let results = grouped(rows)
        .into_iter()
        .map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult { topic_name, partitions });
    AlterReplicaLogDirsResponse { results: results.collect(), ..AlterReplicaLogDirsResponse::default() }
}

fn same_directory(asked: &str, home: &Str) -> bool {
    Path::new(asked).components().eq(Path::new(&**home).components())
}

/// Kafka would keep the directory in mind for a replica that may come later, and says that it is not here.
fn outcome(
    image: &Image,
    topic: &str,
    index: PartitionIndex,
    is_here: &impl Fn(TopicId, PartitionIndex) -> bool,
) -> ErrorCode {
    match image.topic(topic).filter(|topic| topic.partition(index).is_some()) {
        None => ErrorCode::UnknownTopicOrPartition,
        Some(topic) if is_here(topic.id, index) => ErrorCode::None,
        Some(_) => ErrorCode::NotLeaderOrFollower,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_core::controller::{Partition, Record};
    use weir_model::{BrokerId, TopicName};

    use super::*;

    #[test]
    fn a_replica_is_where_it_should_be_or_not_here_or_not_anywhere() {
        let id = TopicId(Uuid::from_u128(7));
        let mut image = Image::default();
        image.apply(&Record::TopicCreated { id, name: TopicName::new("t").unwrap() }).unwrap();
        for index in [0, 1] {
            let state = Partition { replicas: vec![BrokerId(0)], ..Partition::default() };
            let index = PartitionIndex(index);
            image.apply(&Record::PartitionChanged { topic: id, index, state }).unwrap();
        }
        let first_is_here = |_, index| index == PartitionIndex(0);
        let cases = [
            ("t", 0, ErrorCode::None),
            ("t", 1, ErrorCode::NotLeaderOrFollower),
            ("t", 2, ErrorCode::UnknownTopicOrPartition),
            ("t", -1, ErrorCode::UnknownTopicOrPartition),
            ("none", 0, ErrorCode::UnknownTopicOrPartition),
        ];
        for (topic, index, wanted) in cases {
            assert_eq!(
                outcome(&image, topic, PartitionIndex(index), &first_is_here),
                wanted,
                "{topic}-{index}"
            );
        }
    }

    #[test]
    fn a_directory_is_known_by_its_path() {
        let home = Str::from("/var/weir");
        for (asked, wanted) in [("/var/weir", true), ("/var/weir/", true), ("/var", false), ("", false)] {
            assert_eq!(same_directory(asked, &home), wanted, "{asked}");
        }
    }
}
