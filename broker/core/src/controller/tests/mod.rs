//! Table tests of every command, and random commands against the promise that replay equals live.

mod alive;
mod brokers;
mod configs;
mod deletes;
mod eligible;
mod histories;
mod isr;
mod leaders;
mod leaving;
mod moves;
mod placing;
mod quorum;
mod topics;

use uuid::Uuid;
use weir_model::config::{BrokerConfig, Pairs, validate_broker_file};
use weir_model::{BrokerId, Incarnation};

use super::register_broker::RegisterBroker;
use super::*;
use crate::partition::IsrCause;

/// A small generator, enough to be repeatable.
fn seeded(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn config(file: &[(&str, &str)]) -> BrokerConfig {
    let file: Pairs = file.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    validate_broker_file(&file).unwrap()
}

fn applied(image: &mut Image, records: &[Record]) {
    for record in records {
        image.apply(record).unwrap();
    }
}

fn registering(id: i32, rack: Option<&str>, fenced: bool) -> RegisterBroker {
    RegisterBroker {
        id: BrokerId(id),
        incarnation: Incarnation(Uuid::from_u128(id as u128 + 100)),
        rack: rack.map(str::to_owned),
        endpoints: vec![BrokerEndpoint {
            listener: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
        }],
        peer: None,
        admin: None,
        versions: VersionRange::default(),
        fenced,
        clean: true,
    }
}

/// An image with so many active brokers, without racks.
fn cluster(brokers: i32) -> Image {
    let mut image = Image::default();
    for id in 0..brokers {
        let decision = register_broker::decide(&image, registering(id, None, false), &Pairs::new());
        applied(&mut image, &decision.records);
    }
    image
}

fn ids(brokers: &[i32]) -> Vec<BrokerId> {
    brokers.iter().map(|b| BrokerId(*b)).collect()
}

/// Adds a topic whose partitions have these replicas.
fn with_topic(mut image: Image, name: &str, assignments: &[&[i32]]) -> Image {
    let topic = create_topics::NewTopic {
        name: name.to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: (0..).zip(assignments.iter().map(|replicas| ids(replicas))).collect(),
        config: Vec::new(),
    };
    let command = create_topics::CreateTopics { topics: vec![topic], validate_only: false };
    let mut next = seeded(name.len() as u64 + image.topic_count() as u64);
    let decision = create_topics::decide(&image, &command, &config(&[]), &mut Entropy::new(&mut next));
    decision.reply[0].1.as_ref().unwrap();
    applied(&mut image, &decision.records);
    image
}

/// The first partition of a topic.
fn first(image: &Image, topic: &str) -> Partition {
    Partition::clone(&image.topic(topic).unwrap().partitions[0])
}

/// (leader, in sync, eligible) of a topic's first partition.
fn reign(image: &Image, topic: &str) -> (Option<i32>, Vec<i32>, Vec<i32>) {
    let p = first(image, topic);
    let numbers = |ids: &[BrokerId]| ids.iter().map(|b| b.0).collect();
    (p.leader.map(|b| b.0), numbers(&p.isr), numbers(&p.elr))
}

fn with_setting(mut image: Image, topic: &str, name: &str, value: &str) -> Image {
    let operation = alter_configs::Operation::Set;
    let change = alter_configs::Change { name: name.to_owned(), operation, value: Some(value.to_owned()) };
    let resources = vec![(ConfigResource::Topic(topic.to_owned()), vec![change])];
    let command = alter_configs::AlterConfigs { resources, validate_only: false };
    let decision = alter_configs::decide(&image, &command, &Pairs::new());
    decision.reply[0].1.as_ref().unwrap();
    applied(&mut image, &decision.records);
    image
}

fn epoch(image: &Image, id: i32) -> i64 {
    image.broker(BrokerId(id)).unwrap().registration.epoch
}

fn register(image: &mut Image, command: RegisterBroker) -> Result<i64, ControllerError> {
    let decision = register_broker::decide(image, command, &Pairs::new());
    applied(image, &decision.records);
    decision.reply
}

fn fence(image: &mut Image, id: i32, fenced: bool) {
    let decision = fence_broker::decide(image, BrokerId(id), epoch(image, id), fenced, &Pairs::new());
    decision.reply.unwrap();
    applied(image, &decision.records);
}

fn stop(image: &mut Image, id: i32) -> controlled_shutdown::StillLeads {
    let decision = controlled_shutdown::decide(image, BrokerId(id), epoch(image, id), &Pairs::new());
    applied(image, &decision.records);
    decision.reply.unwrap()
}

/// The leader of a topic's first partition says who is in sync.
fn propose(image: &mut Image, topic: &str, isr: &[i32]) -> Result<(), alter_partitions::IsrError> {
    let p = first(image, topic);
    let broker = p.leader.unwrap();
    let change = alter_partitions::IsrChange {
        topic: image.topic(topic).unwrap().id,
        index: weir_model::PartitionIndex(0),
        leader_epoch: p.leader_epoch,
        partition_epoch: p.partition_epoch,
        isr: isr.iter().map(|id| member(image, *id)).collect(),
        cause: IsrCause::InSync,
    };
    let broker_epoch = epoch(image, broker.0);
    let command = alter_partitions::AlterPartitions { broker, broker_epoch, partitions: vec![change] };
    let mut decision = alter_partitions::decide(image, &command, &Pairs::new());
    applied(image, &decision.records);
    decision.reply.as_mut().unwrap().remove(0).1.map(|state| assert_eq!(*state, first(image, topic)))
}

fn member(image: &Image, id: i32) -> alter_partitions::IsrMember {
    alter_partitions::IsrMember { broker: BrokerId(id), epoch: epoch(image, id) }
}

/// Another disk in the broker's place.
fn other_disk(id: i32, fenced: bool) -> RegisterBroker {
    RegisterBroker { incarnation: Incarnation(Uuid::from_u128(999)), ..registering(id, None, fenced) }
}
