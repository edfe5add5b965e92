//! ListPartitionReassignments: which partitions are being moved, as this broker's metadata has it.

use weir_core::controller::list_reassignments::{self, Reassignment};
use weir_model::{BrokerId, PartitionIndex};
use weir_wire::Str;
use weir_wire::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OngoingPartitionReassignment,
    OngoingTopicReassignment,
};

use super::repeated::grouped;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let asked = asked(&request);
    let moves = list_reassignments::list(&broker.image(), asked.as_deref());
    ListPartitionReassignmentsResponse {
        topics: rows(&moves),
        ..ListPartitionReassignmentsResponse::default()
    }
}

/// Null asks for all.
fn asked(request: &ListPartitionReassignmentsRequest) -> Option<Vec<(String, PartitionIndex)>> {
    let topics = request.topics.as_ref()?.iter();
    let partitions = topics.flat_map(|topic| {
        topic.partition_indexes.iter().map(|index| (topic.name.to_string(), PartitionIndex(*index)))
    });
    Some(partitions.collect())
}

fn rows(moves: &[Reassignment]) -> Vec<OngoingTopicReassignment> {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.0).collect();
    let rows = moves.iter().map(|one| {
        let row = OngoingPartitionReassignment {
            partition_index: one.index.0,
            replicas: ids(&one.state.replicas),
            adding_replicas: ids(&one.state.adding),
            removing_replicas: ids(&one.state.removing),
        };
        (one.topic.name.clone(), row)
    });
    let topics = grouped(rows)
        .into_iter()
        .map(|(name, partitions)| OngoingTopicReassignment { name: Str::from(name.as_str()), partitions });
    topics.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_core::controller::{Image, Partition, Record};
    use weir_model::{TopicId, TopicName};
    use weir_wire::messages::list_partition_reassignments::ListPartitionReassignmentsTopics;

    use super::*;

    #[test]
    fn null_asks_for_every_move_and_a_list_for_what_it_names() {
        assert_eq!(asked(&ListPartitionReassignmentsRequest { topics: None, ..Default::default() }), None);
        let topic = ListPartitionReassignmentsTopics { name: Str::from("t"), partition_indexes: vec![3, 1] };
        let request = ListPartitionReassignmentsRequest { topics: Some(vec![topic]), ..Default::default() };
        let wanted = [("t".to_owned(), PartitionIndex(3)), ("t".to_owned(), PartitionIndex(1))];
        assert_eq!(asked(&request), Some(wanted.to_vec()));
    }

    #[test]
    fn a_move_is_told_with_what_it_adds_and_takes_away() {
        let id = TopicId(uuid::Uuid::from_u128(7));
        let mut image = Image::default();
        image.apply(&Record::TopicCreated { id, name: TopicName::new("t").unwrap() }).unwrap();
        let state = Partition {
            replicas: vec![BrokerId(2), BrokerId(1)],
            adding: vec![BrokerId(2)],
            removing: vec![BrokerId(1)],
            ..Partition::default()
        };
        let moves = [Reassignment {
            topic: Arc::clone(image.topic("t").unwrap()),
            index: PartitionIndex(4),
            state: Arc::new(state),
        }];
        let rows = rows(&moves);
        let row = &rows[0].partitions[0];
        assert_eq!((&*rows[0].name, row.partition_index), ("t", 4));
        assert_eq!(
            (&*row.replicas, &*row.adding_replicas, &*row.removing_replicas),
            (&[2, 1][..], &[2][..], &[1][..])
        );
    }
}
