//! DescribeConfigs: every setting of a topic or of this broker, with its source and all layers' words on it. Decides
//! which settings a resource has; their values come from the settings table.

use weir_model::config::{BrokerLayers, Described, Pairs, Source, Synonym, describe_broker, describe_topic};
use weir_model::{BrokerId, TopicName};
use weir_wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use weir_wire::{ErrorCode, Str};

use super::config_resource::{BROKER, BROKER_LOGGER, TOPIC, broker_id, source_code, type_code, unsupported};
use super::refusal::Refusal;
use crate::broker::Broker;
use crate::dispatch::Caller;
use crate::partition::settings::SettingsOf;

/// Settings in one answer: those of more topics than a broker is meant for. A few bytes of request ask for some
/// hundred settings, so the answer needs a limit of its own.
const ROWS_MAX: usize = 500_000;

pub(crate) async fn handle(
    broker: &Broker,
    _: &Caller<'_>,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let image = broker.image();
    let at = SettingsOf { image: &image, me: broker.id, file: &broker.file };
    let extras = Extras { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let results = results(at, extras, request.resources, ROWS_MAX);
    DescribeConfigsResponse { results, ..DescribeConfigsResponse::default() }
}

/// What is only told when asked for.
#[derive(Clone, Copy)]
struct Extras {
    synonyms: bool,
    documentation: bool,
}

fn results(
    at: SettingsOf<'_>,
    extras: Extras,
    resources: Vec<DescribeConfigsResource>,
    rows_max: usize,
) -> Vec<DescribeConfigsResult> {
    let mut room = rows_max;
    let results = resources.into_iter().map(|resource| {
        let keys = resource.configuration_keys.as_deref().unwrap_or_default();
        let described = describe(at, resource.resource_type, &resource.resource_name).and_then(|mut rows| {
            rows.retain(|row| is_wanted(keys, row.name));
            room = room.checked_sub(rows.len()).ok_or_else(|| {
                Refusal::new(
                    ErrorCode::PolicyViolation,
                    format!("more than {rows_max} settings: split the request"),
                )
            })?;
            Ok(rows)
        });
        result(resource.resource_type, resource.resource_name, extras, described)
    });
    results.collect()
}

/// Null asks for everything, and so does an empty list.
fn is_wanted(keys: &[Str], name: &str) -> bool {
    keys.is_empty() || keys.iter().any(|key| key == name)
}

fn describe(at: SettingsOf<'_>, resource_type: i8, name: &str) -> Result<Vec<Described>, Refusal> {
    match resource_type {
        TOPIC => topic(at, name),
        BROKER if name.is_empty() => Ok(every_broker(at.image.all_brokers_config())),
        BROKER => {
            is_me(at.me, name)?;
            Ok(describe_broker(at.image.layers(at.me, at.file)).collect())
        }
        // None of its log levels can be changed while it runs, so there is none to list.
        BROKER_LOGGER => is_me(at.me, name).map(|()| Vec::new()),
        other => Err(unsupported(other)),
    }
}

fn topic(at: SettingsOf<'_>, name: &str) -> Result<Vec<Described>, Refusal> {
    TopicName::new(name).map_err(|bad| Refusal::new(ErrorCode::InvalidTopicException, bad.to_string()))?;
    let topic = at.image.topic(name).ok_or_else(|| {
        Refusal::new(ErrorCode::UnknownTopicOrPartition, format!("there is no topic {name:?}"))
    })?;
    Ok(describe_topic(&topic.config, at.image.layers(at.me, at.file)).collect())
}

/// Settings for every broker are only those that were set so; a broker's own words are for its own description.
fn every_broker(all_brokers: &Pairs) -> Vec<Described> {
    let none = Pairs::new();
    let layers = BrokerLayers { this_broker: &none, all_brokers, file: &none };
    let set = describe_broker(layers).filter(|row| row.source == Source::DynamicDefault);
    let without_built_in = set.map(|mut row| {
        row.synonyms.retain(|synonym| synonym.source == Source::DynamicDefault);
        row
    });
    without_built_in.collect()
}

/// Only a broker itself knows its file, so clients must ask the one they mean.
fn is_me(me: BrokerId, name: &str) -> Result<(), Refusal> {
    let asked = broker_id(name)?;
    if asked == me {
        return Ok(());
    }
    Err(Refusal::invalid_request(format!("this is broker {me}: ask broker {asked} for its settings")))
}

fn result(
    resource_type: i8,
    resource_name: Str,
    extras: Extras,
    described: Result<Vec<Described>, Refusal>,
) -> DescribeConfigsResult {
    let (error_code, message, configs) = match described {
        // Kafka sends an empty message here where others are null.
        Ok(rows) => {
            (ErrorCode::None, String::new(), rows.into_iter().map(|row| setting(row, extras)).collect())
        }
        Err(refusal) => (refusal.code, refusal.message, Vec::new()),
    };
    DescribeConfigsResult {
        error_code: error_code.into(),
        error_message: Some(Str::from(message)),
        resource_type,
        resource_name,
        configs,
    }
}

fn setting(row: Described, extras: Extras) -> DescribeConfigsResourceResult {
    let synonyms = if extras.synonyms { row.synonyms } else { Vec::new() };
    DescribeConfigsResourceResult {
        name: Str::from_static(row.name),
        value: row.value.map(Str::from),
        read_only: row.read_only,
        config_source: source_code(row.source),
        is_sensitive: row.sensitive,
        synonyms: synonyms.into_iter().map(synonym).collect(),
        config_type: type_code(row.config_type),
        documentation: extras.documentation.then(|| Str::from_static(row.doc)),
    }
}

fn synonym(synonym: Synonym) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: Str::from_static(synonym.name),
        value: synonym.value.map(Str::from),
        source: source_code(synonym.source),
    }
}

#[cfg(test)]
mod tests;
