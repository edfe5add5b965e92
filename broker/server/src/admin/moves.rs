//! MovePartitions and CancelMoves: batches of moves, each with its own result. What the service asks for beyond Kafka's
//! request is checked here, on the image that is decided on: the topic's id, the brokers' disks, the partition's epoch.

use std::collections::BTreeSet;

use weir_admin::admin::v1;
use weir_core::controller::reassign::{self, Move, Reassign};
use weir_core::controller::{ControllerError, Decision, Image, Partition, Record, Topic};
use weir_model::config::Pairs;
use weir_model::{BrokerId, PartitionIndex};

use super::batch::{Key, check_size, item};
use super::refusal::Refused;
use super::service::AdminService;
use super::words::{Named, check_cluster, incarnation, partition, topic};

pub(super) async fn begin(
    service: &AdminService,
    request: v1::MovePartitionsRequest,
) -> Result<v1::MovePartitionsReply, Refused> {
    check_size("moves", request.moves.len())?;
    let defaults = std::sync::Arc::clone(&service.broker.file);
    service.decide(move |image, _| decide_begin(image, &request, &defaults)).await
}

pub(super) async fn cancel(
    service: &AdminService,
    request: v1::CancelMovesRequest,
) -> Result<v1::CancelMovesReply, Refused> {
    check_size("partitions", request.partitions.len())?;
    let defaults = std::sync::Arc::clone(&service.broker.file);
    service.decide(move |image, _| decide_cancel(image, &request, &defaults)).await
}

fn decide_begin(
    image: &Image,
    request: &v1::MovePartitionsRequest,
    defaults: &Pairs,
) -> Decision<Result<v1::MovePartitionsReply, Refused>> {
    let asked = request.moves.iter().map(|one| (one.partition.as_ref(), wanted(image, one)));
    let (mut records, reply) = decide(image, &request.cluster_id, asked.collect(), defaults);
    if request.validate_only {
        records.clear();
    }
    Decision { records, reply: reply.map(|results| v1::MovePartitionsReply { results }) }
}

fn decide_cancel(
    image: &Image,
    request: &v1::CancelMovesRequest,
    defaults: &Pairs,
) -> Decision<Result<v1::CancelMovesReply, Refused>> {
    let asked = request.partitions.iter().map(|one| {
        let back = found(image, Some(one)).map(|(topic, index, _)| Move {
            topic: topic.name.as_str().to_owned(),
            index,
            target: None,
            throttle: None,
        });
        (Some(one), back)
    });
    let (records, reply) = decide(image, &request.cluster_id, asked.collect(), defaults);
    Decision { records, reply: reply.map(|results| v1::CancelMovesReply { results }) }
}

type Asked<'a> = Vec<(Option<&'a v1::PartitionRef>, Result<Move, Refused>)>;

/// Decides on those that were not refused before, and puts all results in the order of the request.
fn decide(
    image: &Image,
    cluster: &str,
    asked: Asked<'_>,
    defaults: &Pairs,
) -> (Vec<Record>, Result<Vec<v1::ItemResult>, Refused>) {
    if let Err(refused) = check_cluster(image, cluster) {
        return (Vec::new(), Err(refused));
    }
    let moves = asked.iter().filter_map(|(_, one)| one.as_ref().ok().cloned()).collect();
    let command = Reassign { moves, allow_replication_factor_change: true };
    let Decision { records, reply: outcomes } = reassign::decide(image, &command, defaults);
    let changed = changed(image, &records);
    let mut outcomes = outcomes.into_iter();
    let results = asked.into_iter().map(|(named, one)| {
        let outcome = one.and_then(|_| match outcomes.next() {
            Some((key, Ok(()))) => Ok(changed.contains(&key)),
            // There is nothing to cancel: what was asked for.
            Some((_, Err(ControllerError::NoReassignment))) | None => Ok(false),
            Some((_, Err(why))) => Err(Refused::from(why)),
        });
        item(named.cloned(), outcome)
    });
    let results = results.collect();
    (records, Ok(results))
}

fn changed(image: &Image, records: &[Record]) -> BTreeSet<Key> {
    let keys = records.iter().filter_map(|record| match record {
        Record::PartitionChanged { topic, index, .. } => {
            Some((image.topic_by_id(*topic)?.name.as_str().to_owned(), *index))
        }
        _ => None,
    });
    keys.collect()
}

fn wanted(image: &Image, one: &v1::Move) -> Result<Move, Refused> {
    let (topic, index, state) = found(image, one.partition.as_ref())?;
    if let Some(asked) = one.partition_epoch
        && asked != state.partition_epoch.0
    {
        return Err(Refused::stale_partition(topic.name.as_str(), index, state.partition_epoch.0, asked));
    }
    let target = one.replicas.iter().map(|target| broker(image, target)).collect::<Result<_, _>>()?;
    Ok(Move {
        topic: topic.name.as_str().to_owned(),
        index,
        target: Some(target),
        throttle: one.throttle_bytes_per_second,
    })
}

fn broker(image: &Image, target: &v1::MoveTarget) -> Result<BrokerId, Refused> {
    let id = BrokerId(target.id);
    if target.incarnation.is_empty() {
        return Ok(id);
    }
    Named { id, incarnation: incarnation(&target.incarnation)? }.registered(image)?;
    Ok(id)
}

