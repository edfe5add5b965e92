use super::create_partitions::{CreatePartitions, Growth};
use super::create_topics::{CreateTopics, Created, NewTopic};
use super::*;

fn topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor,
        assignments: Vec::new(),
        config: Vec::new(),
    }
}

fn by_hand(name: &str, assignments: &[(i32, &[i32])]) -> NewTopic {
    let assignments = assignments.iter().map(|(number, replicas)| (*number, ids(replicas))).collect();
    NewTopic { assignments, ..topic(name, -1, -1) }
}

fn with(settings: &[(&str, Option<&str>)]) -> NewTopic {
    let config = settings.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect();
    NewTopic { config, ..topic("t", 1, 1) }
}

fn create(image: &Image, topics: Vec<NewTopic>) -> Decision<create_topics::Outcomes> {
    let mut next = seeded(1);
    let command = CreateTopics { topics, validate_only: false };
    let defaults = config(&[("num.partitions", "4"), ("default.replication.factor", "2")]);
    create_topics::decide(image, &command, &defaults, &mut Entropy::new(&mut next))
}

fn one(image: &Image, topic: NewTopic) -> Result<Created, ControllerError> {
    create(image, vec![topic]).reply.remove(0).1
}

#[test]
fn numbers_that_are_not_given_come_from_the_brokers_settings() {
    let image = cluster(3);
    for (partitions, factor, made) in [(-1, -1, (4, 2)), (7, 3, (7, 3)), (1, -1, (1, 2)), (-1, 1, (4, 1))] {
        let created = one(&image, topic("t", partitions, factor)).unwrap();
        assert_eq!((created.partitions, created.replication_factor), made);
    }
}

#[test]
fn a_created_topic_is_led_and_in_sync_from_the_start() {
    let mut image = cluster(3);
    let decision = create(&image, vec![topic("t", 5, 3)]);
    applied(&mut image, &decision.records);
    let made = image.topic("t").unwrap();
    assert_eq!(made.id, decision.reply[0].1.as_ref().unwrap().id);
    assert!(!made.id.is_reserved());
    for (_, partition) in made.numbered() {
        assert_eq!(partition.isr, partition.replicas);
        assert_eq!(partition.leader, Some(partition.replicas[0]));
        assert_eq!((partition.leader_epoch.0, partition.partition_epoch.0), (0, 0));
    }
}

#[test]
fn validation_only_answers_alike_and_writes_nothing() {
    let image = cluster(1);
    let mut next = seeded(1);
    let command = CreateTopics { topics: vec![topic("t", 2, 1), topic("u", 0, 1)], validate_only: true };
    let decision = create_topics::decide(&image, &command, &config(&[]), &mut Entropy::new(&mut next));
    assert_eq!(decision.records, []);
    assert_eq!(decision.reply[0].1.as_ref().unwrap().partitions, 2);
    assert!(matches!(decision.reply[1].1, Err(ControllerError::InvalidPartitions(_))));
}

