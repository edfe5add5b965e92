//! ElectLeaders: the preferred ones, or whoever is there.

use weir_admin::admin::v1;
use weir_core::controller::elect_leaders::{self, ElectLeaders, ElectionKind};
use weir_core::controller::{ControllerError, Decision, Image};
use weir_model::config::Pairs;

use super::batch::{Key, check_size, item};
use super::moves::found;
use super::refusal::Refused;
use super::service::AdminService;
use super::words::{check_cluster, partition_ref};

pub(super) async fn handle(
    service: &AdminService,
    request: v1::ElectLeadersRequest,
) -> Result<v1::ElectLeadersReply, Refused> {
    check_size("partitions", request.partitions.len())?;
    let defaults = std::sync::Arc::clone(&service.broker.file);
    service.decide(move |image, _| decide(image, &request, &defaults)).await
}

fn decide(
    image: &Image,
    request: &v1::ElectLeadersRequest,
    defaults: &Pairs,
) -> Decision<Result<v1::ElectLeadersReply, Refused>> {
    let kind = match check_cluster(image, &request.cluster_id).and_then(|()| kind(request)) {
        Ok(kind) => kind,
        Err(refused) => return Decision { records: Vec::new(), reply: Err(refused) },
    };
    if request.partitions.is_empty() {
        return everywhere(image, kind, defaults);
    }
    let asked: Vec<Result<Key, Refused>> = request
        .partitions
        .iter()
        .map(|one| found(image, Some(one)).map(|(topic, index, _)| (topic.name.as_str().to_owned(), index)))
        .collect();
    let keys = asked.iter().filter_map(|one| one.as_ref().ok().cloned()).collect();
    let command = ElectLeaders { kind, partitions: Some(keys) };
    let Decision { records, reply: outcomes } = elect_leaders::decide(image, &command, defaults);
    let mut outcomes = outcomes.into_iter();
    let results = request.partitions.iter().zip(asked).map(|(named, one)| {
        let outcome = one.and_then(|_| outcomes.next().map_or(Ok(false), |(_, outcome)| told(outcome)));
        item(Some(named.clone()), outcome)
    });
    let results = results.collect();
    Decision { records, reply: Ok(v1::ElectLeadersReply { results }) }
}

fn everywhere(
    image: &Image,
    kind: ElectionKind,
    defaults: &Pairs,
) -> Decision<Result<v1::ElectLeadersReply, Refused>> {
    let Decision { records, reply } =
        elect_leaders::decide(image, &ElectLeaders { kind, partitions: None }, defaults);
    let results = reply.into_iter().map(|((topic, index), outcome)| {
        let named = image.topic(&topic).map(|topic| partition_ref(topic.id, index));
        item(named, told(outcome))
    });
    let results = results.collect();
    Decision { records, reply: Ok(v1::ElectLeadersReply { results }) }
}

/// A partition that is led as asked is a success.
fn told(outcome: Result<(), ControllerError>) -> Result<bool, Refused> {
    match outcome {
        Ok(()) => Ok(true),
        Err(ControllerError::ElectionNotNeeded) => Ok(false),
        Err(why) => Err(Refused::from(why)),
    }
}

fn kind(request: &v1::ElectLeadersRequest) -> Result<ElectionKind, Refused> {
    match request.kind() {
        v1::ElectionKind::Preferred => Ok(ElectionKind::Preferred),
        v1::ElectionKind::Unclean if request.partitions.is_empty() => Err(Refused::argument(
            "an unclean election of every partition is not made",
            "name the partitions whose records may be lost",
        )),
        v1::ElectionKind::Unclean => Ok(ElectionKind::Unclean),
        v1::ElectionKind::Unspecified => {
            Err(Refused::argument("the kind of election is not named", "set `kind`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason as Reason;
    use weir_core::controller::Record;
    use weir_model::BrokerId;

    use super::super::tests::{self, image, with_topic};
    use super::*;

    fn ask(
        image: &Image,
        kind: v1::ElectionKind,
        indexes: &[i32],
    ) -> Result<Vec<Result<bool, Reason>>, Reason> {
        let partitions = indexes.iter().map(|index| tests::partition(*index)).collect();
        let request = v1::ElectLeadersRequest { kind: kind.into(), partitions, ..Default::default() };
        let reply = decide(image, &request, &Pairs::new()).reply.map_err(|refused| refused.reason)?;
        let short = |result: v1::ItemResult| match result.refusal {
            Some(refusal) => Err(refusal.reason()),
            None => Ok(result.changed),
        };
        Ok(reply.results.into_iter().map(short).collect())
    }

    #[test]
    fn what_is_led_as_asked_is_a_success_and_what_is_not_there_is_refused() {
        use v1::ElectionKind::{Preferred, Unclean, Unspecified};
        let image = with_topic(image(), "t", &[0, 1]);
        assert_eq!(ask(&image, Preferred, &[0, 1]), Ok(vec![Ok(false), Err(Reason::UnknownPartition)]));
        assert_eq!(ask(&image, Preferred, &[]), Ok(vec![]));
        assert_eq!(ask(&image, Unclean, &[]), Err(Reason::InvalidArgument));
        assert_eq!(ask(&image, Unspecified, &[0]), Err(Reason::InvalidArgument));
    }

    #[test]
    fn a_partition_whose_replicas_are_all_away_can_not_be_led() {
        let mut image = with_topic(image(), "t", &[0]);
        let away = Record::BrokerFencingChanged { id: BrokerId(0), fenced: true };
        image.apply(&away).unwrap();
        let mut state =
            weir_core::controller::Partition::clone(image.topic("t").unwrap().partitions.first().unwrap());
        state.leader = None;
        state.partition_epoch.0 += 1;
        let index = weir_model::PartitionIndex(0);
        image.apply(&Record::PartitionChanged { topic: tests::TOPIC, index, state }).unwrap();
        assert_eq!(ask(&image, v1::ElectionKind::Unclean, &[0]), Ok(vec![Err(Reason::NoEligibleLeader)]));
    }
}
