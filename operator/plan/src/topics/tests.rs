//! Each rule on topics: what is declared, what the brokers have, what comes next.

use std::borrow::Cow;
use std::collections::BTreeMap;

use weir_model::BrokerId;
use weir_operator_api::{TOPIC_FINALIZER, Topic};

use super::{
    Batch, Declaration, MovesAllowed, PartitionSeen, Refused, TopicBroker, TopicSeen, TopicsOnBrokers,
    TopicsSnapshot, decide,
};
use crate::fixtures::{now, topic};

fn on_brokers(brokers: i32) -> TopicsSnapshot<'static> {
    let broker = |id: i32| {
        let rack = Some(format!("zone-{}", id % 3));
        (BrokerId(id), TopicBroker { rack, ..TopicBroker::default() })
    };
    let declared = usize::try_from(brokers).unwrap();
    TopicsSnapshot { brokers: (0..brokers).map(broker).collect(), declared, ..TopicsSnapshot::default() }
}

fn seen(partitions: usize, factor: i32, config: &[(&str, &str)]) -> TopicSeen<'static> {
    let partition =
        PartitionSeen { replicas: (0..factor).map(BrokerId).collect(), epoch: 4, ..PartitionSeen::default() };
    TopicSeen {
        id: "id".into(),
        internal: false,
        config: Cow::Owned(
            config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ),
        partitions: vec![partition; partitions],
    }
}

fn with<'a>(mut snapshot: TopicsSnapshot<'a>, name: &str, topic: TopicSeen<'a>) -> TopicsSnapshot<'a> {
    snapshot.topics.insert(name.to_owned().into(), topic);
    snapshot
}

/// The batch in words: what is sent, then each status.
fn told(topics: &[Topic], on_brokers: TopicsOnBrokers<'_>) -> String {
    words(&decided(topics, &on_brokers))
}

fn decided(topics: &[Topic], on_brokers: &TopicsOnBrokers<'_>) -> Batch {
    let declared: Vec<_> = topics.iter().cloned().map(Declaration::from).collect();
    decide(&declared, on_brokers, now())
}

fn words(batch: &Batch) -> String {
    let config = |map: &BTreeMap<String, String>| {
        map.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>()
    };
    let mut words = Vec::new();
    for change in &batch.finalizers {
        words.push(format!("{}finalizer({})", if change.present { "+" } else { "-" }, change.owner.name));
    }
    for new in &batch.create {
        let factor = new.replication_factor.map_or("-".to_owned(), |factor| factor.to_string());
        words.push(format!("create({} {}x{factor}{})", new.name, new.partitions, config(&new.config)));
    }
    for change in &batch.alter {
        let partitions = change.partitions.map(|partitions| format!(" {partitions}")).unwrap_or_default();
        words.push(format!("alter({}{partitions}{})", change.topic_id, config(&change.set)));
    }
    for moved in &batch.moves {
        let replicas: Vec<_> = moved.replicas.iter().map(|broker| broker.0).collect();
        words.push(format!("move({}:{replicas:?})", moved.partition));
    }
    for gone in &batch.delete {
        words.push(format!("delete({})", gone.topic_id));
    }
    for change in &batch.statuses {
        words.push(format!("{}:{}", change.owner.name, change.status.conditions[0].reason));
    }
    words.join(" ")
}

/// The Topic after its status was written.
fn written(mut topic: Topic, on_brokers: &TopicsOnBrokers<'_>) -> Topic {
    let batch = decided(std::slice::from_ref(&topic), on_brokers);
    topic.status = batch.statuses.into_iter().next().map(|change| change.status).or(topic.status);
    topic
}

fn deleted(mut topic: Topic) -> Topic {
    topic.metadata.deletion_timestamp = topic.metadata.creation_timestamp.clone();
    topic
}

fn finalized(mut topic: Topic) -> Topic {
    topic.metadata.finalizers = Some(vec![TOPIC_FINALIZER.to_owned()]);
    topic
}

fn known(snapshot: TopicsSnapshot<'_>) -> TopicsOnBrokers<'_> {
    TopicsOnBrokers::Known(snapshot)
}

fn unknown() -> TopicsOnBrokers<'static> {
    TopicsOnBrokers::Unknown { why: "nobody answers".to_owned() }
}

const SIX: &str = "partitions: 6\nreplicationFactor: 3\nconfig: {retention.ms: '1000'}";

