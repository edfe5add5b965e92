//! AlterTopics: settings and more partitions, for each topic all or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_admin::admin::v1;
use weir_core::controller::alter_configs::{self, AlterConfigs, Change, Operation};
use weir_core::controller::create_partitions::{self, CreatePartitions, Growth};
use weir_core::controller::{
    ConfigResource, ControllerError, Decision, Entropy, Image, MOST_PARTITIONS_PER_REQUEST, Record, Topic,
};
use weir_model::TopicId;
use weir_model::config::Pairs;

use super::batch::{self, check_size};
use super::refusal::Refused;
use super::service::AdminService;
use super::words::{check_cluster, topic, topic_id};

pub(super) async fn handle(
    service: &AdminService,
    request: v1::AlterTopicsRequest,
) -> Result<v1::AlterTopicsReply, Refused> {
    check_size("topics", request.changes.len())?;
    let defaults = Arc::clone(&service.broker.file);
    service.decide(move |image, entropy| decide(image, &request, &defaults, entropy)).await
}

fn decide(
    image: &Image,
    request: &v1::AlterTopicsRequest,
    defaults: &Pairs,
    entropy: &mut Entropy<'_>,
) -> Decision<Result<v1::AlterTopicsReply, Refused>> {
    if let Err(refused) = check_cluster(image, &request.cluster_id) {
        return Decision { records: Vec::new(), reply: Err(refused) };
    }
    let mut all = Altering { image, defaults, entropy, seen: BTreeSet::new(), grown: 0, records: Vec::new() };
    let results = request.changes.iter().map(|change| {
        let id = topic_id(&change.topic_id);
        let found = id.clone().and_then(|id| topic(image, id));
        let name = found.as_ref().map(|topic| topic.name.as_str().to_owned()).unwrap_or_default();
        let outcome = found.and_then(|topic| all.alter(topic, change));
        batch::topic(name, id.ok(), outcome)
    });
    let results = results.collect();
    let records = if request.validate_only { Vec::new() } else { all.records };
    Decision { records, reply: Ok(v1::AlterTopicsReply { results }) }
}

/// The changes of one request, topic by topic.
struct Altering<'a, 'b, 'c> {
    image: &'a Image,
    defaults: &'a Pairs,
    entropy: &'b mut Entropy<'c>,
    seen: BTreeSet<TopicId>,
    grown: usize,
    records: Vec<Record>,
}

impl Altering<'_, '_, '_> {
    /// Says whether anything changed.
    fn alter(&mut self, topic: &Topic, change: &v1::TopicChange) -> Result<bool, Refused> {
        if !self.seen.insert(topic.id) {
            return Err(Refused::duplicate(topic.name.as_str()));
        }
        let mut records = self.settings(topic, change)?;
        records.extend(self.partitions(topic, change)?);
        let changed = !records.is_empty();
        self.records.extend(records);
        Ok(changed)
    }

    fn settings(&self, topic: &Topic, change: &v1::TopicChange) -> Result<Vec<Record>, Refused> {
        let set = change.set.iter().map(|one| Change {
            name: one.name.clone(),
            operation: Operation::Set,
            value: Some(one.value.clone()),
        });
        let unset = change.unset.iter().map(|name| Change {
            name: name.clone(),
            operation: Operation::Delete,
            value: None,
        });
        let changes: Vec<_> = set.chain(unset).collect();
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let resource = ConfigResource::Topic(topic.name.as_str().to_owned());
        let command = AlterConfigs { resources: vec![(resource, changes)], validate_only: false };
        let Decision { records, reply } = alter_configs::decide(self.image, &command, self.defaults);
        first(reply.into_iter().map(|(_, outcome)| outcome)).map(|()| records)
    }

    fn partitions(&mut self, topic: &Topic, change: &v1::TopicChange) -> Result<Vec<Record>, Refused> {
        let Some(count) = change.partitions else { return Ok(Vec::new()) };
        let now = topic.partitions.len();
        if usize::try_from(count) == Ok(now) {
            return Ok(Vec::new());
        }
        let more = usize::try_from(count).unwrap_or(0).saturating_sub(now);
        if self.grown + more > MOST_PARTITIONS_PER_REQUEST {
            return Err(Refused::too_many("new partitions", self.grown + more, MOST_PARTITIONS_PER_REQUEST));
        }
        let growth = Growth { name: topic.name.as_str().to_owned(), count, assignments: None };
        let command = CreatePartitions { topics: vec![growth], validate_only: false };
        let Decision { records, reply } = create_partitions::decide(self.image, &command, self.entropy);
        first(reply.into_iter().map(|(_, outcome)| outcome))?;
        self.grown += more;
        Ok(records)
    }
}

