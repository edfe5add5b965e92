//! Decides which of the partitions of an offset request exist, so that the others are refused while these are served, and
//! puts the coordinator's outcomes back in the order asked.

use std::sync::Arc;

use uuid::Uuid;
use weir_core::controller::{Image, Topic};
use weir_core::group::TopicOutcome;
use weir_model::{PartitionIndex, TopicId};
use weir_wire::{ErrorCode, Str};

use super::group_words::code;

/// How a request names its topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Name,
    Id,
}

/// The topic that is meant, if it exists.
pub(super) fn topic<'a>(image: &'a Image, by: By, name: &str, id: Uuid) -> Result<&'a Arc<Topic>, ErrorCode> {
    match by {
        By::Name => image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition),
        By::Id => image.topic_by_id(TopicId(id)).ok_or(ErrorCode::UnknownTopicId),
    }
}

/// One topic of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AskedTopic {
    pub(super) name: Str,
    pub(super) id: Uuid,
    pub(super) partitions: Vec<AskedPartition>,
}

/// One partition of a request, and what is known of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskedPartition {
    pub(super) index: i32,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It exists: the coordinator decides.
    Asked,
    Known(ErrorCode),
}

impl AskedTopic {
    /// Refuses what does not exist.
    pub(super) fn check(
        name: Str,
        id: Uuid,
        topic: Result<&Arc<Topic>, ErrorCode>,
        indexes: impl Iterator<Item = i32>,
    ) -> Self {
        let verdict = |index| match topic {
            Err(error) => Verdict::Known(error),
            Ok(topic) if topic.partition(PartitionIndex(index)).is_some() => Verdict::Asked,
            Ok(_) => Verdict::Known(ErrorCode::UnknownTopicOrPartition),
        };
        let partitions = indexes.map(|index| AskedPartition { index, verdict: verdict(index) }).collect();
        Self { name, id, partitions }
    }
}

impl AskedPartition {
    /// Whether the coordinator is asked about it.
    pub(super) fn exists(self) -> bool {
        self.verdict == Verdict::Asked
    }

    /// The code for the answer, once it is settled.
    pub(super) fn code(self) -> i16 {
        match self.verdict {
            Verdict::Known(code) => code.into(),
            Verdict::Asked => ErrorCode::UnknownServerError.into(),
        }
    }
}

/// Enters the coordinator's outcomes, which come in the order asked; a refusal of the whole request goes to each partition
/// that it was asked about.
pub(super) fn settle(topics: &mut [AskedTopic], outcome: Result<Vec<TopicOutcome>, ErrorCode>) {
    let asked =
        topics.iter_mut().flat_map(|topic| &mut topic.partitions).filter(|partition| partition.exists());
    match outcome {
        Err(error) => asked.for_each(|partition| partition.verdict = Verdict::Known(error)),
        Ok(outcomes) => {
            let outcomes = outcomes.into_iter().flat_map(|topic| topic.partitions);
            for (partition, (_, outcome)) in asked.zip(outcomes) {
                partition.verdict = Verdict::Known(code(outcome));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use weir_core::controller::{Partition, Record};
    use weir_core::group::GroupError;
    use weir_model::{BrokerId, LeaderEpoch, PartitionEpoch, TopicName};

    use super::*;

    /// The id of the topic in [`image`].
    pub(in super::super) const ORDERS: Uuid = Uuid::from_u128(42);

    /// A cluster with one topic, `orders`, of two partitions.
    pub(in super::super) fn image() -> Image {
        let (me, topic) = (BrokerId(0), TopicId(ORDERS));
        let mut image = Image::default();
        image.apply(&Record::TopicCreated { id: topic, name: TopicName::new("orders").unwrap() }).unwrap();
        for index in [0, 1] {
            let state = Partition {
                replicas: vec![me],
                isr: vec![me],
                elr: Vec::new(),
                leader: Some(me),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
                ..Partition::default()
            };
            image.apply(&Record::PartitionChanged { topic, index: PartitionIndex(index), state }).unwrap();
        }
        image
    }

    fn asked(name: &'static str, indexes: &[i32]) -> AskedTopic {
        let (image, name) = (image(), Str::from_static(name));
        let topic = topic(&image, By::Name, &name, Uuid::nil());
        AskedTopic::check(name.clone(), Uuid::nil(), topic, indexes.iter().copied())
    }

    fn codes(topics: &[AskedTopic]) -> Vec<Vec<i16>> {
        topics.iter().map(|topic| topic.partitions.iter().map(|p| p.code()).collect()).collect()
    }

    #[test]
    fn topics_are_found_by_name_or_by_id_and_no_name_is_too_strange() {
        let image = image();
        let unknown_name = Err(ErrorCode::UnknownTopicOrPartition);
        let cases = [
            (By::Name, "orders", Uuid::nil(), Ok(())),
            (By::Name, "nosuch", ORDERS, unknown_name),
            (By::Name, "", Uuid::nil(), unknown_name),
            (By::Name, "../etc/passwd\0", Uuid::nil(), unknown_name),
            (By::Id, "", ORDERS, Ok(())),
            (By::Id, "orders", Uuid::from_u128(7), Err(ErrorCode::UnknownTopicId)),
            (By::Id, "orders", Uuid::nil(), Err(ErrorCode::UnknownTopicId)),
        ];
        for (by, name, id, expected) in cases {
            assert_eq!(topic(&image, by, name, id).map(|_| ()), expected, "{by:?} {name:?} {id}");
        }
    }

    #[test]
    fn outcomes_go_to_the_partitions_that_exist_and_the_others_keep_their_refusal() {
        let mut topics = [asked("orders", &[1, 9, 0, -1]), asked("nosuch", &[0]), asked("orders", &[0])];
        let outcome = |partitions: &[(i32, Result<(), GroupError>)]| TopicOutcome {
            topic: TopicName::new("orders").unwrap(),
            topic_id: TopicId::ZERO,
            partitions: partitions
                .iter()
                .map(|(index, outcome)| (PartitionIndex(*index), *outcome))
                .collect(),
        };
        let refused = Err(GroupError::OffsetMetadataTooLarge);
        settle(&mut topics, Ok(vec![outcome(&[(1, Ok(())), (0, refused)]), outcome(&[(0, Ok(()))])]));
        assert_eq!(codes(&topics), [vec![0, 3, 12, 3], vec![3], vec![0]]);
    }

    #[test]
    fn a_refusal_of_the_whole_goes_to_every_partition_that_was_asked_about() {
        let mut topics = [asked("orders", &[0, 9]), asked("nosuch", &[0])];
        settle(&mut topics, Err(ErrorCode::IllegalGeneration));
        assert_eq!(codes(&topics), [vec![22, 3], vec![3]]);
    }

    #[test]
    fn an_outcome_that_is_missing_is_an_error_and_not_a_success() {
        let mut topics = [asked("orders", &[0])];
        settle(&mut topics, Ok(Vec::new()));
        assert_eq!(codes(&topics), [vec![-1]]);
    }
}
