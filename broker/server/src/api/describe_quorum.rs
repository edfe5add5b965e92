//! DescribeQuorum: who votes on the metadata, who follows it, and how far each is. Kafka's tools know the metadata log as
//! partition 0 of a topic of its own. Complete on the controller, which is why requests are passed on to it.

use uuid::Uuid;
use weir_model::Millis;
use weir_quorum::{Description, LogIndex, Replica};
use weir_wire::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, ReplicaState, ResponsePartitionData,
    ResponseTopicData,
};
use weir_wire::{ErrorCode, Str};

use crate::broker::Broker;
use crate::clock;
use crate::dispatch::Caller;

const TOPIC: &str = "__cluster_metadata";
/// The name under which tools are told the address of the quorum's own channel.
const LISTENER: &str = "PEER";
const UNKNOWN: i64 = -1;
/// The first version that tells of them.
const KNOWS_DISKS: i16 = 2;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let mut response = answer(&request, &broker.link.quorum().describe(), clock::now());
    if caller.version < KNOWS_DISKS {
        leave_disks_out(&mut response);
    }
    response
}

/// Older clients know neither addresses nor disks.
fn leave_disks_out(response: &mut DescribeQuorumResponse) {
    response.nodes.clear();
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        for row in partition.current_voters.iter_mut().chain(&mut partition.observers) {
            row.replica_directory_id = Uuid::nil();
        }
    }
}

fn answer(request: &DescribeQuorumRequest, described: &Description, now: Millis) -> DescribeQuorumResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| match partition.partition_index {
            0 if &*topic.topic_name == TOPIC => metadata(described, now),
            partition_index => ResponsePartitionData {
                partition_index,
                error_code: ErrorCode::UnknownTopicOrPartition.into(),
                ..ResponsePartitionData::default()
            },
        });
        ResponseTopicData { topic_name: topic.topic_name.clone(), partitions: partitions.collect() }
    });
    let nodes = described.replicas.iter().filter(|replica| replica.votes).map(|replica| Node {
        node_id: replica.node.broker.0,
        listeners: vec![Listener {
            name: Str::from(LISTENER),
            host: Str::from(replica.address.host.as_str()),
            port: replica.address.port,
        }],
    });
    DescribeQuorumResponse {
        topics: topics.collect(),
        nodes: nodes.collect(),
        ..DescribeQuorumResponse::default()
    }
}

fn metadata(described: &Description, now: Millis) -> ResponsePartitionData {
    let rows = |votes| {
        let replicas = described.replicas.iter().filter(|replica| replica.votes == votes);
        replicas.map(|replica| row(described, replica, now)).collect()
    };
    ResponsePartitionData {
        partition_index: 0,
        leader_id: described.leader.map_or(-1, |leader| leader.broker.0),
        leader_epoch: i32::try_from(described.term.0).unwrap_or(i32::MAX),
        high_watermark: after(described.committed),
        current_voters: rows(true),
        observers: rows(false),
        ..ResponsePartitionData::default()
    }
}

/// A replica that has everything was caught up when it was last heard of; of another one nobody knows when it was.
fn row(described: &Description, replica: &Replica, now: Millis) -> ReplicaState {
    let heard = replica
        .since_heard
        .map_or(UNKNOWN, |since| now.0.saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)));
    let caught_up = replica.matched.is_some() && replica.matched >= described.last;
    ReplicaState {
        replica_id: replica.node.broker.0,
        replica_directory_id: replica.node.incarnation.0,
        log_end_offset: if replica.matched.is_some() { after(replica.matched) } else { UNKNOWN },
        last_fetch_timestamp: heard,
        last_caught_up_timestamp: if caught_up { heard } else { UNKNOWN },
    }
}

/// The offset after an entry, as Kafka counts ends.
fn after(index: Option<LogIndex>) -> i64 {
    index.map_or(0, |index| i64::try_from(index.0).map_or(i64::MAX, |index| index.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_model::{BrokerId, Incarnation};
    use weir_quorum::{NodeId, PeerAddress, Term};
    use weir_wire::messages::describe_quorum::{RequestPartitionData, RequestTopicData};

    use super::*;

    fn described() -> Description {
        let node = |id| NodeId { broker: BrokerId(id), incarnation: Incarnation(Uuid::from_u128(5)) };
        let replica = |id, votes, matched: Option<u64>, since: Option<u64>| Replica {
            node: node(id),
            address: PeerAddress { host: format!("host-{id}"), port: 7 },
            votes,
            matched: matched.map(LogIndex),
            since_heard: since.map(Duration::from_millis),
        };
        Description {
            leader: Some(node(0)),
            term: Term(3),
            committed: Some(LogIndex(8)),
            last: Some(LogIndex(9)),
            replicas: vec![
                replica(0, true, Some(9), Some(0)),
                replica(1, true, Some(5), Some(40)),
                replica(2, false, None, None),
            ],
        }
    }

    fn ask(topic: &str, partition_index: i32) -> ResponsePartitionData {
        let partitions = vec![RequestPartitionData { partition_index }];
        let topics = vec![RequestTopicData { topic_name: Str::from(topic), partitions }];
        let mut told = answer(&DescribeQuorumRequest { topics }, &described(), Millis(1_000));
        assert_eq!(told.nodes.iter().map(|node| node.node_id).collect::<Vec<_>>(), [0, 1]);
        told.topics.remove(0).partitions.remove(0)
    }

    #[test]
    fn voters_and_observers_are_told_with_how_far_they_are() {
        let told = ask(TOPIC, 0);
        assert_eq!((told.leader_id, told.leader_epoch, told.high_watermark), (0, 3, 9));
        let short = |rows: &[ReplicaState]| {
            let row = |r: &ReplicaState| {
                (r.replica_id, r.log_end_offset, r.last_fetch_timestamp, r.last_caught_up_timestamp)
            };
            rows.iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(short(&told.current_voters), [(0, 10, 1_000, 1_000), (1, 6, 960, -1)]);
        assert_eq!(short(&told.observers), [(2, -1, -1, -1)]);
    }

    #[test]
    fn every_version_can_carry_the_answer() {
        let partitions = vec![RequestPartitionData { partition_index: 0 }];
        let topics = vec![RequestTopicData { topic_name: Str::from(TOPIC), partitions }];
        for version in 0..=2 {
            let mut told =
                answer(&DescribeQuorumRequest { topics: topics.clone() }, &described(), Millis(1_000));
            if version < KNOWS_DISKS {
                leave_disks_out(&mut told);
            }
            assert!(weir_wire::frame::encode_response(version, 1, &told).is_ok(), "v{version}");
        }
    }

    #[test]
    fn there_is_one_such_partition() {
        for (topic, index) in [(TOPIC, 1), ("t", 0), ("", -1)] {
            assert_eq!(ask(topic, index).error_code, 3, "{topic} {index}");
        }
    }
}
