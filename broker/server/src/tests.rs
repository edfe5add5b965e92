//! Whole brokers in this process, asked over sockets: every key in every version, and in trouble: full disks, peers that
//! never read, stops at a bad moment.

mod admin_cluster;
mod admin_flood;
mod admin_service;
mod cluster;
mod deletion;
mod every_version;
mod exposition;
mod full_disk;
mod partition_rates;
mod readme;
mod replication;
mod silent;
mod stopping;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use weir_model::Offset;
use weir_model::config::Pairs;
use weir_model::records::{BatchBuilder, NewRecord};
use weir_wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use weir_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use weir_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use weir_wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use weir_wire::{Records, Request, frame};

use crate::clock;
use crate::settings::StaticSettings;
use crate::start::{Running, start};

const PATIENCE: Duration = Duration::from_secs(30);
const TOPIC: &str = "t";
const GROUP: &str = "g";

async fn broker(directory: &Path, settings: &[(&str, &str)]) -> Running {
    let base = [("listeners", "PLAINTEXT://127.0.0.1:0"), ("weir.http.listener", "")];
    let mut pairs: Pairs =
        base.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    pairs.insert("log.dirs".to_owned(), directory.display().to_string());
    pairs.insert("offsets.topic.num.partitions".to_owned(), "1".to_owned());
    start(StaticSettings::from_pairs(pairs).unwrap()).await.unwrap()
}

/// One connection to a broker.
struct Peer(TcpStream);

impl Peer {
    async fn of(running: &Running) -> Self {
        Self(TcpStream::connect(running.bound[0].advertised.to_string()).await.unwrap())
    }

    async fn send<R: Request>(&mut self, version: i16, request: &R) {
        let frame = frame::encode_request(version, 7, Some("test"), request).unwrap();
        self.send_bytes(&frame.bytes).await;
    }

    async fn send_bytes(&mut self, frame: &[u8]) {
        self.0.write_all(frame).await.unwrap();
    }

    async fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request).await;
        self.answer::<R>(version).await
    }

    async fn answer<R: Request>(&mut self, version: i16) -> R::Response {
        frame::parse_response::<R>(version, self.next_frame().await).unwrap().1
    }

    async fn next_frame(&mut self) -> Bytes {
        let answer = timeout(PATIENCE, async {
            let len = self.0.read_i32().await.expect("the broker closed the connection");
            let mut body = vec![0; usize::try_from(len).unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            Bytes::from(body)
        });
        answer.await.expect("no answer")
    }

    async fn create_topic(&mut self, settings: &[(&str, &str)]) {
        assert_eq!(self.try_create_topic(settings).await, 0);
    }

    async fn try_create_topic(&mut self, settings: &[(&str, &str)]) -> i16 {
        let configs = settings
            .iter()
            .map(|(name, value)| CreatableTopicConfig { name: (*name).into(), value: Some((*value).into()) });
        let topic = CreatableTopic {
            name: TOPIC.into(),
            num_partitions: 1,
            replication_factor: 1,
            configs: configs.collect(),
            ..CreatableTopic::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..CreateTopicsRequest::default() };
        self.ask(5, &request).await.topics[0].error_code
    }

    /// Gives the error code.
    async fn commit(&mut self, partition: i32, offset: i64) -> i16 {
        let partition = OffsetCommitRequestPartition {
            partition_index: partition,
            committed_offset: offset,
            committed_leader_epoch: -1,
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: TOPIC.into(),
            partitions: vec![partition],
            ..OffsetCommitRequestTopic::default()
        };
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: -1,
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        self.ask(8, &request).await.topics[0].partitions[0].error_code
    }

    /// Gives the error code and the offset.
    async fn produce(&mut self, records: Bytes) -> (i16, i64) {
        let answer = self.ask(9, &produce(-1, records)).await;
        let partition = &answer.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }
}

fn batch(bytes: usize) -> BatchBuilder {
    let mut batch = BatchBuilder::new(Offset::ZERO);
    let value = vec![7; bytes];
    batch.push(NewRecord { timestamp: clock::now(), value: Some(&value), ..NewRecord::default() }).unwrap();
    batch
}

fn produce(acks: i16, records: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData { index: 0, records: Some(Records::Inline(records)) };
    let topic = TopicProduceData {
        name: TOPIC.into(),
        partition_data: vec![partition],
        ..TopicProduceData::default()
    };
    ProduceRequest { acks, timeout_ms: 30_000, topic_data: vec![topic], ..ProduceRequest::default() }
}

fn fetch(from: i64) -> FetchRequest {
    let partition = FetchPartition {
        partition: 0,
        fetch_offset: from,
        partition_max_bytes: i32::MAX,
        ..FetchPartition::default()
    };
    let topic = FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: i32::MAX,
        session_epoch: -1,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}
