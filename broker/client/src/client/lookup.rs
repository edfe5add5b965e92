//! Finding who should answer: leaders and brokers from Metadata, coordinators from FindCoordinator. Remembers what was
//! found until a failure says that it may have changed.

use std::sync::Arc;

use weir_model::{BrokerId, PartitionIndex};
use weir_wire::messages::find_coordinator::FindCoordinatorRequest;
use weir_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use weir_wire::{ApiKey, ErrorCode};

use super::{Client, MAX_COORDINATORS};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::error::ClientError;
use crate::metadata::{Metadata, TopicInfo, some_broker};
use crate::retry::backoff;
use crate::route::Route;

const KEY_TYPE_GROUP: i8 = 0;

impl Client {
    /// Asks for all topics.
    pub async fn all_topics(&self) -> Result<Arc<Metadata>, ClientError> {
        self.fetch_metadata(None, self.deadline()).await
    }

    /// Asks for one topic. A topic that does not exist is an error, and is not created.
    pub async fn topic(&self, name: &str) -> Result<TopicInfo, ClientError> {
        self.fetch_topic(name, self.deadline()).await
    }

    /// Waits until a topic that was just created is known with a leader for each partition.
    pub async fn await_topic(&self, name: &str, partitions: usize) -> Result<TopicInfo, ClientError> {
        let deadline = self.deadline();
        let mut attempt = 0u32;
        loop {
            attempt = attempt.saturating_add(1);
            let found = self.fetch_topic(name, deadline).await;
            let wait = backoff(attempt);
            match found {
                Ok(topic)
                    if topic.partitions.len() >= partitions
                        && topic.partitions.iter().all(|p| p.leader.is_some()) =>
                {
                    return Ok(topic);
                }
                Err(error) if error.code() != Some(ErrorCode::UnknownTopicOrPartition) => return Err(error),
                other if deadline.left() <= wait => return other,
                _ => tokio::time::sleep(wait).await,
            }
        }
    }

    /// The connection for a route.
    pub(crate) async fn connection(
        &self,
        route: &Route,
        deadline: Deadline,
    ) -> Result<Connection, ClientError> {
        match route {
            Route::Any => self.any(deadline).await,
            Route::Broker(id) => self.broker(*id, deadline).await,
            Route::Controller => match self.controller(deadline).await? {
                Some(id) => self.broker(id, deadline).await,
                None => self.any(deadline).await,
            },
            Route::Leader { topic, partition } => {
                let leader = self.leader(topic, *partition, deadline).await?;
                self.broker(leader, deadline).await
            }
            Route::GroupCoordinator(group) => {
                let coordinator = self.coordinator(group, deadline).await?;
                self.broker(coordinator, deadline).await
            }
        }
    }

    /// Who leads a partition, from what is known or else from a fresh answer.
    pub(crate) async fn leader(
        &self,
        topic: &str,
        partition: PartitionIndex,
        deadline: Deadline,
    ) -> Result<BrokerId, ClientError> {
        let known = self.known_metadata();
        let found = known.topics.get(topic).and_then(|info| info.partition(partition)?.leader);
        if let Some(leader) = found {
            return Ok(leader);
        }
        let info = self.fetch_topic(topic, deadline).await?;
        let Some(found) = info.partition(partition) else {
            return Err(ClientError::NoSuchPartition {
                topic: topic.to_owned(),
                partition,
                count: info.partitions.len(),
            });
        };
        found.leader.ok_or_else(|| ClientError::Kafka {
            subject: format!("partition {topic}-{partition}"),
            code: ErrorCode::LeaderNotAvailable,
            message: Some("it has no leader".into()),
        })
    }

    /// Who coordinates a group, if it was looked up.
    pub(crate) fn known_coordinator(&self, group: &str) -> Option<BrokerId> {
        self.known().coordinators.get(group).copied()
    }

    /// Forgets what a route was resolved to.
    pub(crate) fn forget(&self, route: &Route) {
        let mut known = self.known();
        match route {
            Route::Any => {}
            Route::Broker(id) => drop(known.brokers.remove(id)),
            Route::Controller => Arc::make_mut(&mut known.metadata).controller = None,
            Route::Leader { topic, .. } => drop(Arc::make_mut(&mut known.metadata).topics.remove(topic)),
            Route::GroupCoordinator(group) => drop(known.coordinators.remove(group)),
        }
    }