fn first(mut outcomes: impl Iterator<Item = Result<(), ControllerError>>) -> Result<(), Refused> {
    outcomes.next().unwrap_or(Ok(())).map_err(Refused::from)
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason as Reason;

    use super::super::tests::{self, image, with_topic};
    use super::*;

    fn ask(image: &Image, changes: Vec<v1::TopicChange>) -> (Vec<Record>, Vec<Result<bool, Reason>>) {
        let request = v1::AlterTopicsRequest { changes, ..Default::default() };
        let mut draw = || 7;
        let entropy = &mut Entropy::new(&mut draw);
        let Decision { records, reply } = decide(image, &request, &Pairs::new(), entropy);
        let short = |result: v1::TopicResult| match result.refusal {
            Some(refusal) => Err(refusal.reason()),
            None => Ok(result.changed),
        };
        (records, reply.unwrap().results.into_iter().map(short).collect())
    }

    fn change(partitions: Option<i32>, set: &[(&str, &str)], unset: &[&str]) -> v1::TopicChange {
        let setting = |(name, value): &(&str, &str)| v1::Setting {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        v1::TopicChange {
            topic_id: tests::partition(0).topic_id,
            partitions,
            set: set.iter().map(setting).collect(),
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_change_is_made_once_and_what_is_so_already_is_a_success() {
        let mut image = with_topic(image(), "t", &[0]);
        let asked = || vec![change(Some(3), &[("retention.ms", "1000")], &["segment.ms"])];
        let (records, results) = ask(&image, asked());
        assert_eq!(results, [Ok(true)]);
        records.iter().for_each(|record| image.apply(record).unwrap());
        let topic = image.topic("t").unwrap();
        assert_eq!((topic.partitions.len(), &*topic.config["retention.ms"]), (3, "1000"));
        assert_eq!(ask(&image, asked()), (vec![], vec![Ok(false)]));
    }

    #[test]
    fn a_change_of_which_a_part_is_refused_is_not_made_at_all() {
        let image = with_topic(image(), "t", &[0]);
        let unknown =
            v1::TopicChange { topic_id: "AAAAAAAAAAAAAAAAAAAAAQ".to_owned(), ..change(None, &[], &[]) };
        let cases = [
            (change(Some(0), &[("retention.ms", "1000")], &[]), Reason::InvalidPartitions),
            (change(Some(3), &[("retention.ms", "x")], &[]), Reason::InvalidConfig),
            (change(Some(3), &[("no.such", "1")], &[]), Reason::InvalidConfig),
            (change(Some(20_000), &[], &[]), Reason::BatchTooLarge),
            (unknown, Reason::UnknownTopic),
        ];
        for (one, wanted) in cases {
            assert_eq!(ask(&image, vec![one.clone()]), (vec![], vec![Err(wanted)]), "{one:?}");
        }
        let twice = ask(&image, vec![change(Some(2), &[], &[]), change(Some(3), &[], &[])]);
        assert_eq!(twice.1, [Ok(true), Err(Reason::DuplicateItem)]);
    }
}
