//! Creating, growing and deleting topics.

use weir_model::{Offset, PartitionIndex, TopicId};
use weir_wire::ApiKey;
use weir_wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use weir_wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use weir_wire::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use weir_wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};

use super::missing;
use crate::client::Client;
use crate::error::ClientError;
use crate::route::Route;

/// A topic to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; none: the broker's default.
    pub partitions: Option<i32>,
    /// How many replicas of each; none: the broker's default.
    pub replication_factor: Option<i16>,
    /// Settings of its own.
    pub configs: Vec<(String, String)>,
}

/// What was created, or would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// Its id; zero from an old broker, and when it was only checked.
    pub id: TopicId,
    /// How many partitions, if told.
    pub partitions: Option<i32>,
    /// How many replicas, if told.
    pub replication_factor: Option<i16>,
}

impl Client {
    /// Creates a topic, or only checks whether it could be created.
    pub async fn create_topic(
        &self,
        topic: &NewTopic,
        validate_only: bool,
    ) -> Result<CreatedTopic, ClientError> {
        let configs = topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: name.as_str().into(),
                value: Some(value.as_str().into()),
            })
            .collect();
        let wanted = &CreatableTopic {
            name: topic.name.as_str().into(),
            num_partitions: topic.partitions.unwrap_or(-1),
            replication_factor: topic.replication_factor.unwrap_or(-1),
            configs,
            ..Default::default()
        };
        self.retrying(&Route::Controller, self.deadline(), move |connection, deadline| async move {
            let request = CreateTopicsRequest {
                topics: vec![wanted.clone()],
                timeout_ms: deadline.left_ms(),
                validate_only,
            };
            let response = connection.call(&request, deadline).await?;
            let result = response.topics.first();
            let result = result.ok_or_else(|| missing(&connection, ApiKey::CreateTopics, &topic.name))?;
            ClientError::check(|| subject(&topic.name), result.error_code, result.error_message.as_deref())?;
            Ok(CreatedTopic {
                name: topic.name.clone(),
                id: TopicId(result.topic_id),
                partitions: (result.num_partitions > 0).then_some(result.num_partitions),
                replication_factor: (result.replication_factor > 0).then_some(result.replication_factor),
            })
        })
        .await
    }

    /// Deletes a topic and all of its records.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        self.retrying(&Route::Controller, self.deadline(), move |connection, deadline| async move {
            let mut request = DeleteTopicsRequest { timeout_ms: deadline.left_ms(), ..Default::default() };
            if connection.version_of(ApiKey::DeleteTopics, i16::MAX)? >= 6 {
                request.topics = vec![DeleteTopicState { name: Some(name.into()), ..Default::default() }];
            } else {
                request.topic_names = vec![name.into()];
            }
            let response = connection.call(&request, deadline).await?;
            let result = response.responses.first();
            let result = result.ok_or_else(|| missing(&connection, ApiKey::DeleteTopics, name))?;
            ClientError::check(|| subject(name), result.error_code, result.error_message.as_deref())
        })
        .await?;
        self.forget(&Route::Leader { topic: name.to_owned(), partition: PartitionIndex(0) });
        Ok(())
    }

    /// Gives a topic more partitions, so that it has `total` of them.
    pub async fn add_partitions(
        &self,
        name: &str,
        total: i32,
        validate_only: bool,
    ) -> Result<(), ClientError> {
        self.retrying(&Route::Controller, self.deadline(), move |connection, deadline| async move {
            let topic = CreatePartitionsTopic { name: name.into(), count: total, assignments: None };
            let request = CreatePartitionsRequest {
                topics: vec![topic],
                timeout_ms: deadline.left_ms(),
                validate_only,
            };
            let response = connection.call(&request, deadline).await?;
            let result = response.results.first();
            let result = result.ok_or_else(|| missing(&connection, ApiKey::CreatePartitions, name))?;
            ClientError::check(|| subject(name), result.error_code, result.error_message.as_deref())
        })
        .await
    }

    /// Deletes the records of a partition in front of an offset; returns where the partition begins then.
    pub async fn delete_records(
        &self,
        topic: &str,
        partition: PartitionIndex,
        before: Offset,
    ) -> Result<Offset, ClientError> {
        let route = Route::Leader { topic: topic.to_owned(), partition };
        self.retrying(&route, self.deadline(), move |connection, deadline| async move {
            let partitions = vec![DeleteRecordsPartition { partition_index: partition.0, offset: before.0 }];
            let topics = vec![DeleteRecordsTopic { name: topic.into(), partitions }];
            let request = DeleteRecordsRequest { topics, timeout_ms: deadline.left_ms() };
            let response = connection.call(&request, deadline).await?;
            let result = response.topics.first().and_then(|topic| topic.partitions.first());
            let result = result.ok_or_else(|| missing(&connection, ApiKey::DeleteRecords, topic))?;
            ClientError::check(|| format!("partition {topic}-{partition}"), result.error_code, None)?;
            Ok(Offset(result.low_watermark))
        })
        .await
    }
}

fn subject(topic: &str) -> String {
    format!("topic {topic}")
}
