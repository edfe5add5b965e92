//! The offsets that a group has stored: reading, writing and deleting them from outside of the group.

use std::collections::BTreeMap;

use weir_model::{LeaderEpoch, Offset, PartitionIndex};
use weir_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use weir_wire::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse};
use weir_wire::{ApiKey, ErrorCode};

use crate::client::Client;
use crate::error::ClientError;
use crate::offsets::Place;
use crate::route::Route;

/// From version 10 on topics are named by id, which a group's offsets of a deleted topic do not have.
const LAST_BY_NAME: i16 = 9;

/// A stored offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the record before, or none when not known.
    pub leader_epoch: LeaderEpoch,
    /// What the member said about it.
    pub metadata: String,
}

impl Client {
    /// All offsets that a group has stored. A group that does not exist has none.
    pub async fn committed_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<Place, CommittedOffset>, ClientError> {
        let route = Route::GroupCoordinator(group.to_owned());
        self.retrying(&route, self.deadline(), move |connection, deadline| async move {
            let version = connection.version_of(ApiKey::OffsetFetch, LAST_BY_NAME)?;
            let request = fetch_request(group, version);
            let response = connection.call_at_most(&request, LAST_BY_NAME, deadline).await?;
            committed(group, &response)
        })
        .await
    }

    /// Stores offsets for a group that has no members.
    pub async fn commit_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<Place, Offset>,
    ) -> Result<(), ClientError> {
        let request = &commit_request(group, offsets);
        let route = Route::GroupCoordinator(group.to_owned());
        self.retrying(&route, self.deadline(), move |connection, deadline| async move {
            let response = connection.call_at_most(request, LAST_BY_NAME, deadline).await?;
            for topic in &response.topics {
                for partition in &topic.partitions {
                    let subject =
                        || format!("group {group}, partition {}-{}", topic.name, partition.partition_index);
                    ClientError::check(subject, partition.error_code, None)?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Versions up to 7 ask for one group in the head of the request, later ones for a list of groups.
fn fetch_request(group: &str, version: i16) -> OffsetFetchRequest {
    let mut request = OffsetFetchRequest::default();
    if version >= 8 {
        let wanted = OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() };
        request.groups = vec![wanted];
    } else {
        request.group_id = group.into();
        request.topics = None;
    }
    request
}

fn committed(
    group: &str,
    response: &OffsetFetchResponse,
) -> Result<BTreeMap<Place, CommittedOffset>, ClientError> {
    let code = response.groups.first().map_or(response.error_code, |found| found.error_code);
    // A group without a trace is a group without offsets.
    if ErrorCode::from(code) == ErrorCode::GroupIdNotFound {
        return Ok(BTreeMap::new());
    }
    ClientError::check(|| format!("group {group}"), code, None)?;
    let older = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| {
            (
                &topic.name,
                p.partition_index,
                p.committed_offset,
                p.committed_leader_epoch,
                &p.metadata,
                p.error_code,
            )
        })
    });
    let newer = response.groups.iter().flat_map(|found| &found.topics).flat_map(|topic| {
        topic.partitions.iter().map(|p| {
            (
                &topic.name,
                p.partition_index,
                p.committed_offset,
                p.committed_leader_epoch,
                &p.metadata,
                p.error_code,
            )
        })
    });
    let mut offsets = BTreeMap::new();
    for (topic, partition, offset, epoch, metadata, code) in older.chain(newer) {
        ClientError::check(|| format!("group {group}, partition {topic}-{partition}"), code, None)?;
        if offset < 0 {
            continue;
        }
        let metadata = metadata.as_deref().unwrap_or_default().to_owned();
        let stored = CommittedOffset { offset: Offset(offset), leader_epoch: LeaderEpoch(epoch), metadata };
        offsets.insert((topic.to_string(), PartitionIndex(partition)), stored);
    }
    Ok(offsets)
}

fn commit_request(group: &str, offsets: &BTreeMap<Place, Offset>) -> OffsetCommitRequest {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for ((topic, partition), offset) in offsets {
        topics.entry(topic).or_default().push(OffsetCommitRequestPartition {
            partition_index: partition.0,
            committed_offset: offset.0,
            committed_metadata: Some("".into()),
            ..Default::default()
        });
    }
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| OffsetCommitRequestTopic {
            name: name.into(),
            partitions,
            ..Default::default()
        })
        .collect();
    OffsetCommitRequest { group_id: group.into(), topics, ..Default::default() }
}
