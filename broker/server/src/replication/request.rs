//! The words in which a follower asks its leader, and how their answer is read. Pure.

use uuid::Uuid;
use weir_core::partition::EpochEnd;
use weir_model::config::ReplicationConfig;
use weir_model::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use weir_wire::ErrorCode;
use weir_wire::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData, ReplicaState,
};

use super::roster::{Key, Mention, Plan};
use crate::partition::command::{FromLeader, LeaderState};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) id: BrokerId,
    /// Its registration, by which the leader knows that it is this life of it.
    pub(super) epoch: i64,
}

/// What an answer says of one partition.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// Something that its owner has to take, after which it is asked for again.
    Act(FromLeader),
    /// Only how the leader's log stands.
    Moved(LeaderState),
    /// The leader refused.
    Refused(ErrorCode),
}

/// One partition of an answer.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) key: Key,
    pub(super) said: Said,
}

pub(super) fn request(plan: &Plan, asker: Asker, settings: &ReplicationConfig) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for mention in &plan.mentions {
        let id = mention.key.0.0;
        if topics.last().is_none_or(|last| last.topic_id != id) {
            topics.push(FetchTopic { topic_id: id, ..FetchTopic::default() });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(partition(mention, settings));
        }
    }
    FetchRequest {
        replica_state: ReplicaState { replica_id: asker.id.0, replica_epoch: asker.epoch },
        max_wait_ms: i32::try_from(settings.fetch_wait_max.0).unwrap_or(i32::MAX),
        min_bytes: 1,
        max_bytes: i32::try_from(settings.fetch_response_max_bytes).unwrap_or(i32::MAX),
        session_id: plan.step.id,
        session_epoch: plan.step.epoch,
        topics,
        forgotten_topics_data: forgotten(&plan.forgotten),
        ..FetchRequest::default()
    }
}

fn partition(mention: &Mention, settings: &ReplicationConfig) -> FetchPartition {
    FetchPartition {
        partition: mention.key.1.0,
        current_leader_epoch: mention.leader_epoch.0,
        fetch_offset: mention.position.offset.0,
        last_fetched_epoch: mention.position.last_epoch.0,
        log_start_offset: mention.position.log_start.0,
        partition_max_bytes: i32::try_from(settings.fetch_max_bytes).unwrap_or(i32::MAX),
        ..FetchPartition::default()
    }
}

fn forgotten(keys: &[Key]) -> Vec<ForgottenTopic> {
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for (TopicId(id), PartitionIndex(index)) in keys {
        if topics.last().is_none_or(|last| last.topic_id != *id) {
            topics.push(ForgottenTopic { topic_id: *id, ..ForgottenTopic::default() });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(*index);
        }
    }
    topics
}

/// Takes an answer apart.
pub(super) fn parts(response: FetchResponse) -> Vec<Part> {
    let topics = response.responses.into_iter();
    topics
        .flat_map(|topic| topic.partitions.into_iter().map(move |data| part(topic.topic_id, data)))
        .collect()
}

