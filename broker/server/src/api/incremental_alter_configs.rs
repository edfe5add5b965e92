//! IncrementalAlterConfigs: set, delete, append to or subtract from single settings of a resource.

use std::sync::Arc;

use weir_core::controller::ConfigResource;
use weir_core::controller::alter_configs::{self, AlterConfigs, Change, Operation};
use weir_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::config_resource::{self, Parsed};
use super::refusal::{Refusal, told};
use crate::broker::Broker;
use crate::dispatch::Caller;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut parsed = Parsed::new(request.resources.iter().map(resource));
    let command = AlterConfigs { resources: parsed.take(), validate_only: request.validate_only };
    let file = Arc::clone(&broker.file);
    let decided =
        broker.controller.decide(move |image, _| alter_configs::decide(image, &command, &file)).await;
    let outcomes = parsed.merge(decided);
    let responses = request.resources.into_iter().zip(outcomes).map(|(resource, outcome)| {
        let (error_code, error_message) = told(outcome);
        let AlterConfigsResource { resource_type, resource_name, .. } = resource;
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    });
    IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..IncrementalAlterConfigsResponse::default()
    }
}

fn resource(asked: &AlterConfigsResource) -> Result<(ConfigResource, Vec<Change>), Refusal> {
    let resource = config_resource::parse(asked.resource_type, &asked.resource_name)?;
    let changes: Result<_, _> = asked.configs.iter().map(change).collect();
    Ok((resource, changes?))
}

fn change(config: &AlterableConfig) -> Result<Change, Refusal> {
    Ok(Change {
        name: config.name.to_string(),
        operation: operation(config.config_operation)?,
        value: config.value.as_ref().map(ToString::to_string),
    })
}

fn operation(code: i8) -> Result<Operation, Refusal> {
    match code {
        0 => Ok(Operation::Set),
        1 => Ok(Operation::Delete),
        2 => Ok(Operation::Append),
        3 => Ok(Operation::Subtract),
        other => Err(Refusal::invalid_request(format!("unknown operation {other} on a setting"))),
    }
}

#[cfg(test)]
mod tests {
    use weir_wire::{ErrorCode, Str};

    use super::*;

    #[test]
    fn operations_have_kafkas_numbers() {
        let known = [Operation::Set, Operation::Delete, Operation::Append, Operation::Subtract];
        for (code, wanted) in (0..).zip(known) {
            assert_eq!(operation(code), Ok(wanted));
        }
        for code in [-1, 4, i8::MAX] {
            assert_eq!(operation(code).unwrap_err().code, ErrorCode::InvalidRequest);
        }
    }

    #[test]
    fn one_unknown_operation_refuses_its_whole_resource() {
        let config = |config_operation| AlterableConfig {
            name: Str::from("retention.ms"),
            config_operation,
            value: Some(Str::from("1")),
        };
        let asked = |codes: &[i8]| AlterConfigsResource {
            resource_type: 2,
            resource_name: Str::from("t"),
            configs: codes.iter().copied().map(config).collect(),
        };
        let change = Change {
            name: "retention.ms".to_owned(),
            operation: Operation::Append,
            value: Some("1".to_owned()),
        };
        assert_eq!(resource(&asked(&[2])), Ok((ConfigResource::Topic("t".to_owned()), vec![change])));
        assert!(resource(&asked(&[0, 9])).is_err());
    }
}
