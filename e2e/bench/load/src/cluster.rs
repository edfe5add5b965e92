//! Who leads which partition, and where partitions end. Asks; remembers nothing.

use std::collections::BTreeMap;

use weir_wire::ErrorCode;
use weir_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use weir_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use crate::connection::Connection;
use crate::error::LoadError;
use crate::requests::Topic;

const METADATA_VERSION: i16 = 12;
const LIST_OFFSETS_VERSION: i16 = 7;
const LATEST: i64 = -1;

/// The address of each partition's leader, by partition.
pub(crate) type Leaders = BTreeMap<i32, String>;

/// Asks any broker who leads the partitions of a topic.
pub(crate) fn leaders(bootstrap: &str, topic: &Topic) -> Result<Leaders, LoadError> {
    let named =
        MetadataRequestTopic { name: Some(topic.0.as_str().into()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest {
        topics: Some(vec![named]),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    let answer = Connection::open(bootstrap)?.ask(METADATA_VERSION, &request)?;
    let found = leaders_in(&answer, topic)?;
    if found.is_empty() { Err(LoadError::NoSuchTopic(topic.0.clone())) } else { Ok(found) }
}

fn leaders_in(answer: &MetadataResponse, topic: &Topic) -> Result<Leaders, LoadError> {
    let addresses: BTreeMap<i32, String> = answer
        .brokers
        .iter()
        .map(|broker| (broker.node_id, format!("{}:{}", &*broker.host, broker.port)))
        .collect();
    let mut found = Leaders::new();
    for partition in answer.topics.iter().flat_map(|described| &described.partitions) {
        let leader = addresses.get(&partition.leader_id).ok_or_else(|| LoadError::Refused {
            what: format!("{}-{}, which has no leader,", topic.0, partition.partition_index),
            code: ErrorCode::from(partition.error_code),
        })?;
        found.insert(partition.partition_index, leader.clone());
    }
    Ok(found)
}

/// Where each partition ends for a consumer, by partition.
pub(crate) fn ends(topic: &Topic, leaders: &Leaders) -> Result<BTreeMap<i32, i64>, LoadError> {
    let mut by_leader: BTreeMap<&String, Vec<i32>> = BTreeMap::new();
    leaders.iter().for_each(|(partition, leader)| by_leader.entry(leader).or_default().push(*partition));
    let mut found = BTreeMap::new();
    for (leader, partitions) in by_leader {
        let latest = |partition_index| ListOffsetsPartition {
            partition_index,
            timestamp: LATEST,
            ..ListOffsetsPartition::default()
        };
        let asked = ListOffsetsTopic {
            name: topic.0.as_str().into(),
            partitions: partitions.into_iter().map(latest).collect(),
        };
        let request =
            ListOffsetsRequest { replica_id: -1, topics: vec![asked], ..ListOffsetsRequest::default() };
        let answer = Connection::open(leader)?.ask(LIST_OFFSETS_VERSION, &request)?;
        for partition in answer.topics.iter().flat_map(|answered| &answered.partitions) {
            let what = || format!("the end of {}-{}", topic.0, partition.partition_index);
            check(partition.error_code, what)?;
            found.insert(partition.partition_index, partition.offset);
        }
    }
    Ok(found)
}

/// An error of the protocol is an error of the run.
pub(crate) fn check(code: i16, what: impl FnOnce() -> String) -> Result<(), LoadError> {
    match ErrorCode::from(code) {
        ErrorCode::None => Ok(()),
        code => Err(LoadError::Refused { what: what(), code }),
    }
}

#[cfg(test)]
mod tests {
    use weir_wire::messages::metadata::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };

    use super::*;

    fn answer(leader_id: i32) -> MetadataResponse {
        let partition = MetadataResponsePartition { leader_id, ..MetadataResponsePartition::default() };
        MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: 7,
                host: "broker".into(),
                port: 9092,
                ..MetadataResponseBroker::default()
            }],
            topics: vec![MetadataResponseTopic {
                partitions: vec![partition],
                ..MetadataResponseTopic::default()
            }],
            ..MetadataResponse::default()
        }
    }

    #[test]
    fn a_partition_is_found_at_its_leader() {
        let found = leaders_in(&answer(7), &Topic("t".into())).expect("has a leader");
        assert_eq!(found, Leaders::from([(0, "broker:9092".to_owned())]));
    }

    #[test]
    fn a_partition_without_a_leader_is_not_loaded() {
        assert!(matches!(leaders_in(&answer(-1), &Topic("t".into())), Err(LoadError::Refused { .. })));
    }
}
