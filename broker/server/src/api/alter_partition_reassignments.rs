//! AlterPartitionReassignments: moves of replicas are begun, changed and cancelled. From the wire to the controller's
//! command and back. Null replicas cancel.

use std::sync::Arc;

use weir_core::controller::reassign::{self, Move, Reassign};
use weir_model::{BrokerId, PartitionIndex};
use weir_wire::Str;
use weir_wire::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};

use super::refusal::{Refusal, told};
use super::repeated::grouped;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let (command, defaults) = (command(&request), Arc::clone(&broker.file));
    let decided =
        broker.controller.decide(move |image, _| reassign::decide(image, &command, &defaults)).await;
    let answer = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        ..AlterPartitionReassignmentsResponse::default()
    };
    match decided {
        Ok(outcomes) => AlterPartitionReassignmentsResponse { responses: rows(outcomes), ..answer },
        Err(error) => {
            let (error_code, error_message) = told(Err(Refusal::from(error)));
            AlterPartitionReassignmentsResponse { error_code, error_message, ..answer }
        }
    }
}

fn command(request: &AlterPartitionReassignmentsRequest) -> Reassign {
    let moves = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|partition| one(&topic.name, partition)));
    Reassign {
        moves: moves.collect(),
        allow_replication_factor_change: request.allow_replication_factor_change,
    }
}

/// Kafka's clients throttle by settings of brokers and topics, not by the move.
fn one(topic: &Str, partition: &ReassignablePartition) -> Move {
    let target = partition.replicas.as_ref();
    Move {
        topic: topic.to_string(),
        index: PartitionIndex(partition.partition_index),
        target: target.map(|replicas| replicas.iter().copied().map(BrokerId).collect()),
        throttle: None,
    }
}

fn rows(outcomes: reassign::Outcomes) -> Vec<ReassignableTopicResponse> {
    let rows = outcomes.into_iter().map(|((topic, index), outcome)| {
        let (error_code, error_message) = told(outcome.map_err(Refusal::from));
        let row = ReassignablePartitionResponse { partition_index: index.0, error_code, error_message };
        (Str::from(topic), row)
    });
    let topics =
        grouped(rows).into_iter().map(|(name, partitions)| ReassignableTopicResponse { name, partitions });
    topics.collect()
}

#[cfg(test)]
mod tests {
    use weir_core::controller::ControllerError;
    use weir_wire::messages::alter_partition_reassignments::ReassignableTopic;

    use super::*;

    #[test]
    fn null_replicas_cancel_and_an_empty_list_is_an_assignment_to_nobody() {
        let partition = |partition_index, replicas| ReassignablePartition { partition_index, replicas };
        let topic = ReassignableTopic {
            name: Str::from("t"),
            partitions: vec![
                partition(0, None),
                partition(1, Some(Vec::new())),
                partition(2, Some(vec![2, 1])),
            ],
        };
        let request = AlterPartitionReassignmentsRequest {
            allow_replication_factor_change: false,
            topics: vec![topic],
            ..AlterPartitionReassignmentsRequest::default()
        };
        let command = command(&request);
        let targets: Vec<_> = command.moves.iter().map(|one| one.target.clone()).collect();
        assert_eq!(targets, [None, Some(Vec::new()), Some(vec![BrokerId(2), BrokerId(1)])]);
        assert!(!command.allow_replication_factor_change);
    }

    #[test]
    fn each_partition_has_its_own_outcome_under_its_topic() {
        let key = |topic: &str, index| (topic.to_owned(), PartitionIndex(index));
        let outcomes = vec![
            (key("b", 1), Ok(())),
            (key("a", 0), Err(ControllerError::NoReassignment)),
            (key("b", 0), Err(ControllerError::UnknownTopic("b".to_owned()))),
        ];
        let rows: Vec<_> = rows(outcomes)
            .into_iter()
            .map(|topic| {
                let codes =
                    topic.partitions.iter().map(|p| (p.partition_index, p.error_code)).collect::<Vec<_>>();
                (topic.name.to_string(), codes)
            })
            .collect();
        assert_eq!(rows, [("b".to_owned(), vec![(1, 0), (0, 3)]), ("a".to_owned(), vec![(0, 85)])]);
    }
}
