//! Reading and changing the settings of topics and brokers.

use std::fmt;

use weir_model::BrokerId;
use weir_wire::ApiKey;
use weir_wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use weir_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use super::missing;
use crate::client::Client;
use crate::error::ClientError;
use crate::route::Route;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// What settings belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A topic, by name.
    Topic(String),
    /// One broker.
    Broker(BrokerId),
    /// All brokers.
    AllBrokers,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on one broker while it runs.
    DynamicBroker,
    /// Set on all brokers while they run.
    DynamicDefaultBroker,
    /// From the broker's file or flags.
    StaticBroker,
    /// Not set anywhere.
    Default,
    /// One that is not known here.
    Other(i8),
}

/// A setting and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; none for a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Can not be changed while the broker runs.
    pub read_only: bool,
    /// A secret.
    pub sensitive: bool,
}

/// A change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// Give it this value.
    Set(String, String),
    /// Back to what it would be without a value of its own.
    Reset(String),
}

impl Resource {
    fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => TOPIC,
            Self::Broker(_) | Self::AllBrokers => BROKER,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Topic(name) => name.clone(),
            Self::Broker(id) => id.to_string(),
            Self::AllBrokers => String::new(),
        }
    }

    /// A broker answers for itself; anybody answers for the rest.
    fn route(&self) -> Route {
        match self {
            Self::Broker(id) => Route::Broker(*id),
            Self::Topic(_) | Self::AllBrokers => Route::Any,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::AllBrokers => f.write_str("all brokers"),
        }
    }
}

impl Client {
    /// All settings of a resource.
    pub async fn describe_configs(&self, resource: &Resource) -> Result<Vec<ConfigEntry>, ClientError> {
        let wanted = DescribeConfigsResource {
            resource_type: resource.kind(),
            resource_name: resource.name().into(),
            configuration_keys: None,
        };
        let request = &DescribeConfigsRequest { resources: vec![wanted], ..Default::default() };
        self.retrying(&resource.route(), self.deadline(), move |connection, deadline| async move {
            let response = connection.call(request, deadline).await?;
            let result = response.results.first();
            let result =
                result.ok_or_else(|| missing(&connection, ApiKey::DescribeConfigs, &resource.to_string()))?;
            ClientError::check(|| resource.to_string(), result.error_code, result.error_message.as_deref())?;
            Ok(result.configs.iter().map(entry).collect())
        })
        .await
    }

    /// Changes single settings of a resource, all of them or none.
    pub async fn alter_configs(
        &self,
        resource: &Resource,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let wanted = AlterConfigsResource {
            resource_type: resource.kind(),
            resource_name: resource.name().into(),
            configs: changes.iter().map(alteration).collect(),
        };
        let request = &IncrementalAlterConfigsRequest { resources: vec![wanted], validate_only };
        self.retrying(&resource.route(), self.deadline(), move |connection, deadline| async move {
            let response = connection.call(request, deadline).await?;
            let result = response.responses.first();
            let result = result.ok_or_else(|| {
                missing(&connection, ApiKey::IncrementalAlterConfigs, &resource.to_string())
            })?;
            ClientError::check(|| resource.to_string(), result.error_code, result.error_message.as_deref())
        })
        .await
    }
}

fn alteration(change: &ConfigChange) -> AlterableConfig {
    match change {
        ConfigChange::Set(name, value) => AlterableConfig {
            name: name.as_str().into(),
            config_operation: 0,
            value: Some(value.as_str().into()),
        },
        ConfigChange::Reset(name) => {
            AlterableConfig { name: name.as_str().into(), config_operation: 1, value: None }
        }
    }
}

fn entry(wire: &DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        name: wire.name.to_string(),
        value: wire.value.as_deref().map(str::to_owned),
        source: source(wire.config_source),
        read_only: wire.read_only,
        sensitive: wire.is_sensitive,
    }
}

fn source(code: i8) -> ConfigSource {
    match code {
        1 => ConfigSource::Topic,
        2 => ConfigSource::DynamicBroker,
        3 => ConfigSource::DynamicDefaultBroker,
        4 => ConfigSource::StaticBroker,
        5 => ConfigSource::Default,
        other => ConfigSource::Other(other),
    }
}
