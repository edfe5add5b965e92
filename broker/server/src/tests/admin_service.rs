//! The admin service of a broker in this process, asked over a socket: what it tells, what it changes, what it refuses,
//! and the services for health and reflection beside it.

use std::path::Path;

use futures_util::StreamExt;
use prost::Message;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use weir_admin::admin::v1;
use weir_admin::admin::v1::RefusalReason as Reason;
use weir_admin::admin::v1::admin_client::AdminClient;
use weir_admin::admin::v1::watch_event::Event;

use super::{PATIENCE, broker};
use crate::start::Running;

async fn administered(directory: &Path) -> (Running, Channel) {
    let running = broker(directory, &[("weir.admin.listener", "127.0.0.1:0")]).await;
    let image = running.broker.image();
    let at = image.broker(running.broker.id).unwrap().registration.admin.clone().unwrap();
    let endpoint =
        tonic::transport::Endpoint::from_shared(format!("http://{}:{}", at.host, at.port)).unwrap();
    let channel = endpoint.connect().await.unwrap();
    (running, channel)
}

async fn describe(client: &mut AdminClient<Channel>) -> v1::DescribeClusterReply {
    let mut parts =
        client.describe_cluster(v1::DescribeClusterRequest::default()).await.unwrap().into_inner();
    let first = parts.message().await.unwrap().unwrap();
    assert!(first.last && parts.message().await.unwrap().is_none());
    first
}

fn new_topic(name: &str) -> v1::NewTopic {
    v1::NewTopic { name: name.to_owned(), partitions: Some(2), ..v1::NewTopic::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_lives_from_creation_to_deletion_and_is_described_on_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let (running, channel) = administered(directory.path()).await;
    let mut client = AdminClient::new(channel);
    let create = || v1::CreateTopicsRequest { topics: vec![new_topic("t")], ..Default::default() };
    let created = client.create_topics(create()).await.unwrap().into_inner().results.remove(0);
    assert!(created.changed && created.refusal.is_none(), "{created:?}");
    let again = client.create_topics(create()).await.unwrap().into_inner().results.remove(0);
    assert_eq!((again.changed, &again.topic_id, again.refusal), (false, &created.topic_id, None));

    let told = describe(&mut client).await;
    let summary = told.summary.unwrap();
    assert_eq!((summary.partitions, summary.offline_partitions, summary.voters.len()), (2, 0, 1));
    assert_eq!((told.brokers[0].leaders, told.brokers[0].state()), (2, v1::BrokerState::Active));
    assert!(told.brokers[0].measures.as_ref().unwrap().disk_total_bytes > 0);
    let topic = &told.topics[0];
    assert_eq!((&topic.topic_id, topic.partitions.len()), (&created.topic_id, 2));
    assert!(topic.partitions.iter().all(|partition| partition.size_bytes.is_some()));

    let change =
        v1::TopicChange { topic_id: created.topic_id.clone(), partitions: Some(3), ..Default::default() };
    let alter = v1::AlterTopicsRequest { changes: vec![change], ..Default::default() };
    assert!(client.alter_topics(alter).await.unwrap().into_inner().results[0].changed);
    let delete =
        || v1::DeleteTopicsRequest { topic_ids: vec![created.topic_id.clone()], ..Default::default() };
    assert!(client.delete_topics(delete()).await.unwrap().into_inner().results[0].changed);
    assert!(!client.delete_topics(delete()).await.unwrap().into_inner().results[0].changed);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_means_another_disk_broker_or_cluster_is_refused_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (running, channel) = administered(directory.path()).await;
    let mut client = AdminClient::new(channel);
    let own = describe(&mut client).await.brokers.remove(0).broker.unwrap();
    let other_disk =
        v1::BrokerRef { incarnation: "00000000-0000-0000-0000-000000000001".to_owned(), ..own.clone() };
    let nobody = v1::BrokerRef { id: 9, ..own.clone() };
    let elsewhere = "AAAAAAAAAAAAAAAAAAAAAQ";
    let cases = [
        ("", Some(other_disk), Reason::WrongIncarnation, Code::FailedPrecondition),
        ("", Some(nobody), Reason::UnknownBroker, Code::NotFound),
        ("", None, Reason::InvalidArgument, Code::InvalidArgument),
        (elsewhere, Some(own), Reason::WrongCluster, Code::FailedPrecondition),
    ];
    for (cluster, broker, reason, code) in cases {
        let request = v1::DrainRequest { cluster_id: cluster.to_owned(), broker };
        let status = client.drain(request).await.unwrap_err();
        let refusal = v1::Refusal::decode(status.details()).unwrap();
        assert_eq!((refusal.reason(), status.code()), (reason, code), "{status:?}");
        assert!(!refusal.advice.is_empty());
    }
    let many = v1::CancelMovesRequest {
        partitions: vec![v1::PartitionRef::default(); 10_001],
        ..Default::default()
    };
    assert_eq!(client.cancel_moves(many).await.unwrap_err().code(), Code::OutOfRange);
    assert!(!describe(&mut client).await.brokers[0].drained);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_is_told_to_begin_anew_and_then_of_every_change() {
    let directory = tempfile::tempdir().unwrap();
    let (running, channel) = administered(directory.path()).await;
    let mut client = AdminClient::new(channel);
    let mut watched = client.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    let mut next = async || timeout(PATIENCE, watched.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(next().await.event, Some(Event::Resync(_))));
    let create = v1::CreateTopicsRequest { topics: vec![new_topic("t")], ..Default::default() };
    client.create_topics(create).await.unwrap();
    let (mut topics, mut partitions) = (0, 0);
    while partitions < 2 {
        match next().await.event.unwrap() {
            Event::Topic(topic) => topics += u32::from(topic.name == "t"),
            Event::Partition(_) => partitions += 1,
            _ => {}
        }
    }
    assert_eq!(topics, 1);
    let index = describe(&mut client).await.summary.unwrap().metadata_index;
    let since = v1::WatchRequest { since_index: Some(index) };
    let mut later = client.watch(since).await.unwrap().into_inner();
    let create = v1::CreateTopicsRequest { topics: vec![new_topic("u")], ..Default::default() };
    client.create_topics(create).await.unwrap();
    let first = timeout(PATIENCE, later.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(first.event, Some(Event::Topic(topic)) if topic.name == "u"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_follows_the_broker_and_a_stop_ends_every_stream() {
    let directory = tempfile::tempdir().unwrap();
    let (running, channel) = administered(directory.path()).await;
    let mut health = HealthClient::new(channel.clone());
    let request = HealthCheckRequest { service: "weir.admin.v1.Admin".to_owned() };
    let mut statuses = health.watch(request).await.unwrap().into_inner();
    let serving = tonic_health::ServingStatus::Serving as i32;
    loop {
        let status = timeout(PATIENCE, statuses.next()).await.unwrap().unwrap().unwrap().status;
        if status == serving {
            break;
        }
    }
    let mut client = AdminClient::new(channel);
    let mut progress = client.progress(v1::ProgressRequest::default()).await.unwrap().into_inner();
    assert_eq!(timeout(PATIENCE, progress.next()).await.unwrap().unwrap().unwrap().moves_left, 0);
    let short = client.progress(v1::ProgressRequest { interval_ms: 1, ..Default::default() }).await;
    assert_eq!(short.unwrap_err().code(), Code::InvalidArgument);
    timeout(PATIENCE, running.stop()).await.unwrap();
    assert!(directory.path().join("clean-shutdown").exists());
}