    pub(super) async fn metadata_with_broker(
        &self,
        id: BrokerId,
        deadline: Deadline,
    ) -> Result<Arc<Metadata>, ClientError> {
        let known = self.known_metadata();
        if known.brokers.contains_key(&id) {
            return Ok(known);
        }
        self.fetch_metadata(Some(&[]), deadline).await
    }

    async fn controller(&self, deadline: Deadline) -> Result<Option<BrokerId>, ClientError> {
        if let Some(known) = self.known_metadata().controller {
            return Ok(Some(known));
        }
        Ok(self.fetch_metadata(Some(&[]), deadline).await?.controller)
    }

    async fn fetch_topic(&self, name: &str, deadline: Deadline) -> Result<TopicInfo, ClientError> {
        let metadata = self.fetch_metadata(Some(&[name]), deadline).await?;
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let info = metadata.topics.get(name);
        // A partition without a leader taints the whole topic's code; the partitions themselves say more.
        let code = info.map_or(unknown, |info| match info.error {
            ErrorCode::LeaderNotAvailable if !info.partitions.is_empty() => ErrorCode::None,
            error => error,
        });
        ClientError::check(|| format!("topic {name}"), code.code(), None)?;
        info.cloned().ok_or_else(|| ClientError::Kafka {
            subject: format!("topic {name}"),
            code: unknown,
            message: None,
        })
    }

    /// Asks whoever answers, and remembers the answer. `None` asks for all topics.
    async fn fetch_metadata(
        &self,
        topics: Option<&[&str]>,
        deadline: Deadline,
    ) -> Result<Arc<Metadata>, ClientError> {
        let wanted = topics.map(|names| {
            names
                .iter()
                .map(|name| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() })
                .collect()
        });
        let request =
            MetadataRequest { topics: wanted, allow_auto_topic_creation: false, ..Default::default() };
        // Boxed, for this is a part of finding the connections that calls are made on.
        let connection = Box::pin(self.any(deadline)).await?;
        let answered = connection.call(&request, deadline).await;
        self.drop_if_broken(&connection, answered.as_ref().err());
        let response = answered?;
        ClientError::check(|| "metadata".into(), response.error_code, None)?;
        let fresh = Metadata::from_wire(&response);
        if fresh.brokers.is_empty() {
            return Err(ClientError::Kafka {
                subject: "metadata".into(),
                code: ErrorCode::CoordinatorNotAvailable,
                message: Some("the broker knows of no live broker yet".into()),
            });
        }
        let mut known = self.known();
        let updated = Arc::new(known.metadata.updated_by(&fresh));
        known.metadata = updated;
        Ok(Arc::new(fresh))
    }

    async fn coordinator(&self, group: &str, deadline: Deadline) -> Result<BrokerId, ClientError> {
        if let Some(id) = self.known().coordinators.get(group) {
            return Ok(*id);
        }
        let connection = self.any(deadline).await?;
        let request = coordinator_request(group, connection.version_of(ApiKey::FindCoordinator, i16::MAX)?);
        let answered = connection.call(&request, deadline).await;
        self.drop_if_broken(&connection, answered.as_ref().err());
        let response = answered?;
        let subject = || format!("group {group}");
        let (code, message, id) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.error_message.as_deref(), found.node_id),
            None => (response.error_code, response.error_message.as_deref(), response.node_id),
        };
        ClientError::check(subject, code, message)?;
        let id = some_broker(id).ok_or_else(|| ClientError::Kafka {
            subject: subject(),
            code: ErrorCode::CoordinatorNotAvailable,
            message: None,
        })?;
        let mut known = self.known();
        if known.coordinators.len() >= MAX_COORDINATORS {
            known.coordinators.clear();
        }
        known.coordinators.insert(group.to_owned(), id);
        Ok(id)
    }
}

/// The key moved into a list in version 4.
fn coordinator_request(group: &str, version: i16) -> FindCoordinatorRequest {
    let mut request = FindCoordinatorRequest { key_type: KEY_TYPE_GROUP, ..Default::default() };
    if version >= 4 {
        request.coordinator_keys = vec![group.into()];
    } else {
        request.key = group.into();
    }
    request
}