#[test]
fn topics_that_can_not_be_made_are_refused_as_kafka_does() {
    type Expected = fn(&ControllerError) -> bool;
    use ControllerError as E;
    let image = with_topic(with_topic(cluster(2), "taken", &[&[0]]), "a.b", &[&[0]]);
    let cases: Vec<(NewTopic, Expected)> = vec![
        (topic("", 1, 1), |e| matches!(e, E::BadTopicName(_))),
        (topic("..", 1, 1), |e| matches!(e, E::BadTopicName(_))),
        (topic("a/b", 1, 1), |e| matches!(e, E::BadTopicName(_))),
        (topic(&"x".repeat(250), 1, 1), |e| matches!(e, E::BadTopicName(_))),
        (topic("taken", 1, 1), |e| matches!(e, E::TopicExists(_))),
        (topic("a_b", 1, 1), |e| matches!(e, E::TopicNameCollides { .. })),
        (topic("a.b", 1, 1), |e| matches!(e, E::TopicExists(_))),
        (topic("__cluster_metadata", 1, 1), |e| matches!(e, E::InvalidRequest(_))),
        (topic("t", 0, 1), |e| matches!(e, E::InvalidPartitions(_))),
        (topic("t", -2, 1), |e| matches!(e, E::InvalidPartitions(_))),
        (topic("t", 1, 0), |e| matches!(e, E::InvalidReplicationFactor(_))),
        (topic("t", 1, -2), |e| matches!(e, E::InvalidReplicationFactor(_))),
        (topic("t", 1, 3), |e| matches!(e, E::InvalidReplicationFactor(_))),
        (topic("t", 10_001, 1), |e| matches!(e, E::TooManyPartitions { asked: 10_001, most: 10_000 })),
        (topic("t", i32::MAX, 1), |e| matches!(e, E::TooManyPartitions { .. })),
        (by_hand("t", &[(0, &[])]), |e| matches!(e, E::InvalidAssignment(_))),
        (by_hand("t", &[(0, &[0, 0])]), |e| matches!(e, E::InvalidAssignment(_))),
        (by_hand("t", &[(0, &[0, 9])]), |e| matches!(e, E::InvalidAssignment(_))),
        (by_hand("t", &[(0, &[0]), (0, &[1])]), |e| matches!(e, E::InvalidAssignment(_))),
        (by_hand("t", &[(0, &[0]), (2, &[1])]), |e| matches!(e, E::InvalidAssignment(_))),
        (by_hand("t", &[(1, &[0])]), |e| matches!(e, E::InvalidAssignment(_))),
        (by_hand("t", &[(-1, &[0]), (0, &[0])]), |e| matches!(e, E::InvalidAssignment(_))),
        (by_hand("t", &[(0, &[0]), (1, &[0, 1])]), |e| matches!(e, E::InvalidAssignment(_))),
        (NewTopic { partitions: 1, ..by_hand("t", &[(0, &[0])]) }, |e| matches!(e, E::InvalidRequest(_))),
        (NewTopic { replication_factor: 1, ..by_hand("t", &[(0, &[0])]) }, |e| {
            matches!(e, E::InvalidRequest(_))
        }),
        (with(&[("retention.ms", Some("soon"))]), |e| matches!(e, E::InvalidConfig(_))),
        (with(&[("no.such.setting", Some("1"))]), |e| matches!(e, E::InvalidConfig(_))),
        (with(&[("retention.ms", None)]), |e| matches!(e, E::InvalidConfig(_))),
        (with(&[("retention.ms", Some("1")), ("retention.ms", Some("1"))]), |e| matches!(e, E::Duplicate(_))),
    ];
    for (topic, expected) in cases {
        let decision = create(&image, vec![topic.clone()]);
        let error = decision.reply[0].1.as_ref().unwrap_err();
        assert!(expected(error), "{topic:?}: {error:?}");
        assert_eq!(decision.records, []);
    }
}

#[test]
fn a_bad_topic_does_not_keep_the_good_ones_of_its_request_from_being_made() {
    let mut image = cluster(1);
    let request = vec![topic("good", 1, 1), topic("twice", 1, 1), topic("bad!", 1, 1), topic("twice", 2, 1)];
    let decision = create(&image, request);
    assert!(decision.reply[0].1.is_ok());
    for at in [1, 3] {
        assert_eq!(decision.reply[at].1, Err(ControllerError::Duplicate("twice".to_owned())));
    }
    applied(&mut image, &decision.records);
    assert_eq!(image.topics().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["good"]);
}

#[test]
fn names_that_look_alike_within_one_request_collide_too() {
    let decision = create(&cluster(1), vec![topic("a.b", 1, 1), topic("a_b", 1, 1)]);
    assert!(decision.reply[0].1.is_ok());
    assert!(matches!(decision.reply[1].1, Err(ControllerError::TopicNameCollides { .. })));
}

