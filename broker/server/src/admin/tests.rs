//! What the tests of single calls share: a small image, and references into it.

use uuid::Uuid;
use weir_admin::admin::v1;
use weir_core::controller::{
    Image, METADATA_VERSION, METADATA_VERSION_SUPPORTED, Partition, Record, Registration,
};
use weir_model::{BrokerId, Incarnation, PartitionIndex, TopicId, TopicName};

use super::words::{broker_ref, partition_ref};

pub(super) const DISK: u128 = 5;
pub(super) const OTHER_DISK: u128 = 6;
/// Of the one topic of [`with_topic`].
pub(super) const TOPIC: TopicId = TopicId(Uuid::from_u128(7));

/// A cluster of four live brokers.
pub(super) fn image() -> Image {
    let mut image = Image::default();
    image.apply(&Record::ClusterCreated { id: Uuid::from_u128(99) }).unwrap();
    let (name, level) = (METADATA_VERSION.to_owned(), METADATA_VERSION_SUPPORTED);
    image.apply(&Record::FeatureLevelChanged { name, level }).unwrap();
    for id in 0..4 {
        let incarnation = Incarnation(Uuid::from_u128(DISK));
        let registration = Registration { id: BrokerId(id), incarnation, ..Registration::default() };
        image.apply(&Record::BrokerRegistered(registration)).unwrap();
    }
    image
}

/// With a topic of one partition on these brokers, all in sync.
pub(super) fn with_topic(mut image: Image, name: &str, replicas: &[i32]) -> Image {
    image.apply(&Record::TopicCreated { id: TOPIC, name: TopicName::new(name).unwrap() }).unwrap();
    let replicas: Vec<_> = replicas.iter().copied().map(BrokerId).collect();
    let leader = replicas.iter().copied().find(|id| image.is_active(*id));
    let state = Partition { isr: replicas.clone(), leader, replicas, ..Partition::default() };
    image.apply(&Record::PartitionChanged { topic: TOPIC, index: PartitionIndex(0), state }).unwrap();
    image
}

pub(super) fn reference(id: i32, disk: u128) -> v1::BrokerRef {
    broker_ref(BrokerId(id), Incarnation(Uuid::from_u128(disk)))
}

pub(super) fn partition(index: i32) -> v1::PartitionRef {
    partition_ref(TOPIC, PartitionIndex(index))
}
