//! What leaders say of the rates of their partitions, to the admin service of a real cluster.

use std::collections::BTreeMap;

use weir_admin::admin::v1;
use weir_core::controller::Image;
use weir_model::{BrokerId, DurationMs};

use super::admin_cluster::{Client, client, patient, three};
use super::cluster::within;
use super::*;

const IDLE: &str = "idle";
const EACH: usize = 1_000;
const COUNT: usize = 200;

/// Bytes in, bytes out, and whether it is too early to say, by topic.
type Said = BTreeMap<String, (Option<u64>, Option<u64>, bool)>;

/// Asks until the leader was heard, which a busy machine may keep from answering in time.
async fn said(asked: &mut Client) -> Said {
    let asking = async {
        loop {
            let request = v1::DescribeClusterRequest::default();
            let mut parts = asked.describe_cluster(request).await.unwrap().into_inner();
            let topics = parts.message().await.unwrap().unwrap().topics;
            let told: Vec<_> = topics.iter().map(|topic| (topic, &topic.partitions[0])).collect();
            if told.iter().all(|(_, partition)| partition.size_bytes.is_some()) {
                return told.into_iter().map(|(topic, p)| (topic.name.clone(), rates(p))).collect();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(asking).await
}

fn rates(partition: &v1::PartitionDescription) -> (Option<u64>, Option<u64>, bool) {
    (partition.bytes_in_per_second, partition.bytes_out_per_second, partition.rates_unknown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_written_and_read_says_how_much_and_an_idle_one_says_nothing() {
    let three = three().await;
    let mut asked = client(&three, 0).await;
    let of = |name: &str| v1::NewTopic {
        name: name.to_owned(),
        assignment: vec![v1::Replicas { brokers: vec![0, 1, 2] }],
        ..v1::NewTopic::default()
    };
    let create = v1::CreateTopicsRequest { topics: vec![of(TOPIC), of(IDLE)], ..Default::default() };
    let made = patient(async || asked.clone().create_topics(create.clone()).await).await.0;
    assert!(made.results.iter().all(|result| result.refusal.is_none()), "{made:?}");
    let leads = |image: &Image| {
        let led = |name| image.topic(name).is_some_and(|t| t.partitions[0].leader == Some(BrokerId(0)));
        led(TOPIC) && led(IDLE)
    };
    within(three.broker(0).broker.view.until(leads)).await;
    let mut peer = Peer::of(three.broker(0)).await;
    let mut bytes = 0;
    for _ in 0..COUNT {
        let records = batch(EACH).build().unwrap().freeze();
        bytes += records.len() as u64;
        assert_eq!(peer.produce(records).await.0, 0);
    }
    let fetched = peer.ask(11, &fetch(0)).await;
    assert!(fetched.responses[0].partitions[0].records.is_some());

    // Another broker is asked, which remembers no answer for who asks again in a moment.
    let early = said(&mut client(&three, 1).await).await;
    assert_eq!(early[TOPIC], (None, None, true), "it leads for some seconds");
    assert_eq!(early[IDLE], (None, None, true));

    // Five minutes later, as far as the averages know.
    let leader = &three.broker(0).broker;
    let later = clock::steady() + DurationMs(5 * 60 * 1_000);
    leader.partitions.glance(|running| leader.flows.look(later, running));
    let told = said(&mut asked).await;
    assert_eq!(told[IDLE], (None, None, false));
    let (Some(written), Some(read), false) = told[TOPIC] else { panic!("{told:?}") };
    // What the broker's own look had taken in before counts half by now.
    assert!((bytes / 450..=bytes / 290).contains(&written), "{written} B/s of {bytes} bytes");
    // Two followers and a consumer.
    assert!(read.abs_diff(3 * written) <= 3 * written / 10, "{read} B/s read of {written} B/s written");
    for id in [1, 2] {
        let follower = &three.broker(id).broker;
        follower.partitions.glance(|running| follower.flows.look(later, running));
    }
    let told_by_others = said(&mut client(&three, 2).await).await;
    assert_eq!(told_by_others, told, "whoever is asked, the leader says it, and followers say nothing");
}
