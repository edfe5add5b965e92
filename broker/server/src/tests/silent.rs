//! Producers that want no answers.

use weir_model::{ProducerEpoch, ProducerId, Sequence};
use weir_wire::messages::api_versions::ApiVersionsRequest;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_without_acks_does_not_hold_up_its_connection() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let mut peer = Peer::of(&running).await;
    peer.create_topic(&[]).await;
    let records = batch(10).producer(ProducerId(9), ProducerEpoch(0), Sequence(0));
    let records = records.build().unwrap().freeze();
    peer.send(9, &produce(0, records.clone())).await;
    peer.send(9, &produce(0, records)).await;
    assert_eq!(peer.ask(2, &ApiVersionsRequest::default()).await.error_code, 0);
    running.stop().await;
}
