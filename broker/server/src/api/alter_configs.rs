//! AlterConfigs, the old way: what a request names replaces all settings of a resource.

use std::sync::Arc;

use weir_core::controller::ConfigResource;
use weir_core::controller::replace_configs::{self, ReplaceConfigs};
use weir_wire::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::config_resource::{self, Parsed};
use super::refusal::{Refusal, told};
use crate::broker::Broker;
use crate::dispatch::Caller;

/// A setting's name, and its value if it has one.
type Pair = (String, Option<String>);

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let mut parsed = Parsed::new(request.resources.iter().map(resource));
    let command = ReplaceConfigs { resources: parsed.take(), validate_only: request.validate_only };
    let file = Arc::clone(&broker.file);
    let decided =
        broker.controller.decide(move |image, _| replace_configs::decide(image, &command, &file)).await;
    let outcomes = parsed.merge(decided);
    let responses = request.resources.into_iter().zip(outcomes).map(|(resource, outcome)| {
        let (error_code, error_message) = told(outcome);
        let AlterConfigsResource { resource_type, resource_name, .. } = resource;
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    });
    AlterConfigsResponse { responses: responses.collect(), ..AlterConfigsResponse::default() }
}

fn resource(asked: &AlterConfigsResource) -> Result<(ConfigResource, Vec<Pair>), Refusal> {
    let resource = config_resource::parse(asked.resource_type, &asked.resource_name)?;
    let pairs = asked.configs.iter();
    Ok((resource, pairs.map(|c| (c.name.to_string(), c.value.as_ref().map(ToString::to_string))).collect()))
}

#[cfg(test)]
mod tests {
    use weir_wire::Str;
    use weir_wire::messages::alter_configs::AlterableConfig;

    use super::*;

    #[test]
    fn values_and_their_absence_reach_the_controller() {
        let config = |name: &str, value: Option<&str>| AlterableConfig {
            name: Str::from(name),
            value: value.map(Str::from),
        };
        let asked = AlterConfigsResource {
            resource_type: 2,
            resource_name: Str::from("t"),
            configs: vec![config("a", Some("1")), config("b", None)],
        };
        let pairs = vec![("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)];
        assert_eq!(resource(&asked), Ok((ConfigResource::Topic("t".to_owned()), pairs)));
        assert!(resource(&AlterConfigsResource { resource_type: 77, ..asked }).is_err());
    }
}
