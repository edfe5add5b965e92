use uuid::Uuid;
use weir_model::config::Pairs;

use super::*;
use crate::controller::{ConfigScope, METADATA_VERSION, Record};

fn id(n: u128) -> TopicId {
    TopicId(Uuid::from_u128(n))
}

fn created(n: u128, name: &str) -> Record {
    Record::TopicCreated { id: id(n), name: TopicName::new(name).unwrap() }
}

fn partition(topic: u128, index: i32, leader_epoch: i32, partition_epoch: i32) -> Record {
    let state = Partition {
        replicas: vec![BrokerId(0)],
        isr: vec![BrokerId(0)],
        elr: Vec::new(),
        leader: Some(BrokerId(0)),
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        ..Partition::default()
    };
    Record::PartitionChanged { topic: id(topic), index: PartitionIndex(index), state }
}

fn image(records: &[Record]) -> Image {
    let mut image = Image::default();
    for record in records {
        image.apply(record).unwrap();
    }
    image
}

#[test]
fn topics_are_found_by_name_and_by_id_and_listed_in_order() {
    let image = image(&[created(3, "b"), created(2, "a"), created(1, "c"), partition(2, 0, 0, 0)]);
    let names = |topics: &mut dyn Iterator<Item = &Arc<Topic>>| {
        topics.map(|t| t.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&mut image.topics()), ["a", "b", "c"]);
    assert_eq!(names(&mut image.topics_from("aa")), ["b", "c"]);
    assert_eq!(image.topic("a").unwrap().id, id(2));
    assert_eq!(image.topic_by_id(id(3)).unwrap().name.as_str(), "b");
    assert!(image.topic("../etc").is_none() && image.topic("d").is_none());
    assert_eq!((image.topic_count(), image.partition_count()), (3, 1));
    assert!(image.partition(id(2), PartitionIndex(0)).is_some());
    for index in [-1, 1, i32::MAX] {
        assert!(image.partition(id(2), PartitionIndex(index)).is_none());
    }
}

#[test]
fn a_deleted_topic_leaves_nothing_behind() {
    let config = Record::ConfigChanged {
        scope: ConfigScope::Topic(id(1)),
        name: "retention.ms".to_owned(),
        value: Some("5".to_owned()),
    };
    let made = [created(1, "a.b"), partition(1, 0, 0, 0), config];
    let mut image = image(&made);
    assert!(image.lookalike(&TopicName::new("a_b").unwrap()).is_some());
    image.apply(&Record::TopicDeleted { id: id(1) }).unwrap();
    assert_eq!(image, Image::default());
    image.apply(&created(2, "a.b")).unwrap();
    assert_eq!(image.topic("a.b").unwrap().config, Pairs::new(), "the name's next topic starts afresh");
}

#[test]
fn records_that_contradict_the_image_are_refused_and_change_nothing() {
    let base = image(&[created(1, "a"), partition(1, 0, 5, 5)]);
    let missing = id(9);
    let cases = [
        (created(2, "a"), ApplyError::TopicExists(TopicName::new("a").unwrap())),
        (created(1, "b"), ApplyError::TopicExists(TopicName::new("b").unwrap())),
        (partition(9, 0, 0, 0), ApplyError::UnknownTopic(missing)),
        (partition(1, 2, 0, 0), ApplyError::PartitionGap(id(1), PartitionIndex(2))),
        (partition(1, 0, 4, 6), ApplyError::EpochWentBack(id(1), PartitionIndex(0))),
        (partition(1, 0, 6, 5), ApplyError::EpochWentBack(id(1), PartitionIndex(0))),
        (Record::TopicDeleted { id: missing }, ApplyError::UnknownTopic(missing)),
        (
            Record::ConfigChanged { scope: ConfigScope::Topic(missing), name: "x".into(), value: None },
            ApplyError::UnknownTopic(missing),
        ),
        (
            Record::BrokerFencingChanged { id: BrokerId(3), fenced: true },
            ApplyError::UnknownBroker(BrokerId(3)),
        ),
        (
            Record::FeatureLevelChanged { name: METADATA_VERSION.to_owned(), level: 3 },
            ApplyError::MetadataVersion(3),
        ),
    ];
    for (record, error) in cases {
        let mut image = base.clone();
        assert_eq!(image.apply(&record), Err(error));
        assert_eq!(image, base);
    }
}

#[test]
fn a_published_image_does_not_change_with_the_next_record() {
    let mut live = image(&[created(1, "a"), partition(1, 0, 0, 0)]);
    let published = live.clone();
    live.apply(&partition(1, 0, 1, 1)).unwrap();
    live.apply(&created(2, "b")).unwrap();
    assert_eq!(published, image(&[created(1, "a"), partition(1, 0, 0, 0)]));
}

#[test]
fn publishing_shares_the_topics_that_did_not_change() {
    let records: Vec<_> = (0..10_000).map(|n| created(n + 10, &format!("topic-{n}"))).collect();
    let mut live = image(&records);
    let published = live.clone();
    live.apply(&partition(10, 0, 0, 0)).unwrap();
    let shared = |name: &str| Arc::ptr_eq(live.topic(name).unwrap(), published.topic(name).unwrap());
    assert!(shared("topic-1") && shared("topic-9999") && !shared("topic-0"));
}

#[test]
fn a_setting_that_goes_back_to_its_default_leaves_nothing_behind() {
    let change = |scope, value: Option<&str>| Record::ConfigChanged {
        scope,
        name: "log.retention.ms".to_owned(),
        value: value.map(str::to_owned),
    };
    let mut image = Image::default();
    for scope in [ConfigScope::AllBrokers, ConfigScope::Broker(BrokerId(1))] {
        image.apply(&change(scope, Some("5"))).unwrap();
    }
    assert_eq!(image.broker_config(BrokerId(1)).len(), 1);
    assert_eq!(image.broker_config(BrokerId(2)).len(), 0);
    for scope in [ConfigScope::AllBrokers, ConfigScope::Broker(BrokerId(1))] {
        image.apply(&change(scope, None)).unwrap();
    }
    assert_eq!(image, Image::default());
}
