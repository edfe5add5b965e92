//! CreateTopics. A topic that exists as it was asked for is a success, so that a request can be repeated.

use std::sync::Arc;

use weir_admin::admin::v1;
use weir_core::controller::create_topics::{self, CreateTopics, NewTopic};
use weir_core::controller::{ControllerError, Decision, Entropy, Image, Topic};
use weir_model::BrokerId;
use weir_model::config::BrokerConfig;

use super::batch::{self, check_size};
use super::refusal::Refused;
use super::service::AdminService;
use super::words::check_cluster;

/// What commands call "the brokers' default".
const DEFAULT: i32 = -1;

pub(super) async fn handle(
    service: &AdminService,
    request: v1::CreateTopicsRequest,
) -> Result<v1::CreateTopicsReply, Refused> {
    check_size("topics", request.topics.len())?;
    let config = service.broker.config();
    service.decide(move |image, entropy| decide(image, &request, &config, entropy)).await
}

fn decide(
    image: &Image,
    request: &v1::CreateTopicsRequest,
    config: &Arc<BrokerConfig>,
    entropy: &mut Entropy<'_>,
) -> Decision<Result<v1::CreateTopicsReply, Refused>> {
    if let Err(refused) = check_cluster(image, &request.cluster_id) {
        return Decision { records: Vec::new(), reply: Err(refused) };
    }
    let topics = request.topics.iter().map(command).collect();
    let command = CreateTopics { topics, validate_only: request.validate_only };
    let Decision { records, reply: outcomes } = create_topics::decide(image, &command, config, entropy);
    let results = request.topics.iter().zip(outcomes).map(|(asked, (name, outcome))| match outcome {
        Ok(created) => {
            // What was only checked has no id that lasts.
            let id = Some(created.id).filter(|_| !request.validate_only);
            batch::topic(name, id, Ok(!request.validate_only))
        }
        Err(why) => {
            let there = image.topic(&asked.name);
            batch::topic(name, there.map(|topic| topic.id), existing(asked, there.map(|topic| &**topic), why))
        }
    });
    let results = results.collect();
    Decision { records, reply: Ok(v1::CreateTopicsReply { results }) }
}

fn command(topic: &v1::NewTopic) -> NewTopic {
    let by_hand = (0..).zip(&topic.assignment);
    let assignments =
        by_hand.map(|(index, one)| (index, one.brokers.iter().copied().map(BrokerId).collect()));
    let factor = topic.replication_factor.unwrap_or(DEFAULT);
    NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions.unwrap_or(DEFAULT),
        // More than fits is as refused as the most that does.
        replication_factor: i16::try_from(factor).unwrap_or(i16::MAX),
        assignments: assignments.collect(),
        config: topic.config.iter().map(|one| (one.name.clone(), Some(one.value.clone()))).collect(),
    }
}

/// A topic that is there is what was asked for, or in the way.
fn existing(asked: &v1::NewTopic, there: Option<&Topic>, why: ControllerError) -> Result<bool, Refused> {
    match (&why, there) {
        (ControllerError::TopicExists(_), Some(topic)) if is_as_asked(asked, topic) => Ok(false),
        _ => Err(Refused::from(why)),
    }
}

fn is_as_asked(asked: &v1::NewTopic, topic: &Topic) -> bool {
    let count =
        |wanted: Option<i32>, is: usize| wanted.is_none_or(|wanted| usize::try_from(wanted) == Ok(is));
    let by_hand = asked.assignment.len();
    let replicas = |factor| topic.partitions.iter().all(|partition| count(factor, partition.target().len()));
    count(asked.partitions, topic.partitions.len())
        && (by_hand == 0 || by_hand == topic.partitions.len())
        && replicas(asked.replication_factor)
        && asked.config.iter().all(|one| topic.config.get(&one.name) == Some(&one.value))
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason as Reason;
    use weir_core::controller::Record;
    use weir_model::config::{Pairs, validate_broker_file};

    use super::super::tests::{image, with_topic};
    use super::*;

    fn ask(
        image: &Image,
        topics: Vec<v1::NewTopic>,
        validate_only: bool,
    ) -> (Vec<Record>, Vec<Result<bool, Reason>>) {
        let config = Arc::new(validate_broker_file(&Pairs::new()).unwrap());
        let request = v1::CreateTopicsRequest { topics, validate_only, ..Default::default() };
        let mut next = 1_u64;
        let mut draw = || {
            next += 1;
            next
        };
        let Decision { records, reply } = decide(image, &request, &config, &mut Entropy::new(&mut draw));
        let short = |result: v1::TopicResult| match result.refusal {
            Some(refusal) => Err(refusal.reason()),
            None => Ok(result.changed),
        };
        (records, reply.unwrap().results.into_iter().map(short).collect())
    }

    fn new(name: &str, partitions: i32, factor: i32) -> v1::NewTopic {
        v1::NewTopic {
            name: name.to_owned(),
            partitions: Some(partitions),
            replication_factor: Some(factor),
            ..v1::NewTopic::default()
        }
    }

    #[test]
    fn a_topic_is_created_once_and_then_is_what_was_asked_for() {
        let mut image = image();
        let (records, results) = ask(&image, vec![new("t", 2, 3)], false);
        assert_eq!(results, [Ok(true)]);
        records.iter().for_each(|record| image.apply(record).unwrap());
        assert_eq!(ask(&image, vec![new("t", 2, 3)], false), (vec![], vec![Ok(false)]));
        assert_eq!(ask(&image, vec![new("t", 3, 3)], false).1, [Err(Reason::TopicExists)]);
    }

    #[test]
    fn what_can_not_be_is_refused_and_changes_nothing() {
        let image = with_topic(image(), "here", &[0]);
        let setting = v1::Setting { name: "retention.ms".to_owned(), value: "x".to_owned() };
        let cases = [
            (new("a/b", 1, 1), Reason::InvalidTopicName),
            (new("", 1, 1), Reason::InvalidTopicName),
            (new("t", 0, 1), Reason::InvalidPartitions),
            (new("t", 1, 5), Reason::InvalidReplicationFactor),
            (new("t", 1, 99_999), Reason::InvalidReplicationFactor),
            (new("t", 20_000, 1), Reason::BatchTooLarge),
            (new("here", 1, 2), Reason::TopicExists),
            (v1::NewTopic { config: vec![setting], ..new("t", 1, 1) }, Reason::InvalidConfig),
        ];
        for (topic, wanted) in cases {
            assert_eq!(ask(&image, vec![topic.clone()], false), (vec![], vec![Err(wanted)]), "{topic:?}");
        }
        assert_eq!(ask(&image, vec![new("t", 1, 1)], true), (vec![], vec![Ok(false)]));
    }
}
