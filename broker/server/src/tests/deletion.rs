//! Topics that are deleted, and made anew under the same name, while they are used.

use weir_wire::ErrorCode;
use weir_wire::messages::delete_topics::DeleteTopicsRequest;

use super::*;

const DELETED: [ErrorCode; 2] = [ErrorCode::UnknownTopicOrPartition, ErrorCode::NotLeaderOrFollower];

async fn delete_topic(peer: &mut Peer) {
    let request = DeleteTopicsRequest {
        topic_names: vec![TOPIC.into()],
        timeout_ms: 30_000,
        ..DeleteTopicsRequest::default()
    };
    assert_eq!(peer.ask(5, &request).await.responses[0].error_code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_waits_on_a_topic_learns_at_once_that_it_was_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let (mut consumer, mut other) = (Peer::of(&running).await, Peer::of(&running).await);
    other.create_topic(&[]).await;
    consumer.send(11, &FetchRequest { max_wait_ms: 300_000, ..fetch(0) }).await;
    delete_topic(&mut other).await;
    let answer = consumer.answer::<FetchRequest>(11).await;
    let code = ErrorCode::from(answer.responses[0].partitions[0].error_code);
    assert!(DELETED.contains(&code), "{code:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_anew_under_the_same_name_holds_nothing_of_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let running = broker(directory.path(), &[]).await;
    let (mut producer, mut other) = (Peer::of(&running).await, Peer::of(&running).await);
    other.create_topic(&[]).await;
    let records = batch(1_000).build().unwrap().freeze();
    let busy = tokio::spawn(async move {
        let mut last = None;
        for _ in 0..500 {
            match producer.produce(records.clone()).await {
                (0, offset) => last = Some(offset),
                (code, _) => assert!(DELETED.contains(&code.into()), "{code}"),
            }
        }
        last
    });
    for _ in 0..5 {
        delete_topic(&mut other).await;
        other.create_topic(&[]).await;
    }
    let last = busy.await.unwrap();
    let records = batch(1_000).build().unwrap().freeze();
    let (code, offset) = other.produce(records).await;
    assert_eq!(code, 0);
    // What the new topic holds begins at offset 0 and has no gap.
    let fetched = &other.ask(11, &fetch(0)).await.responses[0].partitions[0];
    assert_eq!((fetched.error_code, fetched.high_watermark), (0, offset + 1));
    assert!(last.is_none_or(|last| offset <= last + 1), "{last:?} and then {offset}");
    running.stop().await;
}
