//! The admin service of three brokers: whoever is asked, the controller decides, once; what is refused there is refused
//! here; and a controller that dies under a call leaves nothing done twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use weir_admin::admin::v1;
use weir_admin::admin::v1::RefusalReason as Reason;
use weir_admin::admin::v1::admin_client::AdminClient;
use weir_core::controller::Image;
use weir_model::BrokerId;

use super::cluster::{Three, within};
use super::*;

pub(super) type Client = AdminClient<Channel>;

/// A busy machine must not change who leads: a dead broker is noticed by its closed port, not by these.
const UNHURRIED: [(&str, &str); 2] =
    [("weir.quorum.election.timeout.ms", "1500"), ("broker.session.timeout.ms", "30000")];

/// A cluster that is whole: three brokers, each of which knows all.
pub(super) async fn three() -> Three {
    let three = Three::form_with(&UNHURRIED).await;
    for id in 0..3 {
        let view = &three.broker(id).broker.view;
        within(view.until(|image| image.brokers().filter(|b| b.is_active()).count() == 3)).await;
    }
    three
}

pub(super) async fn client(three: &Three, id: usize) -> Client {
    let image = three.broker(id).broker.image();
    let broker = image.broker(BrokerId(i32::try_from(id).unwrap())).unwrap();
    let at = broker.registration.admin.clone().unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}:{}", at.host, at.port)).unwrap();
    AdminClient::new(endpoint.connect().await.unwrap())
}

pub(super) fn reference(three: &Three, id: usize) -> v1::BrokerRef {
    let broker = &three.broker(id).broker;
    v1::BrokerRef { id: broker.id.0, incarnation: broker.data.incarnation().to_string() }
}

fn refusal(status: &Status) -> v1::Refusal {
    v1::Refusal::decode(status.details()).unwrap_or_else(|_| panic!("no refusal: {status:?}"))
}

