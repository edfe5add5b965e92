//! Table tests of every command, and random commands against the promise that replay equals live.

mod brokers;
mod configs;
mod deletes;
mod histories;
mod placing;
mod topics;

use uuid::Uuid;
use weir_model::config::{BrokerConfig, Pairs, validate_broker_file};
use weir_model::{BrokerId, Incarnation};

use super::register_broker::RegisterBroker;
use super::*;

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