fn part(topic: Uuid, data: PartitionData) -> Part {
    let state =
        LeaderState { high_watermark: Offset(data.high_watermark), log_start: Offset(data.log_start_offset) };
    let parts = data.diverging_epoch;
    let said = match ErrorCode::from(data.error_code) {
        ErrorCode::None if parts.epoch >= 0 => Said::Act(FromLeader::Diverged(EpochEnd {
            epoch: LeaderEpoch(parts.epoch),
            end: Offset(parts.end_offset),
        })),
        ErrorCode::None => match data.records.as_ref().and_then(|records| records.inline()) {
            Some(bytes) if !bytes.is_empty() => Said::Act(FromLeader::Records(bytes.clone(), state)),
            Some(_) | None => Said::Moved(state),
        },
        // A leader tells a replica where its log begins and ends; `respond` has the other side of this.
        ErrorCode::OffsetOutOfRange if data.log_start_offset >= 0 => {
            Said::Act(FromLeader::Outside(state.log_start, Offset(data.last_stable_offset)))
        }
        refused => Said::Refused(refused),
    };
    Part { key: (TopicId(topic), PartitionIndex(data.partition_index)), said }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_model::DurationMs;
    use weir_wire::Records;
    use weir_wire::messages::fetch::{EpochEndOffset, FetchableTopicResponse};

    use super::super::roster::{Position, SessionStep};
    use super::*;

    fn settings() -> ReplicationConfig {
        ReplicationConfig {
            lag_max: DurationMs(10_000),
            fetch_max_bytes: 1_000,
            fetch_response_max_bytes: 9_000,
            fetch_wait_max: DurationMs(500),
            rack_aware_reads: false,
            leader_throttle: None,
            follower_throttle: None,
        }
    }

    fn key(topic: u128, index: i32) -> Key {
        (TopicId(Uuid::from_u128(topic)), PartitionIndex(index))
    }

    fn mention(key: Key) -> Mention {
        let position = Position { offset: Offset(7), last_epoch: LeaderEpoch(2), log_start: Offset(1) };
        Mention { key, leader_epoch: LeaderEpoch(3), position }
    }

    #[test]
    fn a_request_can_be_sent_in_the_newest_version_and_says_who_asks() {
        let plan = Plan {
            step: SessionStep { id: 9, epoch: 4, generation: 0 },
            mentions: vec![mention(key(1, 0)), mention(key(1, 1)), mention(key(2, 0))],
            forgotten: vec![key(3, 5)],
        };
        let request = request(&plan, Asker { id: BrokerId(2), epoch: 11 }, &settings());
        assert_eq!(request.topics.iter().map(|t| t.partitions.len()).collect::<Vec<_>>(), [2, 1]);
        let asked = &request.topics[0].partitions[1];
        assert_eq!((asked.fetch_offset, asked.last_fetched_epoch, asked.current_leader_epoch), (7, 2, 3));
        assert_eq!(request.forgotten_topics_data[0].partitions, [5]);
        assert_eq!((request.replica_state.replica_id, request.replica_state.replica_epoch), (2, 11));
        let newest = weir_wire::ApiKey::Fetch.valid_versions().max;
        weir_wire::frame::encode_request(newest, 1, None, &request).unwrap();
    }

    fn said(data: PartitionData) -> Said {
        let topic = FetchableTopicResponse { partitions: vec![data], ..FetchableTopicResponse::default() };
        let response = FetchResponse { responses: vec![topic], ..FetchResponse::default() };
        parts(response).remove(0).said
    }

    #[test]
    fn each_kind_of_answer_is_told_apart() {
        let records = Some(Records::Inline(Bytes::from_static(b"records")));
        let with = PartitionData { records, ..PartitionData::default() };
        assert!(
            matches!(said(with.clone()), Said::Act(FromLeader::Records(bytes, _)) if &bytes[..] == b"records")
        );
        let diverging_epoch = EpochEndOffset { epoch: 2, end_offset: 40 };
        let expected = EpochEnd { epoch: LeaderEpoch(2), end: Offset(40) };
        let parted = PartitionData { diverging_epoch, ..with };
        assert!(matches!(said(parted), Said::Act(FromLeader::Diverged(at)) if at == expected));
        assert!(matches!(said(PartitionData::default()), Said::Moved(_)));
        let outside = PartitionData {
            error_code: 1,
            log_start_offset: 30,
            last_stable_offset: 50,
            ..PartitionData::default()
        };
        assert!(matches!(said(outside), Said::Act(FromLeader::Outside(Offset(30), Offset(50)))));
        let fenced = PartitionData { error_code: 74, ..PartitionData::default() };
        assert!(matches!(said(fenced), Said::Refused(ErrorCode::FencedLeaderEpoch)));
    }
}