#[test]
fn what_is_declared_is_created_adopted_changed_or_refused() {
    let as_declared = || seen(6, 3, &[("retention.ms", "1000"), ("segment.ms", "7")]);
    let cases: &[(&str, &str, Option<TopicSeen<'_>>, &str)] = &[
        ("new", SIX, None, "create(orders 6x3 retention.ms=1000)"),
        ("new without a factor", "partitions: 2", None, "create(orders 2x-)"),
        ("there as declared", SIX, Some(as_declared()), "orders:AsDeclared"),
        ("there with fewer partitions", SIX, Some(seen(3, 3, &[("retention.ms", "1000")])), "alter(id 6)"),
        ("there with another setting", SIX, Some(seen(6, 3, &[])), "alter(id retention.ms=1000)"),
        (
            "more partitions than declared",
            SIX,
            Some(seen(9, 3, &[("retention.ms", "1000")])),
            "orders:Drifted",
        ),
        ("adoption is Fail", "partitions: 6\nadoption: Fail", Some(as_declared()), "orders:Conflict"),
        (
            "adoption needs a match, and it matches",
            "partitions: 6\nadoption: RequireMatch",
            Some(as_declared()),
            "orders:AsDeclared",
        ),
        (
            "adoption needs a match of partitions",
            "partitions: 5\nadoption: RequireMatch",
            Some(as_declared()),
            "orders:Conflict",
        ),
        (
            "adoption needs a match of replicas",
            "partitions: 6\nreplicationFactor: 2\nadoption: RequireMatch",
            Some(as_declared()),
            "orders:Conflict",
        ),
        (
            "adoption needs a match of settings",
            "partitions: 6\nconfig: {segment.ms: '8'}\nadoption: RequireMatch",
            Some(as_declared()),
            "orders:Conflict",
        ),
        (
            "the brokers' own",
            "partitions: 6",
            Some(TopicSeen { internal: true, ..as_declared() }),
            "orders:Conflict",
        ),
        ("more replicas than brokers", "replicationFactor: 4", None, "orders:Invalid"),
        ("an unknown setting", "config: {nonsense: '1'}", None, "orders:Invalid"),
        ("a value that is none", "config: {retention.ms: soon}", None, "orders:Invalid"),
        ("a name that is none", "name: 'a b'", None, "orders:Invalid"),
        ("a name of the brokers", "name: __consumer_offsets", None, "orders:Invalid"),
        ("no partitions", "partitions: 0", None, "orders:Invalid"),
        ("deletes with it", "deletionPolicy: Delete", None, "+finalizer(orders) create(orders 1x-)"),
    ];
    for (name, spec, there, expected) in cases {
        let mut snapshot = on_brokers(3);
        snapshot.topics.extend(there.clone().map(|there| ("orders".into(), there)));
        assert_eq!(told(&[topic("orders", 0, spec)], known(snapshot)), *expected, "{name}");
    }
}

#[test]
fn a_second_look_writes_nothing() {
    let snapshot = known(with(on_brokers(3), "orders", seen(6, 3, &[("retention.ms", "1000")])));
    let settled = written(topic("orders", 0, SIX), &snapshot);
    let status = settled.status.clone().unwrap();
    assert_eq!(
        (status.topic_id.as_deref(), status.partitions, status.replication_factor),
        (Some("id"), Some(6), Some(3))
    );
    let later = now() + k8s_openapi::jiff::SignedDuration::from_secs(99);
    assert!(decide(&[Declaration::from(settled)], &snapshot, later).is_empty());
}

#[test]
fn the_oldest_topic_owns_a_name() {
    let topics =
        [topic("younger", 9, "name: shared"), topic("older", 3, "name: shared"), topic("other", 1, "")];
    let told_now = told(&topics, known(on_brokers(3)));
    assert_eq!(told_now, "create(shared 1x-) create(other 1x-) younger:Conflict");
    let mut twins = [topic("b", 3, "name: shared"), topic("a", 3, "name: shared")];
    assert_eq!(told(&twins, known(on_brokers(3))), "create(shared 1x-) b:Conflict");
    twins.reverse();
    assert_eq!(told(&twins, known(on_brokers(3))), "create(shared 1x-) b:Conflict");
}

#[test]
fn brokers_that_are_declared_and_have_not_come_yet_are_waited_for() {
    let orders = [topic("orders", 0, "replicationFactor: 3")];
    let declares = |declared| known(TopicsSnapshot { declared, ..on_brokers(1) });
    assert_eq!(told(&orders, declares(3)), "orders:WaitingForBrokers");
    assert_eq!(told(&orders, declares(2)), "orders:Invalid");
    assert_eq!(told(&orders, known(on_brokers(3))), "create(orders 1x3)");
}

#[test]
fn not_knowing_is_a_reason_to_wait() {
    assert_eq!(told(&[topic("orders", 0, SIX)], unknown()), "orders:WaitingForBrokers");
    assert_eq!(told(&[topic("orders", 0, SIX)], TopicsOnBrokers::ClusterGone), "orders:ClusterGone");
}

#[test]
fn what_the_brokers_refuse_for_good_is_not_asked_again_until_the_spec_changes() {
    let refused = |generation, retriable| {
        let mut snapshot = on_brokers(3);
        let message = "no".to_owned();
        snapshot
            .refused
            .to_mut()
            .insert("uid-of-orders".to_owned(), Refused { generation: Some(generation), message, retriable });
        known(snapshot)
    };
    let orders = [topic("orders", 0, "")];
    assert_eq!(told(&orders, refused(1, false)), "orders:Invalid");
    assert_eq!(told(&orders, refused(1, true)), "create(orders 1x-) orders:WaitingForBrokers");
    assert_eq!(told(&orders, refused(0, false)), "create(orders 1x-)");
}

#[test]
fn one_that_may_not_adopt_says_first_what_it_creates() {
    let spec = "partitions: 6\nadoption: Fail";
    let orders = topic("orders", 0, spec);
    let nothing = known(on_brokers(3));
    assert_eq!(told(std::slice::from_ref(&orders), nothing.clone()), "orders:Creating");
    let orders = written(orders, &nothing);
    assert_eq!(told(std::slice::from_ref(&orders), nothing), "create(orders 6x-)");
    let mut busy = on_brokers(3);
    let refused = Refused { generation: Some(1), message: "no controller".to_owned(), retriable: true };
    busy.refused.to_mut().insert("uid-of-orders".to_owned(), refused);
    assert_eq!(told(std::slice::from_ref(&orders), known(busy)), "create(orders 6x-) orders:Creating");
    // Killed before the id was written down: it is ours all the same.
    let there = known(with(on_brokers(3), "orders", seen(6, 3, &[])));
    assert_eq!(told(&[orders], there), "orders:AsDeclared");
}

#[test]
fn a_topic_that_leaves_takes_its_records_only_where_it_was_told_to_and_owned_them() {
    let there = || known(with(on_brokers(3), "orders", seen(1, 3, &[])));
    let owned = |spec: &str| deleted(finalized(written(topic("orders", 0, spec), &there())));
    let delete = "deletionPolicy: Delete";
    let another = TopicSeen { id: "another".into(), ..seen(1, 3, &[]) };
    let cases = [
        ("owned", owned(delete), there(), "delete(id)"),
        ("policy is Retain", owned(""), there(), "-finalizer(orders)"),
        ("gone already", owned(delete), known(on_brokers(3)), "-finalizer(orders)"),
        (
            "made anew by somebody",
            owned(delete),
            known(with(on_brokers(3), "orders", another)),
            "-finalizer(orders)",
        ),
        ("the cluster is gone", owned(delete), TopicsOnBrokers::ClusterGone, "-finalizer(orders)"),
        ("nobody answers", owned(delete), unknown(), "orders:WaitingForBrokers"),
        ("never owned", deleted(finalized(topic("orders", 0, delete))), there(), "-finalizer(orders)"),
        (
            "never owned, nobody answers",
            deleted(finalized(topic("orders", 0, delete))),
            unknown(),
            "-finalizer(orders)",
        ),
        ("without a finalizer", deleted(topic("orders", 0, delete)), there(), ""),
    ];
    for (name, leaving, on_brokers, expected) in cases {
        assert_eq!(told(&[leaving], on_brokers), expected, "{name}");
    }
    let second = owned(delete);
    let first = written(topic("first", -9, "name: orders"), &there());
    assert_eq!(told(&[second, first], there()), "-finalizer(orders)", "an older Topic owns the name");
}

#[test]
fn a_policy_that_is_taken_back_takes_the_finalizer_off() {
    let there = known(with(on_brokers(3), "orders", seen(1, 3, &[])));
    let orders = finalized(written(topic("orders", 0, ""), &there));
    assert_eq!(told(&[orders], there), "-finalizer(orders)");
}

#[test]
fn a_deletion_that_is_refused_says_the_way_out() {
    let mut snapshot = with(on_brokers(3), "orders", seen(1, 3, &[]));
    let message = "delete.topic.enable is false".to_owned();
    let orders = written(topic("orders", 0, "deletionPolicy: Delete"), &known(snapshot.clone()));
    snapshot
        .refused
        .to_mut()
        .insert("uid-of-orders".to_owned(), Refused { generation: Some(1), message, retriable: false });
    let batch = decided(&[deleted(finalized(orders))], &known(snapshot));
    assert_eq!(words(&batch), "orders:WaitingForBrokers");
    let said = &batch.statuses[0].status.conditions[0].message;
    assert!(said.contains("delete.topic.enable") && said.contains("deletionPolicy to Retain"), "{said}");
}

#[test]
fn another_replication_factor_moves_partitions_a_bounded_number_at_once() {
    let snapshot = with(on_brokers(3), "orders", seen(2, 1, &[]));
    let orders = || [topic("orders", 0, "partitions: 2\nreplicationFactor: 3")];
    let told_now = told(&orders(), known(snapshot.clone()));
    assert_eq!(told_now, "move(0:[0, 1, 2]) move(1:[0, 1, 2]) orders:Moving");
    let mut moving = snapshot;
    for partition in &mut moving.topics.get_mut("orders").unwrap().partitions {
        partition.replicas = vec![BrokerId(0), BrokerId(1), BrokerId(2)];
        partition.adding = vec![BrokerId(1), BrokerId(2)];
    }
    assert_eq!(told(&orders(), known(moving)), "orders:Moving", "they move already");
    let large = with(on_brokers(3), "large", seen(500, 1, &[]));
    let batch = decided(&[topic("large", 0, "partitions: 500\nreplicationFactor: 2")], &known(large.clone()));
    assert_eq!(batch.moves.len(), 10, "as many as of any other kind");
    let mut limited = large.clone();
    limited.moves = MovesAllowed { at_once: 3, throttle: Some(5), busy: None };
    let batch =
        decided(&[topic("large", 0, "partitions: 500\nreplicationFactor: 2")], &known(limited.clone()));
    assert_eq!(batch.moves.len(), 3);
    assert!(batch.moves.iter().all(|moved| moved.throttle == Some(5)));
    limited.topics.get_mut("large").unwrap().partitions[0].adding = vec![BrokerId(1)];
    let batch = decided(&[topic("large", 0, "partitions: 500\nreplicationFactor: 2")], &known(limited));
    assert_eq!(batch.moves.len(), 2, "one is on its way, for whatever reason");
    let mut down = with(on_brokers(3), "orders", seen(2, 1, &[]));
    down.brokers.get_mut(&BrokerId(2)).unwrap().fenced = true;
    assert_eq!(told(&orders(), known(down)), "orders:WaitingForBrokers", "an outage is no wrong spec");
}

#[test]
fn new_replicas_wait_while_brokers_are_disturbed_and_those_that_go_do_not() {
    let mut snapshot = with(on_brokers(3), "orders", seen(2, 2, &[]));
    snapshot.moves.busy = Some("ScaleIn".to_owned());
    let more =
        decided(&[topic("orders", 0, "partitions: 2\nreplicationFactor: 3")], &known(snapshot.clone()));
    assert_eq!(words(&more), "orders:WaitingForBrokers");
    assert!(more.look_again);
    let fewer = decided(&[topic("orders", 0, "partitions: 2\nreplicationFactor: 1")], &known(snapshot));
    assert_eq!(words(&fewer), "move(0:[0]) move(1:[0]) orders:Moving", "a scale-in may wait for that");
    assert!(!fewer.look_again);
}

/// How long this thread has worked for: what else runs on the machine does not count.
fn worked() -> std::time::Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::new(at.tv_sec.unsigned_abs(), u32::try_from(at.tv_nsec).unwrap())
}

