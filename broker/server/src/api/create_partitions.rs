//! CreatePartitions: from the wire to the controller's command and back.

use weir_core::controller::create_partitions::{self, CreatePartitions, Growth};
use weir_model::BrokerId;
use weir_wire::Str;
use weir_wire::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};

use super::refusal::{Refusal, told};
use super::repeated::first_of_each;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let command = command(&request);
    let decided = broker
        .controller
        .decide(move |image, entropy| create_partitions::decide(image, &command, entropy))
        .await;
    let results = match decided {
        Ok(outcomes) => outcomes
            .into_iter()
            .map(|(name, outcome)| result(Str::from(name), outcome.map_err(Refusal::from)))
            .collect(),
        Err(error) => {
            let refusal = Refusal::from(error);
            request.topics.into_iter().map(|topic| result(topic.name, Err(refusal.clone()))).collect()
        }
    };
    let results = first_of_each(results, |topic| topic.name.clone());
    CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }
}

fn command(request: &CreatePartitionsRequest) -> CreatePartitions {
    CreatePartitions {
        topics: request.topics.iter().map(growth).collect(),
        validate_only: request.validate_only,
    }
}

/// No assignments is not the same as an empty list of them: the latter assigns too few.
fn growth(topic: &CreatePartitionsTopic) -> Growth {
    let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    let assignments = topic.assignments.as_ref();
    Growth {
        name: topic.name.to_string(),
        count: topic.count,
        assignments: assignments.map(|all| all.iter().map(|one| brokers(&one.broker_ids)).collect()),
    }
}

fn result(name: Str, outcome: Result<(), Refusal>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = told(outcome);
    CreatePartitionsTopicResult { name, error_code, error_message }
}

#[cfg(test)]
mod tests {
    use weir_wire::messages::create_partitions::CreatePartitionsAssignment;

    use super::*;

    #[test]
    fn null_assignments_and_empty_ones_stay_apart() {
        let chosen = CreatePartitionsAssignment { broker_ids: vec![1, 2] };
        let cases = [
            (None, None),
            (Some(Vec::new()), Some(Vec::new())),
            (Some(vec![chosen]), Some(vec![vec![BrokerId(1), BrokerId(2)]])),
        ];
        for (assignments, wanted) in cases {
            let topic = CreatePartitionsTopic { name: Str::from("t"), count: 4, assignments };
            let grown = growth(&topic);
            assert_eq!((grown.name.as_str(), grown.count, grown.assignments), ("t", 4, wanted));
        }
    }
}
