//! Two brokers that follow each other. Each is its own controller here; the test says the same to both.

use weir_core::controller::{ConfigScope, Decision, Entropy, Image, Partition, Record};
use weir_model::{BrokerId, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId, TopicName};
use weir_wire::messages::produce::ProduceResponse;

use super::*;

const BOTH: [BrokerId; 2] = [BrokerId(0), BrokerId(1)];
const NOT_LEADER: i16 = 6;
const OFFSET_NOT_AVAILABLE: i16 = 78;

/// Two brokers with one topic of as many partitions.
struct Two {
    brokers: [Running; 2],
    id: TopicId,
    _directories: [tempfile::TempDir; 2],
}

impl Two {
    async fn with(partitions: i32, isr: &[BrokerId], settings: &[(&str, &str)]) -> Self {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let with = |id, rack| [&[("node.id", id), ("broker.rack", rack)], settings].concat();
        let brokers = [
            broker(directories[0].path(), &with("0", "here")).await,
            broker(directories[1].path(), &with("1", "there")).await,
        ];
        let known =
            [0, 1].map(|at| brokers[at].broker.image().broker(BOTH[at]).unwrap().registration.clone());
        let two = Self { brokers, id: TopicId(uuid::Uuid::from_u128(7)), _directories: directories };
        for (at, other) in [(0, 1), (1, 0)] {
            let mut records = vec![
                Record::BrokerRegistered(known[other].clone()),
                Record::TopicCreated { id: two.id, name: TopicName::new(TOPIC).unwrap() },
            ];
            records.extend((0..partitions).map(|index| two.state(index, 0, 0, isr)));
            two.say(at, records).await;
        }
        two
    }

    fn state(&self, index: i32, epoch: i32, leader: i32, isr: &[BrokerId]) -> Record {
        let state = Partition {
            replicas: BOTH.to_vec(),
            isr: isr.to_vec(),
            elr: Vec::new(),
            leader: Some(BrokerId(leader)),
            leader_epoch: LeaderEpoch(epoch),
            // An ISR change in between must not overtake it.
            partition_epoch: PartitionEpoch(epoch * 100),
            adding: Vec::new(),
            removing: Vec::new(),
            throttle: None,
            last_known: None,
        };
        Record::PartitionChanged { topic: self.id, index: PartitionIndex(index), state }
    }

    async fn say(&self, to: usize, records: Vec<Record>) {
        say(&self.brokers[to], records).await;
    }

    /// A setting of the topic.
    async fn set(&self, name: &str, value: &str) {
        let scope = ConfigScope::Topic(self.id);
        for to in [0, 1] {
            let (name, value) = (name.to_owned(), Some(value.to_owned()));
            self.say(to, vec![Record::ConfigChanged { scope, name, value }]).await;
        }
    }

    /// Another reign of partition 0.
    async fn reign(&self, epoch: i32, leader: i32) {
        for to in [0, 1] {
            self.say(to, vec![self.state(0, epoch, leader, &BOTH)]).await;
        }
    }

    async fn write(&self, to: usize, acks: i16) -> ProduceResponse {
        let records = batch(100).build().unwrap().freeze();
        Peer::of(&self.brokers[to]).await.ask(10, &produce(acks, records)).await
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect(what);
    }

    fn isr(&self, at: usize) -> Vec<BrokerId> {
        self.brokers[at].broker.image().partition(self.id, PartitionIndex(0)).unwrap().isr.clone()
    }

    async fn stop(self) {
        let [one, other] = self.brokers;
        tokio::join!(one.stop(), other.stop());
    }
}

async fn say(to: &Running, records: Vec<Record>) {
    let decision = move |_: &Image, _: &mut Entropy<'_>| Decision { records, reply: () };
    to.broker.controller.decide(decision).await.unwrap();
}

