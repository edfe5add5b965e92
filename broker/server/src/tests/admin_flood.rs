//! Many who look at the cluster at once: everybody is answered or told to ask again, and those who work are not kept
//! waiting.

use std::time::Instant;

use futures_util::future::join_all;
use prost::Message;
use tonic::Code;
use tonic::transport::Endpoint;
use weir_admin::admin::v1;
use weir_admin::admin::v1::RefusalReason as Reason;

use super::admin_cluster::{Client, client, patient, reference, three};
use super::cluster::within;
use super::*;

/// Calls at once, more than are served at once, over so many connections.
const CALLS: usize = 300;
const CONNECTIONS: usize = 6;
/// Streams of Watch that a broker has, at most.
const WATCHES: usize = 256;
/// Far more than a call takes beside the flood, far less than the flood takes where each call asks every broker.
const NOT_KEPT_WAITING: Duration = Duration::from_secs(2);

async fn described(mut client: Client) -> usize {
    let mut parts = loop {
        match client.describe_cluster(v1::DescribeClusterRequest::default()).await {
            Ok(parts) => break parts.into_inner(),
            Err(refused) => assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}"),
        }
        tokio::task::yield_now().await;
    };
    let (mut partitions, mut last) = (0, false);
    while let Some(part) = parts.message().await.unwrap() {
        assert!(!last);
        partitions += part.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>();
        last = part.last;
    }
    assert!(last);
    partitions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_snapshots_is_answered_and_keeps_nobody_waiting() {
    let three = three().await;
    let controller = three.some_controller().await;
    let calm = client(&three, controller).await;
    let topics = (0..4).map(|n| v1::NewTopic {
        name: format!("wide-{n}"),
        partitions: Some(600),
        replication_factor: Some(3),
        ..v1::NewTopic::default()
    });
    let create = v1::CreateTopicsRequest { topics: topics.collect(), ..Default::default() };
    patient(async || calm.clone().create_topics(create.clone()).await).await;
    let mut flood = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = client(&three, controller).await;
        flood.extend((0..CALLS / CONNECTIONS).map(|_| described(client.clone())));
    }
    let flood = tokio::spawn(join_all(flood));
    let may_stop = v1::MayStopRequest { broker: Some(reference(&three, 2)), ..Default::default() };
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        within(patient(async || calm.clone().may_stop(may_stop.clone()).await)).await;
        longest = longest.max(began.elapsed());
    }
    let told = within(flood).await.unwrap();
    assert!(told.iter().all(|partitions| *partitions == 2_400), "{told:?}");
    assert!(longest < NOT_KEPT_WAITING, "a call beside them took {longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_watcher_too_many_is_told_to_ask_again_and_has_room_when_another_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[("weir.admin.listener", "127.0.0.1:0")]).await;
    let image = running.broker.image();
    let admin = image.broker(running.broker.id).unwrap().registration.admin.clone().unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}:{}", admin.host, admin.port)).unwrap();
    // More than one connection may have.
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(Client::new(endpoint.connect().await.unwrap()));
    }
    let watch = |n: usize| {
        let mut client = clients[n % 5].clone();
        async move { client.watch(v1::WatchRequest::default()).await }
    };
    let mut held = Vec::new();
    for n in 0..WATCHES {
        held.push(within(watch(n)).await.unwrap().into_inner());
    }
    let mut last = clients[5].clone();
    let refused = within(last.watch(v1::WatchRequest::default())).await.unwrap_err();
    let refusal = v1::Refusal::decode(refused.details()).unwrap();
    assert_eq!(
        (refused.code(), refusal.reason(), refusal.retriable),
        (Code::ResourceExhausted, Reason::Busy, true)
    );
    assert_eq!(described(last.clone()).await, 0, "others are none of its business");
    held.pop();
    let there = async {
        while last.watch(v1::WatchRequest::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within(there).await;
}
