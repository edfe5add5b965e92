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
    let asked = topics.iter_mut().flat_map(|topic| &mut topic.partitions).filter(|partition| partition.exists());
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
    use weir_core::controller::Partition;
    use weir_core::controller::record::TopicRecord;
    use weir_core::group::GroupError;
    use weir_model::TopicName;

    use super::*;
}
