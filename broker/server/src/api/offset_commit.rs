//! OffsetCommit: what is the next offset to consume, per partition. Topics are named until version 9 and have ids since
//! version 10. Partitions that do not exist are refused one by one; the rest is committed as one.

use weir_core::controller::Image;
use weir_core::group::TopicOutcome;
use weir_core::group::{Command, Commit, Generation, GroupId, MemberId, PartitionCommit, Reply, TopicCommit};
use weir_model::{DurationMs, LeaderEpoch, Offset, PartitionIndex, TopicId};
use weir_wire::ErrorCode;
use weir_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};

use super::asked_partitions::{AskedTopic, By, settle, topic};
use super::errors;
use super::group_words::{ask, instance};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let (mut asked, commit) = plan(&broker.image(), caller.version, request);
    if !commit.topics.is_empty() {
        settle(&mut asked, put(broker, commit).await);
    }
    answer(asked)
}

async fn put(broker: &Broker, commit: Commit) -> Result<Vec<TopicOutcome>, ErrorCode> {
    let group = commit.group.clone();
    match ask(broker, group.as_str(), Command::Commit(commit)).await? {
        Reply::Commit(outcome) => outcome.map_err(errors::of_group),
        _ => Err(ErrorCode::UnknownServerError),
    }
}

/// What to answer, as far as it is known, and what to commit.
fn plan(image: &Image, version: i16, request: OffsetCommitRequest) -> (Vec<AskedTopic>, Commit) {
    let by = if version >= 10 { By::Id } else { By::Name };
    let mut asked = Vec::with_capacity(request.topics.len());
    let mut topics = Vec::new();
    for wanted in request.topics {
        let found = topic(image, by, &wanted.name, wanted.topic_id);
        let indexes = wanted.partitions.iter().map(|partition| partition.partition_index);
        let checked = AskedTopic::check(wanted.name, wanted.topic_id, found, indexes);
        let existing =
            checked.partitions.iter().zip(&wanted.partitions).filter(|(checked, _)| checked.exists());
        let partitions: Vec<_> = existing.map(|(_, partition)| partition_commit(partition)).collect();
        if let (Ok(found), false) = (found, partitions.is_empty()) {
            let topic_id = if by == By::Id { found.id } else { TopicId::ZERO };
            topics.push(TopicCommit { topic: found.name.clone(), topic_id, partitions });
        }
        asked.push(checked);
    }
    let commit = Commit {
        group: GroupId::from(request.group_id.as_str()),
        member: MemberId::from(request.member_id.as_str()),
        instance: instance(request.group_instance_id.as_ref()),
        generation: Generation(request.generation_id_or_member_epoch),
        unknown_group_is_illegal_generation: version < 9,
        retention: retention(version, request.retention_time_ms),
        topics,
    };
    (asked, commit)
}

fn partition_commit(partition: &OffsetCommitRequestPartition) -> PartitionCommit {
    PartitionCommit {
        partition: PartitionIndex(partition.partition_index),
        offset: Offset(partition.committed_offset),
        leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().into(),
    }
}

/// Versions 2 to 4 may say how long an offset is kept.
fn retention(version: i16, retention_time_ms: i64) -> Option<DurationMs> {
    ((2..=4).contains(&version) && retention_time_ms != -1).then_some(DurationMs(retention_time_ms))
}

