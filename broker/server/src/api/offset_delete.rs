//! OffsetDelete: forgets committed offsets of topics that nobody in the group is subscribed to.

use weir_core::controller::Image;
use weir_core::group::{Command, DeleteOffsets, GroupId, Reply, TopicOutcome};
use weir_model::PartitionIndex;
use weir_wire::ErrorCode;
use weir_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use super::asked_partitions::{AskedTopic, By, settle, topic};
use super::errors;
use super::group_words::{ask, named};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let (asked, delete) = plan(&broker.image(), request);
    answer(asked, forget(broker, delete).await)
}

/// The group is asked even if none of the partitions exist: it may have something to say about itself.
async fn forget(broker: &Broker, delete: DeleteOffsets) -> Result<Vec<TopicOutcome>, ErrorCode> {
    let group = delete.group.clone();
    named(group.as_str())?;
    match ask(broker, group.as_str(), Command::DeleteOffsets(delete)).await? {
        Reply::DeleteOffsets(outcome) => outcome.map_err(errors::of_group),
        _ => Err(ErrorCode::UnknownServerError),
    }
}

/// What to answer, as far as it is known, and what to forget.
fn plan(image: &Image, request: OffsetDeleteRequest) -> (Vec<AskedTopic>, DeleteOffsets) {
    let mut asked = Vec::with_capacity(request.topics.len());
    let mut topics = Vec::new();
    for wanted in request.topics {
        let found = topic(image, By::Name, &wanted.name, uuid::Uuid::nil());
        let indexes = wanted.partitions.iter().map(|partition| partition.partition_index);
        let checked = AskedTopic::check(wanted.name, uuid::Uuid::nil(), found, indexes);
        let existing = checked.partitions.iter().filter(|partition| partition.exists());
        let partitions: Vec<_> = existing.map(|partition| PartitionIndex(partition.index)).collect();
        if let (Ok(found), false) = (found, partitions.is_empty()) {
            topics.push((found.name.clone(), partitions));
        }
        asked.push(checked);
    }
    (asked, DeleteOffsets { group: GroupId::from(request.group_id.as_str()), topics })
}

/// A refusal of the whole request is its only answer.
fn answer(mut asked: Vec<AskedTopic>, outcome: Result<Vec<TopicOutcome>, ErrorCode>) -> OffsetDeleteResponse {
    match outcome {
        Err(error) => OffsetDeleteResponse { error_code: error.into(), ..Default::default() },
        Ok(outcomes) => {
            settle(&mut asked, Ok(outcomes));
            let topics = asked.into_iter().map(response_topic).collect();
            OffsetDeleteResponse { topics, ..Default::default() }
        }
    }
}

fn response_topic(topic: AskedTopic) -> OffsetDeleteResponseTopic {
    let partitions = topic
        .partitions
        .iter()
        .map(|p| OffsetDeleteResponsePartition { partition_index: p.index, error_code: p.code() });
    OffsetDeleteResponseTopic { partitions: partitions.collect(), name: topic.name }
}

#[cfg(test)]
mod tests {
    use weir_core::group::GroupError;
    use weir_model::{TopicId, TopicName};
    use weir_wire::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};

    use super::super::asked_partitions::tests::image;
    use super::*;

    fn request() -> OffsetDeleteRequest {
        let wanted = |name: &str, indexes: &[i32]| OffsetDeleteRequestTopic {
            name: name.into(),
            partitions: indexes
                .iter()
                .map(|i| OffsetDeleteRequestPartition { partition_index: *i })
                .collect(),
        };
        let topics = vec![wanted("nosuch", &[0]), wanted("orders", &[0, 4])];
        OffsetDeleteRequest { group_id: "g".into(), topics }
    }

    #[test]
    fn partitions_that_do_not_exist_are_refused_beside_the_others() {
        let (asked, delete) = plan(&image(), request());
        let orders = TopicName::new("orders").unwrap();
        assert_eq!(delete.topics, [(orders.clone(), vec![PartitionIndex(0)])]);
        let partitions = vec![(PartitionIndex(0), Err(GroupError::GroupSubscribedToTopic))];
        let outcome = TopicOutcome { topic: orders, topic_id: TopicId::ZERO, partitions };
        let response = answer(asked, Ok(vec![outcome]));
        let codes: Vec<Vec<i16>> =
            response.topics.iter().map(|t| t.partitions.iter().map(|p| p.error_code).collect()).collect();
        assert_eq!((response.error_code, codes), (0, vec![vec![3], vec![86, 3]]));
        weir_wire::frame::encode_response(0, 1, &response).unwrap();
    }

    #[test]
    fn a_refusal_of_the_group_is_the_whole_answer() {
        let (asked, _) = plan(&image(), request());
        let response = answer(asked, Err(ErrorCode::GroupIdNotFound));
        assert_eq!((response.error_code, response.topics.len()), (69, 0));
    }
}
