//! What both ways of altering settings share: finding whose they are, and checking the result as a whole.

use std::collections::BTreeSet;

use weir_model::BrokerId;
use weir_model::config::{
    ConfigError, Pairs, Setting, broker_setting, topic_setting, validate_dynamic_broker, validate_topic,
};

use super::image::Image;
use super::{ConfigScope, ControllerError, Record};

/// Whose settings a request names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic's, by name.
    Topic(String),
    /// One broker's.
    Broker(BrokerId),
    /// The dynamic defaults of all brokers.
    AllBrokers,
}

/// Settings as a request gives them: name and value.
pub type GivenSettings = Vec<(String, Option<String>)>;

/// One outcome for each resource of the request, in its order.
pub(super) type Outcomes = Vec<(ConfigResource, Result<(), ControllerError>)>;

/// The settings that a resource has now.
pub(super) struct Current<'a> {
    pub(super) scope: ConfigScope,
    pub(super) pairs: &'a Pairs,
}

pub(super) fn find<'a>(image: &'a Image, resource: &ConfigResource) -> Result<Current<'a>, ControllerError> {
    match resource {
        ConfigResource::Topic(name) => {
            let unknown = || ControllerError::UnknownTopic(name.chars().take(256).collect());
            let topic = image.topic(name).ok_or_else(unknown)?;
            Ok(Current { scope: ConfigScope::Topic(topic.id), pairs: &topic.config })
        }
        ConfigResource::Broker(id) if image.broker(*id).is_none() => Err(ControllerError::UnknownBroker(*id)),
        ConfigResource::Broker(id) => {
            Ok(Current { scope: ConfigScope::Broker(*id), pairs: image.broker_config(*id) })
        }
        ConfigResource::AllBrokers => {
            Ok(Current { scope: ConfigScope::AllBrokers, pairs: image.all_brokers_config() })
        }
    }
}

impl Current<'_> {
    pub(super) fn setting(&self, name: &str) -> Result<&'static Setting, ConfigError> {
        match self.scope {
            ConfigScope::Topic(_) => topic_setting(name),
            ConfigScope::Broker(_) | ConfigScope::AllBrokers => broker_setting(name),
        }
    }

    /// The records that turn the current settings into `wanted`, if those are legal.
    pub(super) fn change_to(&self, wanted: &Pairs) -> Result<Vec<Record>, ControllerError> {
        match self.scope {
            ConfigScope::Topic(_) => validate_topic(wanted)?,
            ConfigScope::Broker(_) | ConfigScope::AllBrokers => validate_dynamic_broker(wanted)?,
        }
        let names: BTreeSet<_> = self.pairs.keys().chain(wanted.keys()).collect();
        let changed = names.into_iter().filter(|name| self.pairs.get(*name) != wanted.get(*name));
        let record = |name: &String| Record::ConfigChanged {
            scope: self.scope,
            name: name.clone(),
            value: wanted.get(name).cloned(),
        };
        Ok(changed.map(record).collect())
    }
}

/// Resources that a request names more than once.
pub(super) fn repeated<'a>(
    resources: impl Iterator<Item = &'a ConfigResource>,
) -> BTreeSet<&'a ConfigResource> {
    let mut seen = BTreeSet::new();
    resources.filter(|resource| !seen.insert(*resource)).collect()
}

impl std::fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::AllBrokers => f.write_str("the default of all brokers"),
        }
    }
}
