//! DeleteTopics, by name or by id.

use std::collections::BTreeSet;

use weir_model::TopicId;
use weir_model::config::BrokerConfig;

use super::image::Image;
use super::{ControllerError, Decision, Record};

/// How a request names a topic: either of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRef {
    /// By name.
    pub name: Option<String>,
    /// By id.
    pub id: Option<TopicId>,
}

/// What became of one topic, and what it was called.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its name, where known.
    pub name: Option<String>,
    /// Its id, where known.
    pub id: Option<TopicId>,
    /// Whether it is gone.
    pub result: Result<(), ControllerError>,
}

/// Decides on each topic of the request, in its order.
pub fn decide(image: &Image, topics: &[TopicRef], config: &BrokerConfig) -> Decision<Vec<Outcome>> {
    let mut records = Vec::new();
    let repeated = repeated(image, topics);
    let reply = topics.iter().map(|topic| {
        let found =
            if config.delete_topics { find(image, topic) } else { Err(ControllerError::DeletionDisabled) };
        let outcome = found.and_then(|(id, name)| {
            if repeated.contains(&id) {
                return Err(ControllerError::Duplicate(name));
            }
            Ok((id, name))
        });
        match outcome {
            Ok((id, name)) => {
                records.push(Record::TopicDeleted { id });
                Outcome { name: Some(name), id: Some(id), result: Ok(()) }
            }
            Err(why) => Outcome { name: topic.name.clone(), id: topic.id, result: Err(why) },
        }
    });
    let reply = reply.collect();
    Decision { records, reply }
}

fn find(image: &Image, topic: &TopicRef) -> Result<(TopicId, String), ControllerError> {
    let found = match (&topic.name, topic.id) {
        (Some(_), Some(_)) => {
            return Err(ControllerError::InvalidRequest(
                "a topic is named by its name or its id, not by both",
            ));
        }
        (None, None) => return Err(ControllerError::InvalidRequest("a topic needs a name or an id")),
        (Some(name), None) => image
            .topic(name)
            .ok_or_else(|| ControllerError::UnknownTopic(name.chars().take(256).collect()))?,
        (None, Some(id)) => image.topic_by_id(id).ok_or(ControllerError::UnknownTopicId(id))?,
    };
    Ok((found.id, found.name.as_str().to_owned()))
}

/// Topics that the request names more than once, be it once by name and once by id.
fn repeated(image: &Image, topics: &[TopicRef]) -> BTreeSet<TopicId> {
    let mut seen = BTreeSet::new();
    let ids = topics.iter().filter_map(|topic| find(image, topic).ok()).map(|(id, _)| id);
    ids.filter(|id| !seen.insert(*id)).collect()
}