fn cost(topics: usize) -> std::time::Duration {
    let mut snapshot = on_brokers(5);
    let mut declared = Vec::new();
    for number in 0..topics {
        let name = format!("topic-{number}");
        declared.push(topic(&name, i64::try_from(number).unwrap(), "partitions: 3\nreplicationFactor: 3"));
        // A third is there, a third has drifted, a third is new.
        match number % 3 {
            0 => drop(snapshot.topics.insert(name.into(), seen(3, 3, &[]))),
            1 => drop(snapshot.topics.insert(name.into(), seen(2, 2, &[]))),
            _ => {}
        }
    }
    let snapshot = known(snapshot);
    let began = worked();
    let batch = decided(&declared, &snapshot);
    let took = worked() - began;
    assert!(batch.create.len() + batch.alter.len() + batch.statuses.len() >= topics);
    took
}

/// With work that grows by the square, ten times as many topics cost a hundred times as much.
#[test]
fn ten_thousand_topics_cost_ten_times_as_much_as_a_thousand() {
    let few = (0..3).map(|_| cost(1_000)).min().unwrap();
    let many = (0..3).map(|_| cost(10_000)).min().unwrap();
    println!("1,000 topics: {few:?}, 10,000 topics: {many:?}");
    assert!(many < few * 30, "{few:?} for 1,000 and {many:?} for 10,000");
}
