//! ElectLeaders: from the wire to the controller's command and back.

use weir_core::controller::elect_leaders::{self, ElectLeaders, ElectionKind};
use weir_model::PartitionIndex;
use weir_wire::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use weir_wire::{ErrorCode, Str};

use super::refusal::{Refusal, told};
use super::repeated::grouped;
use crate::broker::Broker;
use crate::dispatch::Caller;

/// The first version that says which kind of election is wanted, and that has a code for the whole answer.
const KNOWS_KINDS: i16 = 1;
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    let command = match command(caller.version, &request) {
        Ok(command) => command,
        Err(refusal) => return refused(&request, &refusal),
    };
    let defaults = std::sync::Arc::clone(&broker.file);
    let decided =
        broker.controller.decide(move |image, _| elect_leaders::decide(image, &command, &defaults)).await;
    match decided {
        Ok(outcomes) => {
            let rows = outcomes.into_iter().map(|((topic, index), outcome)| {
                (Str::from(topic), row(index.0, outcome.map_err(Refusal::from)))
            });
            answer(rows)
        }
        Err(error) => refused(&request, &Refusal::from(error)),
    }
}

fn command(version: i16, request: &ElectLeadersRequest) -> Result<ElectLeaders, Refusal> {
    let kind = match request.election_type {
        _ if version < KNOWS_KINDS => ElectionKind::Preferred,
        PREFERRED => ElectionKind::Preferred,
        UNCLEAN => ElectionKind::Unclean,
        other => return Err(Refusal::invalid_request(format!("unknown election type {other}"))),
    };
    let partitions = asked(request)
        .map(|asked| asked.map(|(topic, index)| (topic.to_string(), PartitionIndex(index))).collect());
    Ok(ElectLeaders { kind, partitions })
}

fn asked(request: &ElectLeadersRequest) -> Option<impl Iterator<Item = (&Str, i32)>> {
    let topics = request.topic_partitions.as_ref()?;
    Some(topics.iter().flat_map(|topic| topic.partitions.iter().map(move |index| (&topic.topic, *index))))
}

/// Version 0 has no code for the whole: each partition has it instead, and later versions have both.
fn refused(request: &ElectLeadersRequest, refusal: &Refusal) -> ElectLeadersResponse {
    let rows = asked(request)
        .into_iter()
        .flatten()
        .map(|(topic, index)| (topic.clone(), row(index, Err(refusal.clone()))));
    ElectLeadersResponse { error_code: refusal.code.into(), ..answer(rows) }
}

fn answer(rows: impl Iterator<Item = (Str, PartitionResult)>) -> ElectLeadersResponse {
    let topics = grouped(rows)
        .into_iter()
        .map(|(topic, partition_result)| ReplicaElectionResult { topic, partition_result });
    ElectLeadersResponse {
        error_code: ErrorCode::None.into(),
        replica_election_results: topics.collect(),
        ..ElectLeadersResponse::default()
    }
}

fn row(partition_id: i32, outcome: Result<(), Refusal>) -> PartitionResult {
    let (error_code, error_message) = told(outcome);
    PartitionResult { partition_id, error_code, error_message }
}

#[cfg(test)]
mod tests {
    use weir_wire::messages::elect_leaders::TopicPartitions;

    use super::*;

    fn request(election_type: i8, topics: Option<&[(&str, &[i32])]>) -> ElectLeadersRequest {
        let topic = |(topic, partitions): &(&str, &[i32])| TopicPartitions {
            topic: Str::from(*topic),
            partitions: partitions.to_vec(),
        };
        ElectLeadersRequest {
            election_type,
            topic_partitions: topics.map(|topics| topics.iter().map(topic).collect()),
            timeout_ms: 1,
        }
    }

    #[test]
    fn version_0_means_the_preferred_leaders_and_unknown_kinds_are_refused() {
        let kind = |version, wire| command(version, &request(wire, None)).map(|command| command.kind).ok();
        let cases = [
            (0, 9, Some(ElectionKind::Preferred)),
            (1, 0, Some(ElectionKind::Preferred)),
            (2, 1, Some(ElectionKind::Unclean)),
            (2, 2, None),
            (1, -1, None),
        ];
        for (version, wire, wanted) in cases {
            assert_eq!(kind(version, wire), wanted, "v{version} {wire}");
        }
    }

    #[test]
    fn null_means_every_partition_and_an_empty_list_none() {
        let partitions = |topics| command(2, &request(0, topics)).unwrap().partitions;
        assert_eq!(partitions(None), None);
        assert_eq!(partitions(Some(&[])), Some(Vec::new()));
        let two = [("t".to_owned(), PartitionIndex(1)), ("t".to_owned(), PartitionIndex(0))];
        assert_eq!(partitions(Some(&[("t", &[1, 0])])), Some(two.to_vec()));
    }

    #[test]
    fn a_refused_request_is_refused_as_a_whole_and_for_each_partition() {
        let refusal = Refusal::new(ErrorCode::NotController, "elsewhere");
        let told = refused(&request(0, Some(&[("a", &[0, 1]), ("b", &[2])])), &refusal);
        let rows: Vec<_> = told
            .replica_election_results
            .iter()
            .flat_map(|topic| {
                topic.partition_result.iter().map(|p| (&*topic.topic, p.partition_id, p.error_code))
            })
            .collect();
        assert_eq!((told.error_code, rows), (41, vec![("a", 0, 41), ("a", 1, 41), ("b", 2, 41)]));
    }
}