/// A partition that is there.
pub(super) fn found<'a>(
    image: &'a Image,
    named: Option<&v1::PartitionRef>,
) -> Result<(&'a Topic, PartitionIndex, &'a Partition), Refused> {
    let (id, index) = partition(named)?;
    let topic = topic(image, id)?;
    let unknown = || Refused::unknown_partition(topic.name.as_str(), index, topic.partitions.len());
    Ok((topic, index, topic.partition(index).ok_or_else(unknown)?))
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason as Reason;

    use super::super::tests::{self, DISK, OTHER_DISK, image, reference, with_topic};
    use super::*;

    fn to(brokers: &[i32]) -> v1::Move {
        let target = |id: &i32| v1::MoveTarget { id: *id, incarnation: String::new() };
        v1::Move {
            partition: Some(tests::partition(0)),
            replicas: brokers.iter().map(target).collect(),
            ..v1::Move::default()
        }
    }

    fn ask(image: &Image, moves: Vec<v1::Move>) -> (Vec<Record>, Vec<Result<bool, Reason>>) {
        let request = v1::MovePartitionsRequest { moves, ..Default::default() };
        let Decision { records, reply } = decide_begin(image, &request, &Pairs::new());
        let short = |result: v1::ItemResult| match result.refusal {
            Some(refusal) => Err(refusal.reason()),
            None => Ok(result.changed),
        };
        (records, reply.unwrap().results.into_iter().map(short).collect())
    }

    fn moved(image: &mut Image, records: &[Record]) {
        records.iter().for_each(|record| image.apply(record).unwrap());
    }

    #[test]
    fn a_move_is_begun_once_and_cancelled_once() {
        let mut image = with_topic(image(), "t", &[0, 1]);
        let (records, results) = ask(&image, vec![to(&[1, 2])]);
        assert_eq!(results, [Ok(true)]);
        moved(&mut image, &records);
        assert_eq!(ask(&image, vec![to(&[1, 2])]), (vec![], vec![Ok(false)]));
        let cancel = v1::CancelMovesRequest { partitions: vec![tests::partition(0)], ..Default::default() };
        let first = decide_cancel(&image, &cancel, &Pairs::new());
        assert!(first.reply.unwrap().results[0].changed);
        moved(&mut image, &first.records);
        let again = decide_cancel(&image, &cancel, &Pairs::new());
        assert!(again.records.is_empty() && !again.reply.unwrap().results[0].changed);
    }

    #[test]
    fn impossible_moves_are_refused_each_for_itself_and_change_nothing() {
        let image = with_topic(image(), "t", &[0, 1]);
        let elsewhere = |topic_id: &str, partition| v1::Move {
            partition: Some(v1::PartitionRef { topic_id: topic_id.to_owned(), partition }),
            ..to(&[1, 2])
        };
        let topic = tests::partition(0).topic_id;
        let with_disk = |disk| v1::Move {
            replicas: vec![v1::MoveTarget { id: 2, incarnation: reference(2, disk).incarnation }],
            ..to(&[])
        };
        let cases = [
            (to(&[]), Reason::InvalidAssignment),
            (to(&[1, 1]), Reason::InvalidAssignment),
            (to(&[9]), Reason::InvalidAssignment),
            (with_disk(OTHER_DISK), Reason::WrongIncarnation),
            (elsewhere(&topic, 5), Reason::UnknownPartition),
            (elsewhere(&topic, -1), Reason::UnknownPartition),
            (elsewhere("AAAAAAAAAAAAAAAAAAAAAQ", 0), Reason::UnknownTopic),
            (elsewhere("nonsense", 0), Reason::InvalidArgument),
            (v1::Move { partition: None, ..to(&[1]) }, Reason::InvalidArgument),
            (v1::Move { partition_epoch: Some(7), ..to(&[1, 2]) }, Reason::StalePartition),
            (v1::Move { throttle_bytes_per_second: Some(0), ..to(&[1, 2]) }, Reason::InvalidArgument),
        ];
        for (one, wanted) in &cases {
            assert_eq!(ask(&image, vec![one.clone()]), (vec![], vec![Err(*wanted)]), "{one:?}");
        }
        assert_eq!(ask(&image, vec![with_disk(DISK)]).1, [Ok(true)]);
        let mixed = vec![elsewhere(&topic, 5), to(&[1, 2])];
        assert_eq!(ask(&image, mixed).1, [Err(Reason::UnknownPartition), Ok(true)]);
        let twice = vec![to(&[1, 2]), to(&[1, 2])];
        assert_eq!(ask(&image, twice).1, [Ok(true), Err(Reason::DuplicateItem)]);
    }

    #[test]
    fn a_move_that_is_only_checked_changes_nothing() {
        let image = with_topic(image(), "t", &[0, 1]);
        let request =
            v1::MovePartitionsRequest { moves: vec![to(&[1, 2])], validate_only: true, ..Default::default() };
        let Decision { records, reply } = decide_begin(&image, &request, &Pairs::new());
        assert!(records.is_empty() && reply.unwrap().results[0].refusal.is_none());
    }

    #[test]
    fn an_oversized_batch_is_refused_as_a_whole() {
        assert_eq!(check_size("moves", 10_001).unwrap_err().reason, Reason::BatchTooLarge);
        assert!(check_size("moves", 10_000).is_ok());
    }
}