/// Asks as a client should: again, while the refusal says that this may help. Says whether the first answer was enough; if
/// not, whether the call did it is not known.
pub(super) async fn patient<R>(ask: impl AsyncFn() -> Result<tonic::Response<R>, Status>) -> (R, bool) {
    let mut is_first = true;
    let asking = async {
        loop {
            match ask().await {
                Ok(reply) => return (reply.into_inner(), is_first),
                Err(status) => assert!(refusal(&status).retriable, "{status:?}"),
            }
            is_first = false;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(asking).await
}

/// The first refusal that asking again does not help.
async fn refused<R>(ask: impl AsyncFn() -> Result<tonic::Response<R>, Status>) -> Status {
    let asking = async {
        loop {
            match ask().await {
                Err(status) if refusal(&status).retriable => {}
                Err(status) => return status,
                Ok(_) => panic!("it was done"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(asking).await
}

fn create(name: &str, brokers: &[i32]) -> v1::CreateTopicsRequest {
    let assignment = vec![v1::Replicas { brokers: brokers.to_vec() }];
    let topic = v1::NewTopic { name: name.to_owned(), assignment, ..v1::NewTopic::default() };
    v1::CreateTopicsRequest { topics: vec![topic], ..Default::default() }
}

fn moved(topic_id: &str, brokers: &[i32]) -> v1::MovePartitionsRequest {
    let replicas = brokers.iter().map(|id| v1::MoveTarget { id: *id, incarnation: String::new() });
    let partition = Some(v1::PartitionRef { topic_id: topic_id.to_owned(), partition: 0 });
    let moves = vec![v1::Move { partition, replicas: replicas.collect(), ..v1::Move::default() }];
    v1::MovePartitionsRequest { moves, ..Default::default() }
}

/// What each of the calls that change something says: did it? Nothing where that is not known.
async fn round(client: &Client, three: &Three, topic: &mut String) -> Vec<(&'static str, Option<bool>)> {
    let partition = |topic: &str| v1::PartitionRef { topic_id: topic.to_owned(), partition: 0 };
    let mut said = Vec::new();
    let mut says = |what, changed: bool, known: bool| said.push((what, known.then_some(changed)));
    let (mut reply, known) = patient(async || client.clone().create_topics(create("t", &[0, 1])).await).await;
    let made = reply.results.remove(0);
    assert_eq!(made.refusal, None);
    *topic = made.topic_id;
    says("create", made.changed, known);
    let set = vec![v1::Setting { name: "retention.ms".to_owned(), value: "5000".to_owned() }];
    let change = v1::TopicChange { topic_id: topic.clone(), set, ..Default::default() };
    let alter = v1::AlterTopicsRequest { changes: vec![change], ..Default::default() };
    let (reply, known) = patient(async || client.clone().alter_topics(alter.clone()).await).await;
    assert_eq!(reply.results[0].refusal, None);
    says("alter", reply.results[0].changed, known);
    let drain = v1::DrainRequest { broker: Some(reference(three, 2)), ..Default::default() };
    let (reply, known) = patient(async || client.clone().drain(drain.clone()).await).await;
    says("drain", reply.changed, known);
    let elect = v1::ElectLeadersRequest {
        kind: v1::ElectionKind::Preferred.into(),
        partitions: vec![partition(topic)],
        ..Default::default()
    };
    let (reply, known) = patient(async || client.clone().elect_leaders(elect.clone()).await).await;
    assert_eq!(reply.results[0].refusal, None);
    says("elect", reply.results[0].changed, known);
    let cancel = v1::CancelMovesRequest { partitions: vec![partition(topic)], ..Default::default() };
    let (reply, known) = patient(async || client.clone().cancel_moves(cancel.clone()).await).await;
    assert_eq!(reply.results[0].refusal, None);
    says("cancel", reply.results[0].changed, known);
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_asked_the_controller_does_it_once() {
    let three = three().await;
    let controller = three.some_controller().await;
    let others: Vec<usize> = (0..3).filter(|id| *id != controller).collect();
    let (first, second) = (client(&three, others[0]).await, client(&three, others[1]).await);
    let (mut topic, mut again) = (String::new(), String::new());
    let said = round(&first, &three, &mut topic).await;
    for (what, changed) in said {
        let wanted = matches!(what, "create" | "alter" | "drain");
        assert!(changed.is_none_or(|changed| changed == wanted), "{what}: {changed:?}");
    }
    for asked in [&second, &first, &client(&three, controller).await] {
        let said = round(asked, &three, &mut again).await;
        assert!(said.iter().all(|(_, changed)| changed != &Some(true)), "{said:?}");
        assert_eq!(again, topic);
    }
    let undrain = v1::UndrainRequest { broker: Some(reference(&three, 2)), ..Default::default() };
    let (reply, known) = patient(async || second.clone().undrain(undrain.clone()).await).await;
    assert!(reply.changed || !known);
    assert!(!patient(async || first.clone().undrain(undrain.clone()).await).await.0.changed);

    // To where it is already: nothing. Elsewhere: once, and it ends by itself.
    let moves = |asked: &Client, brokers: &[i32]| {
        let (asked, moves) = (asked.clone(), moved(&topic, brokers));
        async move { patient(async || asked.clone().move_partitions(moves.clone()).await).await }
    };
    assert!(!moves(&first, &[0, 1]).await.0.results[0].changed);
    let (reply, known) = moves(&first, &[2, 1]).await;
    assert!(reply.results[0].changed || !known, "{reply:?}");
    let repeated = moves(&second, &[2, 1]).await.0.results.remove(0);
    assert_eq!((repeated.changed, repeated.refusal), (false, None));
    let there = |image: &Image| {
        let partition = image.topic("t").map(|topic| topic.partitions[0].clone());
        partition.is_some_and(|p| p.replicas == [BrokerId(2), BrokerId(1)] && !p.is_moving())
    };
    within(three.broker(0).broker.view.until(there)).await;

    let delete = v1::DeleteTopicsRequest { topic_ids: vec![topic.clone()], ..Default::default() };
    let (reply, known) = patient(async || second.clone().delete_topics(delete.clone()).await).await;
    assert!(reply.results[0].changed || !known);
    let gone = patient(async || first.clone().delete_topics(delete.clone()).await).await.0.results.remove(0);
    assert_eq!((gone.changed, gone.refusal), (false, None));
}

/// Everything of the metadata that administrators decide.
fn decided(three: &Three, id: usize) -> Vec<String> {
    let latest = three.broker(id).broker.link.quorum().latest();
    let image = Arc::clone(&latest.borrow().image);
    let topics = image.topics().map(|topic| {
        let replicas: Vec<_> = topic.partitions.iter().map(|p| (p.replicas.clone(), p.is_moving())).collect();
        format!("{} {:?} {replicas:?}", topic.name, topic.config)
    });
    let brokers = image.brokers().map(|b| format!("{} {}", b.registration.id, b.registration.drained));
    topics.chain(brokers).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_controller_refuses_is_refused_in_the_same_words_by_the_others_and_changes_nothing() {
    let three = three().await;
    let controller = three.some_controller().await;
    let other = (controller + 1) % 3;
    let asked = client(&three, other).await;
    let made =
        patient(async || asked.clone().create_topics(create("t", &[0, 1])).await).await.0.results.remove(0);
    let before = decided(&three, controller);

    let own = reference(&three, 2);
    let other_disk = v1::BrokerRef { incarnation: uuid::Uuid::from_u128(1).to_string(), ..own.clone() };
    let nobody = v1::BrokerRef { id: 9, ..own.clone() };
    let elsewhere = "AAAAAAAAAAAAAAAAAAAAAQ";
    let cases = [
        ("", Some(other_disk), Reason::WrongIncarnation, Code::FailedPrecondition),
        ("", Some(nobody), Reason::UnknownBroker, Code::NotFound),
        ("", None, Reason::InvalidArgument, Code::InvalidArgument),
        (elsewhere, Some(own.clone()), Reason::WrongCluster, Code::FailedPrecondition),
    ];
    for (cluster, broker, reason, code) in cases {
        let cluster_id = cluster.to_owned();
        let drain = v1::DrainRequest { cluster_id: cluster_id.clone(), broker: broker.clone() };
        let undrain = v1::UndrainRequest { cluster_id: cluster_id.clone(), broker: broker.clone() };
        let may_stop = v1::MayStopRequest { cluster_id: cluster_id.clone(), broker: broker.clone() };
        let unregister = v1::UnregisterRequest { cluster_id, broker };
        let refusals = [
            refused(async || asked.clone().drain(drain.clone()).await).await,
            refused(async || asked.clone().undrain(undrain.clone()).await).await,
            refused(async || asked.clone().may_stop(may_stop.clone()).await).await,
        ];
        for status in refusals {
            let refusal = refusal(&status);
            assert_eq!((refusal.reason(), status.code()), (reason, code), "{status:?}");
            assert!(!refusal.advice.is_empty());
        }
        // Unregistering who is not there is what was asked for.
        if reason == Reason::UnknownBroker {
            assert!(!patient(async || asked.clone().unregister(unregister.clone()).await).await.0.changed);
        } else {
            let status = refused(async || asked.clone().unregister(unregister.clone()).await).await;
            assert_eq!(refusal(&status).reason(), reason);
        }
    }
    let alive = v1::UnregisterRequest { broker: Some(own), ..Default::default() };
    let status = refused(async || asked.clone().unregister(alive.clone()).await).await;
    assert_eq!(refusal(&status).reason(), Reason::BrokerAlive);
    let impossible: [&[i32]; 4] = [&[], &[0, 0], &[0, 9], &[0, 1, 2, 9]];
    for brokers in impossible {
        let moves = moved(&made.topic_id, brokers);
        let reply = patient(async || asked.clone().move_partitions(moves.clone()).await).await.0;
        let reason = reply.results[0].refusal.as_ref().map(v1::Refusal::reason);
        assert_eq!(reason, Some(Reason::InvalidAssignment), "{brokers:?}");
        let reply = patient(async || asked.clone().create_topics(create("u", brokers)).await).await.0;
        assert!(reply.results[0].refusal.is_some(), "{brokers:?}");
    }
    assert_eq!(before, decided(&three, three.some_controller().await), "nothing was written");
}

/// Creates a topic, and again until somebody says that it is there. Gives its id, and how often a call said it did it.
async fn insist(mut asked: Client, name: String) -> (String, u32, u32) {
    let (mut done, mut refused) = (0, 0);
    loop {
        match asked.create_topics(create(&name, &[0, 1, 2])).await {
            Ok(reply) => {
                let result = reply.into_inner().results.remove(0);
                assert_eq!(result.refusal, None);
                done += u32::from(result.changed);
                return (result.topic_id, done, refused);
            }
            Err(status) => {
                let refusal = refusal(&status);
                assert!(refusal.retriable && status.code() == Code::Unavailable, "{status:?}");
                refused += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_dies_under_calls_leaves_nothing_done_twice_and_no_call_unanswered() {
    let mut three = three().await;
    let controller = three.some_controller().await;
    let other = (controller + 1) % 3;
    let asked = client(&three, other).await;
    let mut calls = BTreeMap::new();
    for n in 0..40 {
        let name = format!("t{n}");
        calls.insert(name.clone(), tokio::spawn(insist(asked.clone(), name)));
        if n == 20 {
            three.brokers[controller].take().unwrap().kill();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let next = three.some_controller().await;
    assert_ne!(next, controller);
    let mut refusals = 0;
    let mut told = BTreeMap::new();
    for (name, call) in calls {
        let (id, done, refused) = within(call).await.unwrap();
        assert!(done <= 1);
        refusals += refused;
        told.insert(name, id);
    }
    assert!(refusals > 0, "nobody asked while there was no controller");
    let request = v1::DescribeClusterRequest { without_measures: true, ..Default::default() };
    let mut parts = client(&three, next).await.describe_cluster(request).await.unwrap().into_inner();
    let described = parts.message().await.unwrap().unwrap().topics;
    let found: BTreeMap<_, _> = described.into_iter().map(|topic| (topic.name, topic.topic_id)).collect();
    assert_eq!(found, told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measures_count_what_was_written_read_and_copied() {
    const EACH: usize = 1_000;
    const COUNT: usize = 200;
    let three = three().await;
    let mut asked = client(&three, 0).await;
    let made = patient(async || asked.clone().create_topics(create(TOPIC, &[0, 1, 2])).await).await.0;
    assert_eq!(made.results[0].refusal, None);
    let leads =
        |image: &Image| image.topic(TOPIC).is_some_and(|t| t.partitions[0].leader == Some(BrokerId(0)));
    within(three.broker(0).broker.view.until(leads)).await;
    let mut peer = Peer::of(three.broker(0)).await;
    let mut bytes = 0;
    for _ in 0..COUNT {
        let records = batch(EACH).build().unwrap().freeze();
        bytes += records.len();
        assert_eq!(peer.produce(records).await.0, 0);
    }
    // acks=all: both followers have everything, and the next requests of theirs said so.
    let describe = v1::DescribeClusterRequest::default();
    let mut parts = asked.describe_cluster(describe).await.unwrap().into_inner();
    let brokers = parts.message().await.unwrap().unwrap().brokers;
    let measures: Vec<_> = brokers.into_iter().map(|broker| broker.measures.expect("it was heard")).collect();
    let total = bytes as f64;
    // Rates are over the same seconds, so that what one broker sends is what the others get.
    let [leader, one, other] = &measures[..] else { panic!("{measures:?}") };
    let seconds = total / leader.bytes_in_per_second;
    assert!((0.0..60.0).contains(&seconds), "{leader:?}");
    let near = |value: f64, wanted: f64| (value / wanted - 1.0).abs() < 0.05;
    assert!(near(leader.replication_bytes_out_per_second * seconds, 2.0 * total), "{leader:?} {total}");
    assert_eq!((leader.replication_bytes_in_per_second, leader.bytes_out_per_second), (0.0, 0.0));
    for follower in [one, other] {
        assert_eq!((follower.bytes_in_per_second, follower.replication_bytes_out_per_second), (0.0, 0.0));
        assert!(follower.replication_bytes_in_per_second > 0.0, "{follower:?}");
        assert!(
            follower.disk_used_bytes >= bytes as u64 && follower.disk_free_bytes <= follower.disk_total_bytes
        );
    }
    for id in [1, 2] {
        let copied = three.broker(id).broker.metrics.replication.bytes_in.get();
        assert_eq!(copied, bytes as u64);
    }
    assert_eq!(leader.disk_used_bytes, bytes as u64);
    assert!(leader.cpu_cores > 0.0 && leader.resident_bytes > 0);
}