#[test]
fn the_partitions_of_one_request_are_bounded_together() {
    let decision =
        create(&cluster(1), vec![topic("a", 6_000, 1), topic("b", 6_000, 1), topic("c", 4_000, 1)]);
    let made: Vec<_> = decision.reply.iter().map(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(made, [true, false, true]);
}

#[test]
fn replicas_chosen_by_hand_are_taken_as_they_are() {
    let mut image = cluster(3);
    let decision = register_broker::decide(&image, registering(3, None, true), &Pairs::new());
    applied(&mut image, &decision.records);
    let decision = create(&image, vec![by_hand("t", &[(1, &[2, 0]), (0, &[3, 1])])]);
    applied(&mut image, &decision.records);
    let made = image.topic("t").unwrap();
    let first = &made.partitions[0];
    assert_eq!(first.replicas, ids(&[3, 1]));
    assert_eq!(
        (first.isr.clone(), first.leader),
        (ids(&[1]), Some(BrokerId(1))),
        "a fenced broker is not in sync"
    );
    assert_eq!(made.partitions[1].replicas, ids(&[2, 0]));
    let fenced_only = one(&image, by_hand("u", &[(0, &[3])]));
    assert!(matches!(fenced_only, Err(ControllerError::InvalidAssignment(_))));
}

#[test]
fn without_an_active_broker_nothing_is_placed() {
    let mut image = Image::default();
    assert!(matches!(one(&image, topic("t", 1, 1)), Err(ControllerError::InvalidReplicationFactor(_))));
    let decision = register_broker::decide(&image, registering(0, None, true), &Pairs::new());
    applied(&mut image, &decision.records);
    assert!(matches!(one(&image, topic("t", 1, 1)), Err(ControllerError::InvalidReplicationFactor(_))));
}

#[test]
fn topics_only_grow() {
    type Expected = fn(&Result<(), ControllerError>) -> bool;
    use ControllerError as E;
    let image = with_topic(cluster(3), "t", &[&[0, 1], &[1, 2]]);
    let growth = |name: &str, count, assignments: Option<&[&[i32]]>| Growth {
        name: name.to_owned(),
        count,
        assignments: assignments.map(|a| a.iter().map(|replicas| ids(replicas)).collect()),
    };
    let cases: Vec<(Growth, Expected)> = vec![
        (growth("t", 3, None), |r| r.is_ok()),
        (growth("t", 2, None), |r| matches!(r, Err(E::InvalidPartitions(_)))),
        (growth("t", 1, None), |r| matches!(r, Err(E::InvalidPartitions(_)))),
        (growth("t", -1, None), |r| matches!(r, Err(E::InvalidPartitions(_)))),
        (growth("t", i32::MAX, None), |r| matches!(r, Err(E::TooManyPartitions { .. }))),
        (growth("u", 3, None), |r| matches!(r, Err(E::UnknownTopic(_)))),
        (growth("t", 3, Some(&[&[2, 0]])), |r| r.is_ok()),
        (growth("t", 3, Some(&[])), |r| matches!(r, Err(E::InvalidAssignment(_)))),
        (growth("t", 3, Some(&[&[2]])), |r| matches!(r, Err(E::InvalidAssignment(_)))),
        (growth("t", 3, Some(&[&[2, 7]])), |r| matches!(r, Err(E::InvalidAssignment(_)))),
    ];
    for (growth, expected) in cases {
        let mut next = seeded(1);
        let command = CreatePartitions { topics: vec![growth.clone()], validate_only: false };
        let decision = create_partitions::decide(&image, &command, &mut Entropy::new(&mut next));
        assert!(expected(&decision.reply[0].1), "{growth:?}: {:?}", decision.reply);
        assert_eq!(decision.records.is_empty(), decision.reply[0].1.is_err());
        let mut grown = image.clone();
        applied(&mut grown, &decision.records);
        let before = image.topic("t").unwrap();
        assert!(grown.topic("t").unwrap().partitions.starts_with(&before.partitions));
    }
}

#[test]
fn the_offsets_topic_is_made_once_with_its_own_settings() {
    let mut image = cluster(1);
    let mut next = seeded(1);
    let settings = config(&[("offsets.topic.num.partitions", "5")]);
    let make = |image: &Image, next: &mut dyn FnMut() -> u64| {
        internal_topic::consumer_offsets(image, &settings, &mut Entropy::new(next))
    };
    let decision = make(&image, &mut next);
    let id = decision.reply.unwrap();
    applied(&mut image, &decision.records);
    let made = image.topic("__consumer_offsets").unwrap();
    assert_eq!((made.partitions.len(), made.replication_factor()), (5, 1), "no more replicas than brokers");
    assert_eq!(made.config["cleanup.policy"], "compact");
    assert_eq!(made.config["segment.bytes"], "104857600");
    assert!(made.is_internal());
    let again = make(&image, &mut next);
    assert_eq!((again.records, again.reply), (Vec::new(), Ok(id)));
}

#[test]
fn ids_are_never_reserved_nor_taken() {
    let make = |image: &Image, name: &str| {
        let command = CreateTopics { topics: vec![topic(name, 1, 1)], validate_only: false };
        // Once a random source that says 0 for ever makes an id that exists, it can make no other.
        create_topics::decide(image, &command, &config(&[]), &mut Entropy::new(&mut || 0))
    };
    let mut image = cluster(1);
    let decision = make(&image, "a");
    assert!(!decision.reply[0].1.as_ref().unwrap().id.is_reserved());
    applied(&mut image, &decision.records);
    assert_eq!(make(&image, "b").reply[0].1, Err(ControllerError::NoFreshId));
}
