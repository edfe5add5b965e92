//! The topics that the broker keeps for itself are made when they are first needed, with their own settings.

use weir_model::TopicId;
use weir_model::config::BrokerConfig;

use super::create_topics::{CreateTopics, NewTopic};
use super::image::Image;
use super::{ControllerError, Decision, Entropy, create_topics};

/// The topic that holds groups and their offsets.
pub const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// The least segment a topic may have.
const LEAST_SEGMENT_BYTES: u32 = 1_048_576;

/// Makes `__consumer_offsets`, unless it is there. The reply is its id.
pub fn consumer_offsets(
    image: &Image,
    config: &BrokerConfig,
    entropy: &mut Entropy<'_>,
) -> Decision<Result<TopicId, ControllerError>> {
    if let Some(topic) = image.topic(CONSUMER_OFFSETS) {
        return Decision { records: Vec::new(), reply: Ok(topic.id) };
    }
    // A cluster that is smaller than the setting is served all the same.
    let topic = consumer_offsets_topic(image, config);
    let command = CreateTopics { topics: vec![topic], validate_only: false };
    let Decision { records, reply } = create_topics::decide(image, &command, config, entropy);
    let outcome = reply.into_iter().next().map_or(Err(ControllerError::NoFreshId), |(_, outcome)| outcome);
    Decision { records, reply: outcome.map(|created| created.id) }
}

/// What `__consumer_offsets` is to be like.
#[must_use]
pub fn consumer_offsets_topic(image: &Image, config: &BrokerConfig) -> NewTopic {
    let active = image.brokers().filter(|b| b.takes_replicas()).count();
    let factor = (config.offsets_topic_replication_factor as usize).min(active.max(1));
    let segment_bytes = config.offsets_topic_segment_bytes.max(LEAST_SEGMENT_BYTES);
    let setting = |name: &str, value: String| (name.to_owned(), Some(value));
    NewTopic {
        name: CONSUMER_OFFSETS.to_owned(),
        partitions: i32::try_from(config.offsets_topic_partitions).unwrap_or(i32::MAX),
        replication_factor: i16::try_from(factor).unwrap_or(i16::MAX),
        assignments: Vec::new(),
        config: vec![
            setting("cleanup.policy", "compact".to_owned()),
            setting("compression.type", "producer".to_owned()),
            setting("segment.bytes", segment_bytes.to_string()),
        ],
    }
}
