//! Stops while requests are under way.

use std::time::Instant;

use weir_wire::messages::describe_groups::DescribeGroupsRequest;
use weir_wire::messages::find_coordinator::FindCoordinatorRequest;
use weir_wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};

use super::*;
use crate::partition::touched::Touched;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_waits_for_its_group_does_not_hold_up_a_stop() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[("group.initial.rebalance.delay.ms", "600000")]).await;
    let (mut member, mut watcher) = (Peer::of(&running).await, Peer::of(&running).await);
    find_coordinator(&mut watcher).await;
    let protocol = JoinGroupRequestProtocol { name: "range".into(), ..JoinGroupRequestProtocol::default() };
    let join = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 600_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..JoinGroupRequest::default()
    };
    let describe = DescribeGroupsRequest { groups: vec!["g".into()], ..DescribeGroupsRequest::default() };
    // Its coordinator has read its log: it no longer sends members away.
    let loaded =
        timeout(PATIENCE, async { while watcher.ask(5, &describe).await.groups[0].error_code != 0 {} });
    loaded.await.expect("the coordinator never came");
    let joins = tokio::spawn(async move { member.ask(2, &join).await });
    let seen = timeout(PATIENCE, async {
        while watcher.ask(5, &describe).await.groups[0].group_state.as_str() != "PreparingRebalance" {
            assert!(!joins.is_finished(), "the member did not wait");
        }
    });
    seen.await.expect("the member never joined");
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(directory.path().join("clean-shutdown").exists());
    assert_ne!(joins.await.unwrap().error_code, 0, "it is told to look for its coordinator");
}

async fn find_coordinator(peer: &mut Peer) {
    let request = FindCoordinatorRequest { key: "g".into(), ..FindCoordinatorRequest::default() };
    let found = timeout(PATIENCE, async { while peer.ask(1, &request).await.error_code != 0 {} });
    found.await.expect("no coordinator");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_never_reads_does_not_make_a_stop_unclean() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let (mut lazy, mut producer) = (Peer::of(&running).await, Peer::of(&running).await);
    producer.create_topic(&[]).await;
    let records = batch(900_000).build().unwrap().freeze();
    for _ in 0..40 {
        assert_eq!(producer.produce(records.clone()).await.0, 0);
    }
    lazy.send(11, &fetch(0)).await;
    // Once its first bytes are here, the rest of the 36 MB is on its way.
    timeout(PATIENCE, lazy.0.readable()).await.expect("no answer").unwrap();
    running.stop().await;
    assert!(directory.path().join("clean-shutdown").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_comes_while_the_logs_are_closed_does_not_open_them_again() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    Peer::of(&running).await.create_topic(&[]).await;
    let partitions = &running.broker.partitions;
    assert_eq!(partitions.running().len(), 1);
    let image = running.broker.image();
    // Whichever comes first, nobody owns a log when both are done.
    tokio::join!(partitions.reconcile(&image, &Touched::Everything), partitions.stop_all());
    partitions.reconcile(&image, &Touched::Everything).await;
    assert!(partitions.running().is_empty());
    running.stop().await;
    assert!(directory.path().join("clean-shutdown").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_could_not_be_closed_leaves_the_directory_unclean() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let mut producer = Peer::of(&running).await;
    producer.create_topic(&[]).await;
    // The first comes with a checkpoint. The second is what closing has to write down.
    for _ in 0..2 {
        assert_eq!(producer.produce(batch(10).build().unwrap().freeze()).await.0, 0);
    }
    for topic in std::fs::read_dir(directory.path().join("topics")).unwrap() {
        std::fs::remove_dir_all(topic.unwrap().path()).unwrap();
    }
    running.stop().await;
    assert!(!directory.path().join("clean-shutdown").exists());
}
