//! CreateTopics: from the wire to the controller's command, and back with what the new topics are like. The topic that
//! holds groups is made as the broker needs it when nothing else is asked for.

use weir_core::controller::Image;
use weir_core::controller::create_topics::{self, CreateTopics, Created, NewTopic};
use weir_core::controller::internal_topic::{CONSUMER_OFFSETS, consumer_offsets_topic};
use weir_model::BrokerId;
use weir_model::config::{BrokerConfig, BrokerLayers, Described, describe_topic};
use weir_wire::Str;
use weir_wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};

use super::config_resource::source_code;
use super::refusal::Refusal;
use super::repeated::first_of_each;
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let (mut command, defaults) = (command(&request), broker.config());
    let decided = broker
        .controller
        .decide(move |image, entropy| {
            command.topics.iter_mut().for_each(|topic| as_needed(image, topic, &defaults));
            create_topics::decide(image, &command, &defaults, entropy)
        })
        .await;
    let image = broker.image();
    let layers = image.layers(broker.id, &broker.file);
    let topics = match decided {
        Ok(outcomes) => outcomes
            .into_iter()
            .map(|(name, outcome)| match outcome {
                Ok(topic) => created(Str::from(name), &topic, layers),
                Err(error) => refused(Str::from(name), error.into()),
            })
            .collect(),
        Err(error) => {
            let refusal = Refusal::from(error);
            request.topics.into_iter().map(|topic| refused(topic.name, refusal.clone())).collect()
        }
    };
    let topics = first_of_each(topics, |topic| topic.name.clone());
    CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
}

fn command(request: &CreateTopicsRequest) -> CreateTopics {
    CreateTopics {
        topics: request.topics.iter().map(new_topic).collect(),
        validate_only: request.validate_only,
    }
}

fn new_topic(topic: &CreatableTopic) -> NewTopic {
    let assignments = topic.assignments.iter().map(|assignment| {
        (assignment.partition_index, assignment.broker_ids.iter().copied().map(BrokerId).collect())
    });
    let config =
        topic.configs.iter().map(|c| (c.name.to_string(), c.value.as_ref().map(ToString::to_string)));
    NewTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        config: config.collect(),
    }
}

/// The version in which a broker asks its controller.
pub(crate) const VERSION: i16 = 5;

/// A request for topics as the defaults have them.
pub(crate) fn by_default<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> CreateTopicsRequest {
    let topics = names.into_iter().map(|name| CreatableTopic {
        name: Str::from(name.as_ref()),
        num_partitions: -1,
        replication_factor: -1,
        ..CreatableTopic::default()
    });
    CreateTopicsRequest { topics: topics.collect(), timeout_ms: 10_000, validate_only: false }
}

/// `__consumer_offsets` has settings of its own, unless the request has some.
fn as_needed(image: &Image, topic: &mut NewTopic, config: &BrokerConfig) {
    let plain = topic.partitions == -1
        && topic.replication_factor == -1
        && topic.assignments.is_empty()
        && topic.config.is_empty();
    if topic.name == CONSUMER_OFFSETS && plain {
        *topic = consumer_offsets_topic(image, config);
    }
}

fn created(name: Str, topic: &Created, layers: BrokerLayers<'_>) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        topic_id: topic.id.0,
        error_message: None,
        num_partitions: i32::try_from(topic.partitions).unwrap_or(i32::MAX),
        replication_factor: i16::try_from(topic.replication_factor).unwrap_or(i16::MAX),
        configs: Some(describe_topic(&topic.config, layers).map(setting).collect()),
        ..CreatableTopicResult::default()
    }
}

fn setting(described: Described) -> CreatableTopicConfigs {
    CreatableTopicConfigs {
        name: Str::from_static(described.name),
        value: described.value.map(Str::from),
        read_only: described.read_only,
        config_source: source_code(described.source),
        is_sensitive: described.sensitive,
    }
}

fn refused(name: Str, refusal: Refusal) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: refusal.code.into(),
        error_message: Some(Str::from(refusal.message)),
        configs: Some(Vec::new()),
        ..CreatableTopicResult::default()
    }
}

#[cfg(test)]
mod tests {
    use weir_core::controller::ControllerError;
    use weir_model::TopicId;
    use weir_model::config::Pairs;
    use weir_wire::messages::create_topics::{CreatableReplicaAssignment, CreatableTopicConfig};

    use super::*;

    #[test]
    fn every_field_of_a_request_reaches_the_controller() {
        let topic = CreatableTopic {
            name: Str::from("t"),
            num_partitions: -1,
            replication_factor: 3,
            assignments: vec![CreatableReplicaAssignment { partition_index: 1, broker_ids: vec![2, 0] }],
            configs: vec![
                CreatableTopicConfig { name: Str::from("a"), value: Some(Str::from("1")) },
                CreatableTopicConfig { name: Str::from("b"), value: None },
            ],
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1, validate_only: true };
        let command = command(&request);
        assert!(command.validate_only);
        let topic = &command.topics[0];
        assert_eq!((topic.name.as_str(), topic.partitions, topic.replication_factor), ("t", -1, 3));
        assert_eq!(topic.assignments, [(1, vec![BrokerId(2), BrokerId(0)])]);
        assert_eq!(topic.config, [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)]);
    }

    #[test]
    fn a_created_topic_is_told_with_all_its_settings_and_where_each_comes_from() {
        let own = Pairs::from([("retention.ms".to_owned(), "5".to_owned())]);
        let topic = Created { id: TopicId::ZERO, partitions: 3, replication_factor: 1, config: own };
        let (none, all) =
            (Pairs::new(), Pairs::from([("log.segment.bytes".to_owned(), "2097152".to_owned())]));
        let layers = BrokerLayers { this_broker: &none, all_brokers: &all, file: &none };
        let told = created(Str::from("t"), &topic, layers);
        assert_eq!((told.error_code, told.error_message), (0, None));
        assert_eq!((told.num_partitions, told.replication_factor), (3, 1));
        let configs = told.configs.unwrap();
        assert!(configs.is_sorted_by(|a, b| a.name < b.name));
        let of = |name: &str| {
            let setting = configs.iter().find(|c| c.name == name).unwrap();
            (setting.value.as_deref().unwrap().to_owned(), setting.config_source)
        };
        assert_eq!(of("retention.ms"), ("5".to_owned(), 1));
        assert_eq!(of("segment.bytes"), ("2097152".to_owned(), 3));
        assert_eq!(of("cleanup.policy"), ("delete".to_owned(), 5));
    }

    #[test]
    fn a_refused_topic_is_told_with_minus_one_partitions_and_no_settings() {
        let told = refused(Str::from("t"), ControllerError::TopicExists("t".to_owned()).into());
        assert_eq!((told.error_code, told.num_partitions, told.replication_factor), (36, -1, -1));
        assert_eq!(told.configs, Some(Vec::new()));
        assert!(told.error_message.unwrap().contains("exists"));
    }
}
