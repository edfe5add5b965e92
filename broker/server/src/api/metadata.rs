//! Metadata: who the brokers are and who leads what; may create topics that are asked for by name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use weir_core::controller::{Image, Partition, Topic};
use weir_model::{BrokerId, PartitionIndex, TopicId, TopicName};
use weir_wire::messages::create_topics::CreatableTopicResult;
use weir_wire::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use weir_wire::{ErrorCode, Str};

use super::{allowed_operations, cluster_id, create_topics, endpoints};
use crate::broker::Broker;
use crate::dispatch::Caller;

/// How long topics that are asked for may take to be there.
const CREATION_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: MetadataRequest,
) -> MetadataResponse {
    let wanted = Wanted::of(caller.version, &request);
    if request.allow_auto_topic_creation && broker.config().auto_create_topics {
        create_missing(broker, &wanted).await;
    }
    let image = broker.image();
    let operations = if request.include_topic_authorized_operations {
        allowed_operations::TOPIC
    } else {
        allowed_operations::NOT_ASKED
    };
    let topics = describe(&image, &wanted, caller.version, operations);
    MetadataResponse {
        brokers: brokers(broker, &image, &caller.session.listener),
        cluster_id: image.cluster_id().map(|id| Str::from(cluster_id::as_text(id))),
        controller_id: broker.controller_id(),
        topics,
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => allowed_operations::CLUSTER,
            false => allowed_operations::NOT_ASKED,
        },
        ..MetadataResponse::default()
    }
}

/// What a request asks for. Null is everything; in version 0 so is nothing.
enum Wanted {
    All,
    Some(Vec<Asked>),
}

enum Asked {
    Name(String),
    Id(TopicId),
    /// A topic without a name and without an id.
    Nothing,
}

impl Wanted {
    fn of(version: i16, request: &MetadataRequest) -> Self {
        let Some(topics) = &request.topics else { return Self::All };
        if version == 0 && topics.is_empty() {
            return Self::All;
        }
        let asked = topics.iter().map(|topic| match (&topic.name, topic.topic_id) {
            (Some(name), _) => Asked::Name(name.as_str().to_owned()),
            (None, id) if !id.is_nil() => Asked::Id(TopicId(id)),
            (None, _) => Asked::Nothing,
        });
        Self::Some(asked.collect())
    }
}

/// Creates the legal names that do not exist, together. What could not be created shows in the answer.
async fn create_missing(broker: &Broker, wanted: &Wanted) {
    let Wanted::Some(asked) = wanted else { return };
    let image = broker.image();
    let missing: BTreeSet<&str> = asked
        .iter()
        .filter_map(|asked| match asked {
            Asked::Name(name) => Some(name.as_str()),
            Asked::Id(_) | Asked::Nothing => None,
        })
        .filter(|name| TopicName::new(name).is_ok() && image.topic(name).is_none())
        .collect();
    if missing.is_empty() {
        return;
    }
    let request = create_topics::by_default(missing.iter());
    match broker.link.call(create_topics::VERSION, &request, CREATION_MAX).await {
        Ok(response) => {
            let made: Vec<String> = response.topics.iter().filter_map(made).collect();
            let there = broker.view.until(|image| made.iter().all(|name| image.topic(name).is_some()));
            let _ = tokio::time::timeout(CREATION_MAX, there).await;
        }
        Err(error) => warn!(%error, "topics can not be created"),
    }
}

/// The topic's name, when it is there now.
fn made(topic: &CreatableTopicResult) -> Option<String> {
    let name = topic.name.to_string();
    match ErrorCode::from(topic.error_code) {
        ErrorCode::None => info!(topic = name, "created because a client asked for it"),
        // Two clients asked at the same time.
        ErrorCode::TopicAlreadyExists => {}
        code => {
            let error = topic.error_message.as_deref().unwrap_or_default();
            info!(topic = name, ?code, error, "not created");
            return None;
        }
    }
    Some(name)
}

fn describe(image: &Image, wanted: &Wanted, version: i16, operations: i32) -> Vec<MetadataResponseTopic> {
    let asked = match wanted {
        Wanted::All => return image.topics().map(|topic| found(image, topic, operations)).collect(),
        Wanted::Some(asked) => asked,
    };
    let answers = asked.iter().map(|asked| match asked {
        Asked::Name(name) => match image.topic(name) {
            Some(topic) => found(image, topic, operations),
            None => not_found(Some(name), TopicId::ZERO, missing_name(name)),
        },
        Asked::Id(id) => match image.topic_by_id(*id) {
            Some(topic) => found(image, topic, operations),
            None => not_found((version < 12).then_some(""), *id, ErrorCode::UnknownTopicId),
        },
        Asked::Nothing => not_found((version < 12).then_some(""), TopicId::ZERO, ErrorCode::InvalidRequest),
    });
    answers.collect()
}

fn missing_name(name: &str) -> ErrorCode {
    match TopicName::new(name) {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    }
}

fn not_found(name: Option<&str>, id: TopicId, code: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: code.into(),
        name: name.map(Str::from),
        topic_id: id.0,
        topic_authorized_operations: allowed_operations::NOT_ASKED,
        ..MetadataResponseTopic::default()
    }
}

fn found(image: &Image, topic: &Arc<Topic>, operations: i32) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: 0,
        name: Some(Str::from(topic.name.as_str())),
        topic_id: topic.id.0,
        is_internal: topic.is_internal(),
        partitions: topic
            .numbered()
            .map(|(index, partition)| describe_partition(image, index, partition))
            .collect(),
        topic_authorized_operations: operations,
    }
}

fn describe_partition(
    image: &Image,
    index: PartitionIndex,
    partition: &Partition,
) -> MetadataResponsePartition {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.0).collect();
    MetadataResponsePartition {
        error_code: if partition.leader.is_some() { 0 } else { ErrorCode::LeaderNotAvailable.into() },
        partition_index: index.0,
        leader_id: partition.leader.map_or(-1, |leader| leader.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: ids(&partition.replicas),
        isr_nodes: ids(&partition.isr),
        offline_replicas: partition
            .replicas
            .iter()
            .filter(|id| !image.is_active(**id))
            .map(|id| id.0)
            .collect(),
    }
}

/// The brokers that serve the listener the client came by, at the addresses it can reach.
fn brokers(me: &Broker, image: &Image, listener: &str) -> Vec<MetadataResponseBroker> {
    let named = image.brokers().filter(|broker| me.view.names(image, broker.registration.id));
    named
        .filter_map(|broker| {
            let endpoint = endpoints::endpoint_for(&broker.registration, listener)?;
            Some(MetadataResponseBroker {
                node_id: broker.registration.id.0,
                host: Str::from(endpoint.host.as_str()),
                port: i32::from(endpoint.port),
                rack: broker.registration.rack.as_deref().map(Str::from),
            })
        })
        .collect()
}
