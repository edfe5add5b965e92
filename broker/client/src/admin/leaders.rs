//! Who could lead partitions, who should, and moving them.

use std::collections::BTreeMap;

use weir_model::{BrokerId, PartitionIndex};
use weir_wire::ApiKey;
use weir_wire::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use weir_wire::messages::describe_topic_partitions::{Cursor, DescribeTopicPartitionsRequest, TopicRequest};
use weir_wire::messages::elect_leaders::{ElectLeadersRequest, TopicPartitions};

use super::missing;
use crate::client::Client;
use crate::error::ClientError;
use crate::route::Route;

/// Partitions in one answer.
const PAGE: i32 = 2_000;
/// More answers than the largest topic needs.
const PAGES_MAX: usize = 1_000;
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

impl Client {
    /// The replicas of a topic that are out of sync and still hold everything that was acknowledged (KIP-966), by
    /// partition; empty from brokers that do not know of such.
    pub async fn eligible_replicas(
        &self,
        topic: &str,
    ) -> Result<BTreeMap<PartitionIndex, Vec<BrokerId>>, ClientError> {
        self.retrying(&Route::Any, self.deadline(), move |connection, deadline| async move {
            let mut found = BTreeMap::new();
            if connection.version_of(ApiKey::DescribeTopicPartitions, i16::MAX).is_err() {
                return Ok(found);
            }
            let mut cursor: Option<Cursor> = None;
            for _ in 0..PAGES_MAX {
                let request = DescribeTopicPartitionsRequest {
                    topics: vec![TopicRequest { name: topic.into() }],
                    response_partition_limit: PAGE,
                    cursor: cursor.take(),
                };
                let response = connection.call(&request, deadline).await?;
                for row in response.topics.iter().flat_map(|topic| &topic.partitions) {
                    let ids = row.eligible_leader_replicas.iter().flatten().copied().map(BrokerId).collect();
                    found.insert(PartitionIndex(row.partition_index), ids);
                }
                let Some(next) = response.next_cursor else { break };
                cursor = Some(Cursor { topic_name: next.topic_name, partition_index: next.partition_index });
            }
            Ok(found)
        })
        .await
    }

    /// Elects leaders: the preferred ones, or, for partitions without a leader, whoever is there, which may lose records.
    pub async fn elect_leaders(
        &self,
        topic: &str,
        partitions: &[PartitionIndex],
        unclean: bool,
    ) -> Result<Vec<Acted>, ClientError> {
        self.retrying(&Route::Controller, self.deadline(), move |connection, deadline| async move {
            let indexes = partitions.iter().map(|partition| partition.0).collect();
            let request = ElectLeadersRequest {
                election_type: if unclean { UNCLEAN } else { PREFERRED },
                topic_partitions: Some(vec![TopicPartitions { topic: topic.into(), partitions: indexes }]),
                timeout_ms: deadline.left_ms(),
            };
            let response = connection.call(&request, deadline).await?;
            ClientError::check(|| format!("topic {topic}"), response.error_code, None)?;
            let rows = response.replica_election_results.iter().flat_map(|topic| &topic.partition_result);
            Ok(rows
                .map(|row| Acted::of(topic, row.partition_id, row.error_code, row.error_message.as_deref()))
                .collect())
        })
        .await
    }

    /// Begins to move a partition to these replicas, the preferred leader first; none cancels a move.
    pub async fn move_partition(
        &self,
        topic: &str,
        partition: PartitionIndex,
        replicas: Option<&[BrokerId]>,
    ) -> Result<(), ClientError> {
        self.retrying(&Route::Controller, self.deadline(), move |connection, deadline| async move {
            let row = ReassignablePartition {
                partition_index: partition.0,
                replicas: replicas.map(|ids| ids.iter().map(|id| id.0).collect()),
            };
            let request = AlterPartitionReassignmentsRequest {
                timeout_ms: deadline.left_ms(),
                allow_replication_factor_change: true,
                topics: vec![ReassignableTopic { name: topic.into(), partitions: vec![row] }],
            };
            let response = connection.call(&request, deadline).await?;
            let subject = || format!("partition {topic}-{partition}");
            ClientError::check(subject, response.error_code, response.error_message.as_deref())?;
            let result = response.responses.first().and_then(|topic| topic.partitions.first());
            let result = result
                .ok_or_else(|| missing(&connection, ApiKey::AlterPartitionReassignments, &subject()))?;
            ClientError::check(subject, result.error_code, result.error_message.as_deref())
        })
        .await
    }
}

/// What became of one partition.
#[derive(Debug)]
pub struct Acted {
    /// Its number.
    pub partition: PartitionIndex,
    /// Why nothing was done, if so.
    pub refused: Option<ClientError>,
}

impl Acted {
    fn of(topic: &str, index: i32, code: i16, message: Option<&str>) -> Self {
        let refused = ClientError::check(|| format!("partition {topic}-{index}"), code, message).err();
        Self { partition: PartitionIndex(index), refused }
    }
}
