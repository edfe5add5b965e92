//! What is known of brokers, topics and leaders: a value made from a Metadata answer. Pure.

use std::collections::BTreeMap;

use weir_model::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};
use weir_wire::ErrorCode;
use weir_wire::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};

use crate::address::Address;

/// A broker and the address that it advertises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: BrokerId,
    /// Where clients are told to find it.
    pub address: Address,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Its id; zero from a broker that knows no topic ids.
    pub id: TopicId,
    /// One of the broker's own.
    pub is_internal: bool,
    /// Ascending by index.
    pub partitions: Vec<PartitionInfo>,
    /// What the broker says is wrong with it.
    pub error: ErrorCode,
}

/// A partition, who leads it and who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its number.
    pub index: PartitionIndex,
    /// Its leader, if it has one.
    pub leader: Option<BrokerId>,
    /// The leader's epoch, or none when not known.
    pub leader_epoch: LeaderEpoch,
    /// Who should hold it.
    pub replicas: Vec<BrokerId>,
    /// Who holds all of it.
    pub isr: Vec<BrokerId>,
    /// Who should hold it and is away.
    pub offline: Vec<BrokerId>,
}

impl TopicInfo {
    /// The partition of this number.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionInfo> {
        self.partitions.iter().find(|partition| partition.index == index)
    }
}

/// What one or more Metadata answers said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The cluster's id, if told.
    pub cluster_id: Option<String>,
    /// Who takes admin requests.
    pub controller: Option<BrokerId>,
    /// Live brokers.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// The topics that were asked for, by name.
    pub topics: BTreeMap<String, TopicInfo>,
}

impl Metadata {
    pub(crate) fn from_wire(response: &MetadataResponse) -> Self {
        Self {
            cluster_id: response.cluster_id.as_deref().map(str::to_owned),
            controller: some_broker(response.controller_id),
            brokers: response.brokers.iter().filter_map(broker).map(|b| (b.id, b)).collect(),
            topics: response.topics.iter().filter_map(topic).map(|t| (t.name.clone(), t)).collect(),
        }
    }

    /// A newer answer on top of this one: brokers are replaced, topics that it does not speak of are kept.
    pub(crate) fn updated_by(&self, newer: &Self) -> Self {
        let mut topics = self.topics.clone();
        topics.extend(newer.topics.iter().map(|(name, info)| (name.clone(), info.clone())));
        Self { topics, ..newer.clone() }
    }
}

pub(crate) fn some_broker(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

pub(crate) fn address(host: &str, port: i32) -> Option<Address> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then(|| Address { host: host.to_owned(), port })
}

fn broker(wire: &MetadataResponseBroker) -> Option<Broker> {
    Some(Broker {
        id: some_broker(wire.node_id)?,
        address: address(&wire.host, wire.port)?,
        rack: wire.rack.as_deref().map(str::to_owned),
    })
}

fn topic(wire: &MetadataResponseTopic) -> Option<TopicInfo> {
    let mut partitions: Vec<PartitionInfo> = wire.partitions.iter().map(partition).collect();
    partitions.sort_by_key(|partition| partition.index);
    Some(TopicInfo {
        name: wire.name.as_deref()?.to_owned(),
        id: TopicId(wire.topic_id),
        is_internal: wire.is_internal,
        partitions,
        error: ErrorCode::from(wire.error_code),
    })
}

fn partition(wire: &MetadataResponsePartition) -> PartitionInfo {
    let ids = |nodes: &[i32]| nodes.iter().map(|id| BrokerId(*id)).collect();
    PartitionInfo {
        index: PartitionIndex(wire.partition_index),
        leader: some_broker(wire.leader_id),
        leader_epoch: LeaderEpoch(wire.leader_epoch),
        replicas: ids(&wire.replica_nodes),
        isr: ids(&wire.isr_nodes),
        offline: ids(&wire.offline_replicas),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire_topic(name: &str, leaders: &[(i32, i32)]) -> MetadataResponseTopic {
        let partitions = leaders
            .iter()
            .map(|(index, leader)| MetadataResponsePartition {
                partition_index: *index,
                leader_id: *leader,
                ..Default::default()
            })
            .collect();
        MetadataResponseTopic { name: Some(name.into()), partitions, ..Default::default() }
    }

    #[test]
    fn partitions_are_sorted_and_a_leader_of_minus_one_is_none() {
        let response =
            MetadataResponse { topics: vec![wire_topic("t", &[(1, 2), (0, -1)])], ..Default::default() };
        let topic = &Metadata::from_wire(&response).topics["t"];
        let seen: Vec<_> = topic.partitions.iter().map(|p| (p.index.0, p.leader)).collect();
        assert_eq!(seen, [(0, None), (1, Some(BrokerId(2)))]);
    }

    #[test]
    fn brokers_without_a_usable_address_are_left_out() {
        let broker = |node_id, host: &str, port| MetadataResponseBroker {
            node_id,
            host: host.into(),
            port,
            ..Default::default()
        };
        let brokers =
            vec![broker(0, "a", 9092), broker(1, "", 9092), broker(2, "c", 70_000), broker(-1, "d", 1)];
        let metadata = Metadata::from_wire(&MetadataResponse { brokers, ..Default::default() });
        assert_eq!(metadata.brokers.keys().copied().collect::<Vec<_>>(), [BrokerId(0)]);
    }

    #[test]
    fn an_update_keeps_the_topics_it_does_not_speak_of() {
        let of = |topics| Metadata::from_wire(&MetadataResponse { topics, ..Default::default() });
        let old = of(vec![wire_topic("a", &[(0, 1)]), wire_topic("b", &[(0, 1)])]);
        let new = old.updated_by(&of(vec![wire_topic("b", &[(0, 2)])]));
        assert_eq!(new.topics["a"].partitions[0].leader, Some(BrokerId(1)));
        assert_eq!(new.topics["b"].partitions[0].leader, Some(BrokerId(2)));
    }
}
