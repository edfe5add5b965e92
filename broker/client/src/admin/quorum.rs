//! Who votes on the cluster's metadata.

use weir_model::BrokerId;
use weir_wire::ApiKey;
use weir_wire::messages::describe_quorum::{
    DescribeQuorumRequest, ReplicaState, RequestPartitionData, RequestTopicData,
};

use super::missing;
use crate::client::Client;
use crate::error::ClientError;
use crate::metadata::some_broker;
use crate::route::Route;

/// The topic as which the metadata log is asked for.
const METADATA: &str = "__cluster_metadata";

/// The metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumDescription {
    /// Who leads it: the controller.
    pub leader: Option<BrokerId>,
    /// The term.
    pub epoch: i32,
    /// Who votes, ascending by id.
    pub voters: Vec<QuorumReplica>,
    /// Who follows without a vote, ascending by id.
    pub observers: Vec<QuorumReplica>,
}

/// One member of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumReplica {
    /// The broker.
    pub id: BrokerId,
    /// Where its metadata log ends, if that is known.
    pub log_end: Option<i64>,
}

impl Client {
    /// Asks who votes on the metadata; none from brokers that are too old to say.
    pub async fn describe_quorum(&self) -> Result<Option<QuorumDescription>, ClientError> {
        self.retrying(&Route::Any, self.deadline(), move |connection, deadline| async move {
            if connection.version_of(ApiKey::DescribeQuorum, i16::MAX).is_err() {
                return Ok(None);
            }
            let partitions = vec![RequestPartitionData { partition_index: 0 }];
            let topics = vec![RequestTopicData { topic_name: METADATA.into(), partitions }];
            let response = connection.call(&DescribeQuorumRequest { topics }, deadline).await?;
            let subject = || "metadata quorum".to_owned();
            ClientError::check(subject, response.error_code, response.error_message.as_deref())?;
            let partition = response.topics.first().and_then(|topic| topic.partitions.first());
            let partition =
                partition.ok_or_else(|| missing(&connection, ApiKey::DescribeQuorum, "the metadata"))?;
            ClientError::check(subject, partition.error_code, partition.error_message.as_deref())?;
            Ok(Some(QuorumDescription {
                leader: some_broker(partition.leader_id),
                epoch: partition.leader_epoch,
                voters: replicas(&partition.current_voters),
                observers: replicas(&partition.observers),
            }))
        })
        .await
    }
}

fn replicas(rows: &[ReplicaState]) -> Vec<QuorumReplica> {
    let row = |row: &ReplicaState| QuorumReplica {
        id: BrokerId(row.replica_id),
        log_end: Some(row.log_end_offset).filter(|end| *end >= 0),
    };
    let mut replicas: Vec<_> = rows.iter().map(row).collect();
    replicas.sort_by_key(|replica| replica.id);
    replicas
}
