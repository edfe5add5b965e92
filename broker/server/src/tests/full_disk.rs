//! A real file system without room: a small tmpfs, which only the superuser may mount. Where that is not allowed the
//! test says so and ends; `partition::driver::tests` fill a disk in memory everywhere.

use std::process::Command;

use weir_core::controller::{Decision, Image, Record};
use weir_model::ProducerId;
use weir_wire::ErrorCode;
use weir_wire::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use weir_wire::messages::delete_topics::DeleteTopicsRequest;
use weir_wire::messages::find_coordinator::FindCoordinatorRequest;

use super::*;

struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(place))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

async fn delete_all_records(peer: &mut Peer) -> i16 {
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: -1 }];
    let topics = vec![DeleteRecordsTopic { name: TOPIC.into(), partitions }];
    let answer = peer.ask(2, &DeleteRecordsRequest { topics, timeout_ms: 30_000 }).await;
    answer.topics[0].partitions[0].error_code
}

/// Writes ever smaller batches until not even the smallest fits; gives the end of the log.
async fn fill(peer: &mut Peer) -> i64 {
    let mut end = 0;
    for size in [100_000, 10_000, 3_000, 100] {
        let records = batch(size).build().unwrap().freeze();
        let refused = loop {
            match peer.produce(records.clone()).await {
                (0, offset) => end = offset + 1,
                (code, _) => break code,
            }
        };
        assert_eq!(refused, i16::from(ErrorCode::KafkaStorageError));
    }
    end
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_writes_only_and_they_go_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount("8m") else {
        eprintln!("not allowed to mount a tmpfs: skipped");
        return;
    };
    let running = broker(disk.0.path(), &[]).await;
    let mut peer = Peer::of(&running).await;
    peer.create_topic(&[("segment.bytes", "1048576")]).await;
    let request = FindCoordinatorRequest { key: "g".into(), ..FindCoordinatorRequest::default() };
    timeout(PATIENCE, async { while peer.ask(1, &request).await.error_code != 0 {} }).await.unwrap();
    let end = fill(&mut peer).await;

    let fetched = &peer.ask(11, &fetch(0)).await.responses[0].partitions[0];
    assert_eq!((fetched.error_code, fetched.high_watermark), (0, end));
    let refused = peer.commit(0, 1).await;
    assert!(ErrorCode::from(refused).is_retriable(), "{refused}");
    assert!(running.broker.health.ready().is_ok(), "room may come back");

    assert_eq!(delete_all_records(&mut peer).await, 0);
    let records = batch(100_000).build().unwrap().freeze();
    assert_eq!(peer.produce(records).await, (0, end), "the next write takes the next offset");
    let committed = timeout(PATIENCE, async { while peer.commit(0, 5).await != 0 {} });
    committed.await.expect("groups did not recover");

    running.stop().await;
    let again = broker(disk.0.path(), &[]).await;
    let mut peer = Peer::of(&again).await;
    let fetched = &peer.ask(11, &fetch(end)).await.responses[0].partitions[0];
    assert_eq!((fetched.error_code, fetched.high_watermark), (0, end + 1));
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_can_be_deleted_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount("4m") else {
        eprintln!("not allowed to mount a tmpfs: skipped");
        return;
    };
    let running = broker(disk.0.path(), &[]).await;
    let mut peer = Peer::of(&running).await;
    peer.create_topic(&[("segment.bytes", "1048576")]).await;
    fill(&mut peer).await;
    // The last page of the metadata log has room for some more.
    let refused = timeout(PATIENCE, async {
        let controller = &running.broker.controller;
        let grow = |image: &Image| {
            let next = ProducerId(image.next_producer_id().0 + 1);
            Decision { records: vec![Record::ProducerIdsAllocated { next }], reply: () }
        };
        while controller.decide(move |image, _| grow(image)).await.is_ok() {}
    });
    refused.await.expect("the disk has room for metadata");
    let request =
        DeleteTopicsRequest { topic_names: vec![TOPIC.into()], timeout_ms: 30_000, ..Default::default() };
    assert_eq!(peer.ask(5, &request).await.responses[0].error_code, 0);
    // The room is taken again first.
    let made = timeout(PATIENCE, async { while peer.try_create_topic(&[]).await != 0 {} });
    made.await.expect("there is room for a topic");
    assert_eq!(peer.produce(batch(100_000).build().unwrap().freeze()).await, (0, 0));
    running.stop().await;
    let again = broker(disk.0.path(), &[]).await;
    assert!(again.broker.image().topic(TOPIC).is_some());
    assert!(disk.0.path().join("quorum/reserve").exists(), "it is kept again");
    again.stop().await;
}
