//! Whose settings a request means, and the numbers that the protocol has for kinds of resources, sources and types.

use weir_core::controller::{ConfigResource, ControllerError};
use weir_model::BrokerId;
use weir_model::config::{ConfigType, Source};

use super::refusal::Refusal;
use crate::metadata::MetadataError;

/// The resources that Kafka 4.2 knows settings of.
pub(crate) const TOPIC: i8 = 2;
pub(crate) const BROKER: i8 = 4;
pub(crate) const BROKER_LOGGER: i8 = 8;
pub(crate) const CLIENT_METRICS: i8 = 16;
pub(crate) const GROUP: i8 = 32;

/// The resource that a type and a name stand for, if it is one whose settings can be kept.
pub(crate) fn parse(resource_type: i8, name: &str) -> Result<ConfigResource, Refusal> {
    match resource_type {
        TOPIC => Ok(ConfigResource::Topic(name.to_owned())),
        BROKER if name.is_empty() => Ok(ConfigResource::AllBrokers),
        BROKER => broker_id(name).map(ConfigResource::Broker),
        other => Err(unsupported(other)),
    }
}

/// A broker's number as text.
pub(crate) fn broker_id(name: &str) -> Result<BrokerId, Refusal> {
    name.parse().map(BrokerId).map_err(|_| {
        let name: String = name.chars().take(64).collect();
        Refusal::invalid_request(format!("broker id must be an integer, but it is {name:?}"))
    })
}

/// What is said to a resource that has no settings here.
pub(crate) fn unsupported(resource_type: i8) -> Refusal {
    Refusal::invalid_request(match resource_type {
        BROKER_LOGGER => "log levels can not be changed while the broker runs".to_owned(),
        CLIENT_METRICS => "client metrics subscriptions are not supported".to_owned(),
        GROUP => "groups have no settings of their own".to_owned(),
        other => format!("unknown resource type {other}"),
    })
}

/// The number of a source.
pub(crate) const fn source_code(source: Source) -> i8 {
    match source {
        Source::Topic => 1,
        Source::DynamicBroker => 2,
        Source::DynamicDefault => 3,
        Source::StaticBroker => 4,
        Source::Default => 5,
    }
}

/// The number of a type.
pub(crate) const fn type_code(config_type: ConfigType) -> i8 {
    match config_type {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
        ConfigType::Class => 8,
        ConfigType::Password => 9,
    }
}

/// What the controller came to, for the resources that it was asked about.
type Decided = Result<Vec<(ConfigResource, Result<(), ControllerError>)>, MetadataError>;

/// A request to alter settings, taken apart: what the controller can decide, and what is refused before.
pub(crate) struct Parsed<C> {
    /// For the controller.
    pub(crate) resources: Vec<(ConfigResource, Vec<C>)>,
    /// One for each resource of the request; `None` is for the controller.
    refused: Vec<Option<Refusal>>,
}

impl<C> Parsed<C> {
    /// From the resources of a request, in its order.
    pub(crate) fn new(items: impl Iterator<Item = Result<(ConfigResource, Vec<C>), Refusal>>) -> Self {
        let (mut resources, mut refused) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Ok(resource) => {
                    resources.push(resource);
                    refused.push(None);
                }
                Err(refusal) => refused.push(Some(refusal)),
            }
        }
        Self { resources, refused }
    }

    /// Takes out what the controller is to decide.
    pub(crate) fn take(&mut self) -> Vec<(ConfigResource, Vec<C>)> {
        std::mem::take(&mut self.resources)
    }

    /// One outcome for each resource of the request, in its order.
    pub(crate) fn merge(self, decided: Decided) -> Vec<Result<(), Refusal>> {
        let mut decided = decided.map(Vec::into_iter).map_err(Refusal::from);
        let outcomes = self.refused.into_iter().map(|refused| match (refused, &mut decided) {
            (Some(refusal), _) => Err(refusal),
            (None, Err(failed)) => Err(failed.clone()),
            (None, Ok(outcomes)) => match outcomes.next() {
                Some((_, outcome)) => outcome.map_err(Refusal::from),
                None => {
                    Err(Refusal::new(weir_wire::ErrorCode::UnknownServerError, "the resource got no answer"))
                }
            },
        });
        outcomes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_names_stand_for_topics_one_broker_or_all() {
        let cases = [
            (2, "t", Some(ConfigResource::Topic("t".to_owned()))),
            (4, "7", Some(ConfigResource::Broker(BrokerId(7)))),
            (4, "", Some(ConfigResource::AllBrokers)),
            (4, "x", None),
            (4, "99999999999", None),
            (8, "1", None),
            (16, "m", None),
            (32, "g", None),
            (0, "", None),
            (-1, "", None),
        ];
        for (resource_type, name, wanted) in cases {
            let parsed = parse(resource_type, name);
            assert_eq!(parsed.as_ref().ok(), wanted.as_ref(), "{resource_type} {name:?}: {parsed:?}");
        }
    }

    #[test]
    fn what_was_refused_before_and_what_the_controller_says_come_in_the_order_of_the_request() {
        let topic = |name: &str| ConfigResource::Topic(name.to_owned());
        let refusal = Refusal::invalid_request("no");
        let items = [Ok((topic("a"), vec![1])), Err(refusal.clone()), Ok((topic("b"), vec![2]))];
        let mut parsed = Parsed::new(items.clone().into_iter());
        assert_eq!(parsed.take(), [(topic("a"), vec![1]), (topic("b"), vec![2])]);
        let unknown = ControllerError::UnknownTopic("b".to_owned());
        let decided = Ok(vec![(topic("a"), Ok(())), (topic("b"), Err(unknown.clone()))]);
        assert_eq!(parsed.merge(decided), [Ok(()), Err(refusal.clone()), Err(unknown.into())]);

        let merged = Parsed::new(items.into_iter()).merge(Err(MetadataError::Stopping));
        let stopping = Refusal::from(MetadataError::Stopping);
        assert_eq!(merged, [Err(stopping.clone()), Err(refusal), Err(stopping)]);
    }
}