fn code(response: &ProduceResponse) -> i16 {
    response.responses[0].partition_responses[0].error_code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_to_all_are_acknowledged_without_waiting_for_a_poll() {
    let two = Two::with(1, &BOTH, &[("min.insync.replicas", "2")]).await;
    assert_eq!(code(&two.write(0, -1).await), 0);
    let began = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(code(&two.write(0, -1).await), 0);
    }
    // Each would take half a second if it waited for the follower's long poll.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_has_caught_up_joins_the_isr() {
    let two = Two::with(1, &[BrokerId(0)], &[]).await;
    assert_eq!(code(&two.write(0, -1).await), 0);
    two.until("it never joined", || two.isr(0).len() == 2).await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_old_leader_is_told_of_the_new_one_and_nothing_acknowledged_is_lost() {
    let two = Two::with(1, &BOTH, &[("min.insync.replicas", "2")]).await;
    for _ in 0..5 {
        assert_eq!(code(&two.write(0, -1).await), 0);
    }
    two.reign(1, 1).await;
    let refused = two.write(0, -1).await;
    assert_eq!(code(&refused), NOT_LEADER);
    let leader = &refused.responses[0].partition_responses[0].current_leader;
    assert_eq!((leader.leader_id, leader.leader_epoch), (1, 1));
    let endpoint = &refused.node_endpoints[0];
    assert_eq!((endpoint.node_id, endpoint.port), (1, i32::from(two.brokers[1].bound[0].advertised.port)));
    let written = two.write(1, -1).await;
    assert_eq!((code(&written), written.responses[0].partition_responses[0].base_offset), (0, 5));
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_follower_of_many_partitions_asks_for_little() {
    let two = Two::with(300, &BOTH, &[("replica.fetch.wait.max.ms", "200")]).await;
    assert_eq!(code(&two.write(0, -1).await), 0);
    let fetches = || two.brokers[0].broker.metrics.requests.with_label_values(&["Fetch"]).get();
    two.until("the follower never came", || fetches() > 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, began) = (fetches(), std::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (count, took) = (fetches() - before, began.elapsed());
    assert!(count >= 1 && u128::from(count) <= took.as_millis() / 200 + 2, "{count} fetches in {took:?}");
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_is_sent_to_the_replica_in_its_rack_and_reads_what_is_committed_there() {
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let two = Two::with(1, &BOTH, &[("replica.selector.class", selector)]).await;
    assert_eq!(code(&two.write(0, -1).await), 0);
    let ask = async |to: usize, rack: &'static str, from| {
        let request = FetchRequest { rack_id: rack.into(), ..fetch(from) };
        let answer = Peer::of(&two.brokers[to]).await.ask(12, &request).await;
        answer.responses.into_iter().next().unwrap().partitions.remove(0)
    };
    for rack in ["", "here", "elsewhere"] {
        let answer = ask(0, rack, 0).await;
        assert_eq!(answer.preferred_read_replica, -1, "{rack:?}");
        assert!(!answer.records.unwrap().is_empty());
    }
    let answer = ask(0, "there", 0).await;
    assert_eq!(answer.preferred_read_replica, 1);
    assert!(answer.records.unwrap().is_empty());
    let read = timeout(PATIENCE, async {
        while ask(1, "there", 0).await.records.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    });
    read.await.expect("the follower never heard that the record is committed");
    assert_eq!(ask(1, "there", 5).await.error_code, OFFSET_NOT_AVAILABLE);
    let old = Peer::of(&two.brokers[1]).await.ask(10, &fetch(0)).await;
    assert_eq!(old.responses[0].partitions[0].error_code, NOT_LEADER, "it can not know of followers");
    two.stop().await;
}

/// How long a follower takes for three megabytes.
async fn time_to_copy(settings: &[(&str, &str)], topic: (&str, &str)) -> Duration {
    let two = Two::with(1, &[BrokerId(0)], settings).await;
    two.set(topic.0, topic.1).await;
    two.until("it never joined", || two.isr(0).len() == 2).await;
    two.say(0, vec![two.state(0, 1, 0, &[BrokerId(0)])]).await;
    let mut peer = Peer::of(&two.brokers[0]).await;
    for _ in 0..30 {
        let records = batch(100_000).build().unwrap().freeze();
        assert_eq!(code(&peer.ask(10, &produce(-1, records)).await), 0);
    }
    let began = std::time::Instant::now();
    two.say(1, vec![two.state(0, 1, 0, &[BrokerId(0)])]).await;
    two.until("it never came back", || two.isr(0).len() == 2).await;
    let took = began.elapsed();
    two.stop().await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_replica_catches_up_at_its_rate_on_either_side() {
    let (rate, everybody) = ("1000000", "*");
    for side in ["leader", "follower"] {
        let setting = format!("{side}.replication.throttled.rate");
        let list = format!("{side}.replication.throttled.replicas");
        let took = time_to_copy(&[(&setting, rate)], (&list, everybody)).await;
        // One megabyte may go at once, the second in one read too many; the third has to wait for a second.
        assert!(took > Duration::from_millis(900), "{side}: {took:?}");
        let took = time_to_copy(&[(&setting, rate)], (&list, "5:1")).await;
        assert!(took < Duration::from_millis(900), "{side}: another replica is throttled: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_without_a_piece_of_its_log_fetches_it_anew_when_nobody_counts_on_it() {
    let two = Two::with(1, &[BrokerId(0)], &[]).await;
    two.set("segment.bytes", "1048576").await;
    for _ in 0..4 {
        let records = batch(900_000).build().unwrap().freeze();
        let written = Peer::of(&two.brokers[0]).await.ask(10, &produce(-1, records)).await;
        assert_eq!(code(&written), 0);
    }
    until_readable(&two.brokers[1], 3).await;
    let Two { brokers: [leader, follower], id, _directories } = two;
    follower.stop().await;
    let log = _directories[1].path().join(format!("topics/{id}/0"));
    std::fs::remove_file(log.join(format!("{:020}.log", 1))).unwrap();
    let settings = [("node.id", "1"), ("broker.rack", "there")];
    let follower = broker(_directories[1].path(), &settings).await;
    let again = follower.broker.image().broker(BOTH[1]).unwrap().registration.clone();
    say(&leader, vec![Record::BrokerRegistered(again)]).await;
    for offset in 0..4 {
        until_readable(&follower, offset).await;
    }
    tokio::join!(leader.stop(), follower.stop());
}

/// Until a record is there and committed, as far as that broker knows.
async fn until_readable(at: &Running, offset: i64) {
    let reading = async {
        loop {
            let answer = Peer::of(at).await.ask(12, &fetch(offset)).await;
            let partition = &answer.responses[0].partitions[0];
            if partition.error_code == 0 && partition.records.as_ref().is_some_and(|r| !r.is_empty()) {
                return;
            }
        }
    };
    timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("offset {offset} never came"));
}
