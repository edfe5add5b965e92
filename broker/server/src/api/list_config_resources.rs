//! ListConfigResources: what there is that settings can be asked of. Version 0 knows client metrics only, of which
//! there are none.

use weir_core::controller::Image;
use weir_wire::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use weir_wire::{ErrorCode, Str};

use super::config_resource::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::broker::Broker;
use crate::dispatch::Caller;

/// What each version can ask for, in the order of the answer.
const SINCE_0: &[i8] = &[CLIENT_METRICS];
const SINCE_1: &[i8] = &[GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    match list(&broker.image(), caller.version, &request.resource_types) {
        Ok(config_resources) => {
            ListConfigResourcesResponse { config_resources, ..ListConfigResourcesResponse::default() }
        }
        Err(code) => {
            ListConfigResourcesResponse { error_code: code.into(), ..ListConfigResourcesResponse::default() }
        }
    }
}

/// No types at all ask for every one.
fn list(image: &Image, version: i16, asked: &[i8]) -> Result<Vec<ConfigResource>, ErrorCode> {
    let known = if version == 0 { SINCE_0 } else { SINCE_1 };
    if asked.iter().any(|resource_type| !known.contains(resource_type)) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let wanted = known.iter().filter(|known| asked.is_empty() || asked.contains(*known));
    Ok(wanted.flat_map(|resource_type| resources(image, *resource_type)).collect())
}

fn resources(image: &Image, resource_type: i8) -> Vec<ConfigResource> {
    let resource = |name: Str| ConfigResource { resource_name: name, resource_type };
    match resource_type {
        TOPIC => image.topics().map(|topic| resource(Str::from(topic.name.as_str()))).collect(),
        BROKER | BROKER_LOGGER => {
            let active = image.brokers().map(|broker| &broker.registration).filter(|broker| !broker.fenced);
            active.map(|broker| resource(Str::from(broker.id.to_string()))).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_core::controller::{Record, Registration};
    use weir_model::{BrokerId, Incarnation, TopicId, TopicName};

    use super::*;

    /// Names and types, or why there are none.
    type Listed = Result<&'static [(&'static str, i8)], ErrorCode>;

    fn image() -> Image {
        let broker = |id, fenced| {
            Record::BrokerRegistered(Registration {
                id: BrokerId(id),
                incarnation: Incarnation::default(),
                epoch: 0,
                rack: None,
                endpoints: Vec::new(),
                fenced,
                ..Registration::default()
            })
        };
        let topic = |id, name| Record::TopicCreated {
            id: TopicId(Uuid::from_u128(id)),
            name: TopicName::new(name).unwrap(),
        };
        let mut image = Image::default();
        for record in [broker(1, false), broker(2, true), topic(8, "b"), topic(9, "a")] {
            image.apply(&record).unwrap();
        }
        image
    }

    #[test]
    fn types_are_listed_as_asked_and_unknown_ones_refuse_the_request() {
        let everything: Listed = Ok(&[("1", 8), ("1", 4), ("a", 2), ("b", 2)]);
        let cases: [(i16, &[i8], Listed); 8] = [
            (0, &[], Ok(&[])),
            (0, &[2], Err(ErrorCode::UnsupportedVersion)),
            (1, &[], everything),
            (1, &[2, 2], Ok(&[("a", 2), ("b", 2)])),
            (1, &[4], Ok(&[("1", 4)])),
            (1, &[16, 32], Ok(&[])),
            (1, &[2, 77], Err(ErrorCode::UnsupportedVersion)),
            (1, &[0], Err(ErrorCode::UnsupportedVersion)),
        ];
        let image = image();
        for (version, asked, wanted) in cases {
            let listed = list(&image, version, asked);
            let short = listed.as_ref().map(|all| {
                all.iter().map(|r| (r.resource_name.as_str(), r.resource_type)).collect::<Vec<_>>()
            });
            assert_eq!(short.map_err(|code| *code), wanted.map(<[_]>::to_vec), "v{version} {asked:?}");
        }
    }
}