fn answer(asked: Vec<AskedTopic>) -> OffsetCommitResponse {
    let topics = asked.into_iter().map(|topic| OffsetCommitResponseTopic {
        partitions: topic
            .partitions
            .iter()
            .map(|p| OffsetCommitResponsePartition { partition_index: p.index, error_code: p.code() })
            .collect(),
        name: topic.name,
        topic_id: topic.id,
    });
    OffsetCommitResponse { topics: topics.collect(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_wire::messages::offset_commit::OffsetCommitRequestTopic;

    use super::super::asked_partitions::tests::{ORDERS, image};
    use super::*;

    fn wanted(name: &str, topic_id: Uuid, indexes: &[i32]) -> OffsetCommitRequestTopic {
        let partition = |index: &i32| OffsetCommitRequestPartition {
            partition_index: *index,
            committed_offset: 100 + i64::from(*index),
            committed_metadata: None,
            ..Default::default()
        };
        OffsetCommitRequestTopic {
            name: name.into(),
            topic_id,
            partitions: indexes.iter().map(partition).collect(),
        }
    }

    fn planned(version: i16, topics: Vec<OffsetCommitRequestTopic>) -> (Vec<AskedTopic>, Commit) {
        let request = OffsetCommitRequest { group_id: "g".into(), topics, ..Default::default() };
        plan(&image(), version, request)
    }

    #[test]
    fn what_exists_is_committed_and_the_rest_is_refused_beside_it() {
        let topics = vec![
            wanted("orders", Uuid::nil(), &[1, 5]),
            wanted("no/such\0name", Uuid::nil(), &[0]),
            wanted("orders", Uuid::nil(), &[9]),
        ];
        let (asked, commit) = planned(9, topics);
        assert_eq!(commit.topics.len(), 1);
        let committed = &commit.topics[0];
        assert_eq!((committed.topic.as_str(), committed.topic_id), ("orders", TopicId::ZERO));
        assert_eq!(
            committed.partitions.iter().map(|p| (p.partition.0, p.offset.0)).collect::<Vec<_>>(),
            [(1, 101)]
        );
        let exist: Vec<Vec<bool>> =
            asked.iter().map(|topic| topic.partitions.iter().map(|p| p.exists()).collect()).collect();
        assert_eq!(exist, [vec![true, false], vec![false], vec![false]]);
    }

    #[test]
    fn ids_are_looked_up_since_version_ten() {
        let topics = || vec![wanted("", ORDERS, &[0]), wanted("orders", Uuid::from_u128(7), &[0])];
        let (asked, commit) = planned(10, topics());
        let committed: Vec<_> = commit.topics.iter().map(|t| (t.topic.as_str(), t.topic_id)).collect();
        assert_eq!(committed, [("orders", TopicId(ORDERS))]);
        let codes: Vec<i16> = asked.iter().map(|topic| topic.partitions[0].code()).collect();
        assert_eq!(codes, [-1, ErrorCode::UnknownTopicId.code()]);
    }

    #[test]
    fn an_unknown_group_has_an_illegal_generation_before_version_nine() {
        for (version, illegal) in [(2, true), (8, true), (9, false), (10, false)] {
            assert_eq!(
                planned(version, Vec::new()).1.unknown_group_is_illegal_generation,
                illegal,
                "v{version}"
            );
        }
    }

    #[test]
    fn only_versions_two_to_four_bring_a_retention() {
        let day = Some(DurationMs(86_400_000));
        let cases = [
            (2, 86_400_000, day),
            (4, 86_400_000, day),
            (4, -1, None),
            (5, 86_400_000, None),
            (2, 0, Some(DurationMs(0))),
        ];
        for (version, given, kept) in cases {
            assert_eq!(retention(version, given), kept, "v{version} {given}");
        }
    }

    #[test]
    fn every_version_can_carry_the_answer() {
        for version in 2..=10 {
            let topics = vec![wanted("orders", if version >= 10 { ORDERS } else { Uuid::nil() }, &[0, 7])];
            let (mut asked, _) = planned(version, topics);
            settle(&mut asked, Err(ErrorCode::CoordinatorLoadInProgress));
            let response = answer(asked);
            let codes: Vec<i16> = response.topics[0].partitions.iter().map(|p| p.error_code).collect();
            assert_eq!(codes, [14, 3], "v{version}");
            weir_wire::frame::encode_response(version, 1, &response).unwrap();
        }
    }
}
